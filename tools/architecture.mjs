// Keeps the table of libs in docs/architecture.md equal to the tree: `node tools/architecture.mjs --write` makes it anew from package.json,
// the READMEs and the imports. Without --write it fails when the page differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { readWorkspace } from './boundaries.mjs'
import { root } from './setup.mjs'

const PAGE = `${root}docs/architecture.md`
const BEGIN = '<!-- made by node tools/architecture.mjs --write -->\n'
const END = '<!-- end -->\n'
const LAYERS = ['app', 'service', 'backend', 'driver', 'domain', 'protocol', 'test']

/**
 * @param {{ name: string, dir: string, layer: string }[]} projects
 * @param {{ file: string, text: string, isTest: boolean }[]} sources
 * @param {(dir: string) => string} descriptionOf
 * @returns {string} one row for each app and lib: what it is, and which libs its shipped code imports
 */
export function tableOfLibs(projects, sources, descriptionOf) {
  const dirOf = new Map(projects.map(({ name, dir }) => [name, dir]))
  const rows = projects
    .toSorted((a, b) => LAYERS.indexOf(a.layer) - LAYERS.indexOf(b.layer) || (a.dir < b.dir ? -1 : 1))
    .map(({ dir, layer }) => {
      const texts = sources.filter(({ file, isTest }) => !isTest && file.startsWith(`${dir}/src/`)).map(({ text }) => text)
      const names = texts.flatMap((text) => [...text.matchAll(/\bfrom '(@dnstap-bgp\/[^'/]+)'/g)].map(([, name]) => name))
      const imports = [...new Set(names)].map((name) => shortName(dirOf.get(name) ?? name)).sort()
      return `| ${layer} | \`${dir}\` | ${descriptionOf(dir)} | ${imports.join(', ') || '–'} |\n`
    })
  return `| layer | folder | what it is | imports |\n| --- | --- | --- | --- |\n${rows.join('')}`
}

/** The page with its table replaced. */
export function withTable(page, table) {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`docs/architecture.md has no ${BEGIN.trim()} with ${END.trim()} after it`)
  return `${page.slice(0, begin + BEGIN.length)}\n${table}\n${page.slice(end)}`
}

/** The first sentence under "Name" in the README of a lib, or the first of an app's. */
export function firstSentence(readme) {
  const paragraph =
    /(?:^\*\*Name\.\*\*|^## Name\n)\s*([^\n][\s\S]*?)\n\s*\n/m.exec(readme)?.[1] ??
    /^# .*\n\s*\n([\s\S]*?)\n\s*\n/.exec(readme)?.[1] ??
    ''
  const text = paragraph.replace(/\s+/g, ' ').trim()
  const sentence = /^.*?[.?](?= [A-Z]|$)/.exec(text)?.[0] ?? text
  const bare = sentence.replace(/^(`@dnstap-bgp\/)?[\w-]+`?(\s\(layer: \w+\))?:\s/, '').replace(/^`@dnstap-bgp\/[\w-]+`\s/, '')
  return (bare.charAt(0).toUpperCase() + bare.slice(1)).replace(/\.$/, '')
}

function shortName(dir) {
  return dir.startsWith('libs/services/') ? `services/${dir.slice('libs/services/'.length)}` : dir.slice(dir.lastIndexOf('/') + 1)
}

/** The page as it is, and as it should be. */
export function architecturePages() {
  const { projects, sources } = readWorkspace()
  const page = readFileSync(PAGE, 'utf8')
  const describe = (dir) =>
    existsSync(`${root}${dir}/README.md`) ? firstSentence(readFileSync(`${root}${dir}/README.md`, 'utf8')) : ''
  return { page, expected: withTable(page, tableOfLibs(projects, sources, describe)) }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { page, expected } = architecturePages()
  if (process.argv.includes('--write')) writeFileSync(PAGE, expected)
  else if (page !== expected) {
    console.error('docs/architecture.md differs from the tree: run node tools/architecture.mjs --write')
    process.exitCode = 1
  }
}
