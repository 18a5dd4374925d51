// Fails when two libs export the same name for different things, or when two source files of different libs have the same name: a reader
// who searches for a name should find one meaning. Exceptions stand below, each with its reason.
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** File names that say which part of a lib they are, not what they hold. */
const FILES_OF_EACH_LIB = {
  'index.ts': 'the public face of a lib',
  'main.ts': 'the entry point of an app',
  'config.ts': 'the settings of a service',
  'options.ts': 'the settings of a backend',
  'metrics.ts': 'the metrics of a service or driver',
  'describe-metrics.ts': 'the metrics of a service that are described by its state',
  'conformance.ts': 'what each implementation of a port has to pass',
}

/** Names that several libs export, and why. */
const SHARED_NAMES = {
  status: 'a command of the CLI, and the reply of its endpoint',
  senders: 'a command of the CLI, and the reply of its endpoint',
  forget: 'a command of the CLI, and the reply of its endpoint',
  backup: 'a command of the CLI, and the reply of its endpoint',
  match: 'a command of the CLI, and the reply of its endpoint',
  MessageType: "RFC 4271's word, and dnstap.proto's",
}

/** Files with the same name in several libs, and why. */
const SHARED_FILES = {
  'explain.ts': 'a command of the CLI, and the cache that answers it',
  'ingest.ts': 'the service, and its replies in admin-api',
  'cache.ts': 'the service, and its replies in admin-api',
  'announcer.ts': 'the service, and its replies in admin-api',
  'lists.ts': 'a command of the CLI, and its replies in admin-api',
}

const DEFINITION = /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type) (\w+)/gm

/**
 * @param {{ file: string, text: string }[]} sources
 * @param {{ names: object, files: object }} allowed
 * @returns {string[]} one sentence for each clash, and for each exception that is not needed any more
 */
export function clashes(sources, allowed) {
  const names = new Map()
  const files = new Map()
  for (const { file, text } of sources) {
    if (!(basename(file) in FILES_OF_EACH_LIB)) note(files, basename(file), file)
    for (const [, name] of text.matchAll(DEFINITION)) note(names, name, file)
  }
  return [
    ...faults(names, allowed.names, (name, places) => `${name} is exported by ${places}: give each thing a name of its own`),
    ...faults(files, allowed.files, (name, places) => `${name} is the name of ${places}: name each file after what it holds`),
  ]
}

function note(found, name, file) {
  const places = found.get(name) ?? []
  if (!places.includes(file)) places.push(file)
  found.set(name, places)
}

function faults(found, allowed, sentence) {
  const shared = [...found].filter(([, places]) => new Set(places.map(libOf)).size > 1)
  const unneeded = Object.keys(allowed).filter((name) => !shared.some(([other]) => other === name))
  return [
    ...shared.filter(([name]) => !(name in allowed)).map(([name, places]) => sentence(name, places.join(', '))),
    ...unneeded.map((name) => `${name} is shared no more: remove it from the exceptions in tools/names.mjs`),
  ]
}

/** apps/cli/src/main.ts -> apps/cli */
function libOf(file) {
  return file.slice(0, file.indexOf('/src/'))
}

function readSources() {
  return ['apps', 'libs']
    .flatMap((top) => readdirSync(top, { recursive: true, encoding: 'utf8' }).map((file) => join(top, file)))
    .filter(
      (file) =>
        /\/src\/.*\.ts$/.test(file) && !/\/(node_modules|dist|generated|testing)\/|\.test\.ts$|^libs\/base\/testkit\//.test(file),
    )
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const sources = readSources()
  const found = clashes(sources, { names: SHARED_NAMES, files: SHARED_FILES })
  for (const sentence of found) console.error(sentence)
  console.log(`names: ${sources.length} files, ${found.length} clashes`)
  process.exitCode = found.length > 0 ? 1 : 0
}
