// `npm run sbom`: dist/sbom/PROGRAM.cdx.json for each image, and for the Debian package, which is the all-in-one. After the build.
// The same file lies in each image (/opt/dnstap-bgp/sbom.cdx.json) and in the package (/usr/lib/dnstap-bgp/all-in-one/sbom.cdx.json).
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run } from './setup.mjs'

mkdirSync(join(root, 'dist/sbom'), { recursive: true })
const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-sbom-'))
try {
  for (const app of ['all-in-one', 'dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway']) {
    if (!run(process.execPath, ['tools/runtime-packages.mjs', app, join(folder, app)])) process.exit(1)
    cpSync(join(folder, app, 'sbom.cdx.json'), join(root, `dist/sbom/${app}.cdx.json`))
    console.log(`dist/sbom/${app}.cdx.json`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
