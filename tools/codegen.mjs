// Makes the static protobuf code of libs/steering from proto/steering.proto. Its output is not committed.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const out = 'libs/steering/src/generated'
const cli = dirname(createRequire(import.meta.url).resolve('protobufjs-cli/package.json'))
const run = (tool, ...args) =>
  execFileSync(process.execPath, [join(cli, 'bin', tool), ...args], { stdio: ['ignore', 'inherit', 'inherit'] })

mkdirSync(out, { recursive: true })
run(
  'pbjs',
  '-t',
  'static-module',
  '-w',
  'es6',
  '--no-create',
  '--no-verify',
  '--no-convert',
  '--no-delimited',
  '--no-typeurl',
  '--no-service',
  '-o',
  `${out}/steering.js`,
  'proto/steering.proto',
)
run('pbts', '-o', `${out}/steering.d.ts`, `${out}/steering.js`)
// An ES module of Node's asks for the file by its whole name.
const file = `${out}/steering.js`
writeFileSync(file, readFileSync(file, 'utf8').replace('"protobufjs/minimal"', '"protobufjs/minimal.js"'))
console.log(`codegen: ${file}`)
