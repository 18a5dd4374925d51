// Pins the base images by digest: node tools/pin-images.mjs [FILE], where the images' registry can be reached. Writes FILE (default .env, which
// docker compose reads by itself) with NODE_IMAGE, NATS_IMAGE and REDIS_IMAGE as NAME:TAG@sha256:DIGEST. Run it again to take newer ones.
// Without it the tags of TAGS are used. No digest stands in the repository: one can only be told by the registry, and goes stale.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const TAGS = { NODE_IMAGE: 'node:24-bookworm-slim', NATS_IMAGE: 'nats:2.10-alpine', REDIS_IMAGE: 'redis:7-bookworm' }
const file = process.argv[2] ?? '.env'

const lines = Object.entries(TAGS).map(([name, tag]) => {
  const asked = spawnSync('docker', ['buildx', 'imagetools', 'inspect', tag, '--format', '{{.Manifest.Digest}}'], {
    encoding: 'utf8',
  })
  const digest = asked.stdout?.trim()
  if (!/^sha256:[0-9a-f]{64}$/.test(digest ?? '')) {
    console.error(
      `The digest of ${tag} cannot be had: ${(asked.stderr ?? asked.error?.message ?? '').trim() || 'docker buildx gave none'}`,
    )
    process.exit(1)
  }
  return `${name}=${tag}@${digest}`
})
const others = existsSync(file)
  ? readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !/^(NODE|NATS|REDIS)_IMAGE=/.test(line))
  : []
writeFileSync(file, `${[...others, ...lines].join('\n')}\n`)
console.log(`${file}:\n${lines.join('\n')}`)
