#!/usr/bin/env node
// The command in a checkout: the built program, or a sentence about how to build it.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../../dist/apps/cli/main.js', import.meta.url))
if (existsSync(main)) await import(main)
else {
  console.error('dnstap-bgp is not built yet: run `npm start` or `npm run build` in the checkout first.')
  process.exitCode = 1
}
