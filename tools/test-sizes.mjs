// Fails when a file of tests has more than 500 lines, or a single test more than 60: a test is read as often as code, mostly in a hurry.
// Set-up goes into helpers in testing/; a test of two behaviours becomes two tests.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { execFileSync } from 'node:child_process'
import ts from 'typescript'

const MAX_FILE_LINES = 500
const MAX_TEST_LINES = 60

/**
 * @param {{ file: string, text: string }[]} sources
 * @returns {string[]} one sentence for each file or test that is too long
 */
export function tooLong(sources) {
  return sources.flatMap(({ file, text }) => {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
    const lines = lineOf(source, source.end)
    const isFileTooLong = file.endsWith('.test.ts') && lines > MAX_FILE_LINES
    return [
      ...(isFileTooLong ? [`${file} has ${lines} lines: split it, at most ${MAX_FILE_LINES}`] : []),
      ...testsIn(source, source)
        .filter((test) => test.lines > MAX_TEST_LINES)
        .map((test) => `${file}:${test.line} is a test of ${test.lines} lines: at most ${MAX_TEST_LINES}`),
    ]
  })
}

/** The bodies of test() and it(), with modifiers (test.each(...)(...), test.skipIf(...)(...)) or without. */
function testsIn(source, node) {
  const body = ts.isCallExpression(node) && isTest(node.expression) ? node.arguments.find(isFunction) : undefined
  const own = []
  if (body !== undefined) {
    const line = lineOf(source, body.getStart(source)) + 1
    own.push({ line, lines: lineOf(source, body.end) + 2 - line })
  }
  const nested = []
  ts.forEachChild(node, (child) => void nested.push(...testsIn(source, child)))
  return [...own, ...nested]
}

function isTest(callee) {
  let at = callee
  while (!ts.isIdentifier(at)) {
    if (ts.isTaggedTemplateExpression(at)) at = at.tag
    else if (ts.isCallExpression(at) || ts.isPropertyAccessExpression(at)) at = at.expression
    else return false
  }
  return at.text === 'test' || at.text === 'it'
}

function isFunction(node) {
  return ts.isArrowFunction(node) || ts.isFunctionExpression(node)
}

/** Counted from 0. */
function lineOf(source, position) {
  return source.getLineAndCharacterOfPosition(position).line
}

/** Tests of the tree, and the suites in testing/ that several implementations run. */
function readTests() {
  return execFileSync('git', ['ls-files', '*.test.ts', '**/testing/*.ts', '**/conformance.ts'], { encoding: 'utf8' })
    .split('\n')
    .filter((file) => file !== '')
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const sources = readTests()
  const found = tooLong(sources)
  for (const sentence of found) console.error(sentence)
  console.log(`test sizes: ${sources.length} files, ${found.length} too long`)
  process.exitCode = found.length > 0 ? 1 : 0
}
