import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isInstalled, makeCertificates, startNats, startRedis, startSentinel } from '../src/index.ts'

describe.skipIf(!isInstalled('nats-server'))('startNats', () => {
  test('serves, dies, and serves again on the same port', async () => {
    const nats = await startNats()
    const { pid, folder } = nats
    expect(nats.url).toBe(`127.0.0.1:${nats.port}`)
    await nats.kill()
    await nats.restart({ loseData: true })
    expect(nats.pid).not.toBe(pid)
    await nats.remove()
    expect(existsSync(folder)).toBe(false)
  })

  test('takes certificates and credentials', async () => {
    const certificates = makeCertificates()
    const nats = await startNats({
      tls: { ...certificates.server, clientCaFile: certificates.caFile },
      user: { name: 'dnstap', password: 'secret' },
    })
    await nats.remove()
  })
})

describe.skipIf(!isInstalled('redis-server'))('startRedis', () => {
  test('serves, dies, and serves again on the same port; a Sentinel watches it', async () => {
    const redis = await startRedis({ persistent: true, password: 'secret' })
    const sentinel = await startSentinel({ master: { host: redis.host, port: redis.port, password: 'secret' } })
    await sentinel.remove()
    await redis.kill()
    await redis.restart()
    await redis.remove()
  })

  test('takes certificates and users', async () => {
    const certificates = makeCertificates()
    const redis = await startRedis({
      tls: { ...certificates.server, caFile: certificates.caFile },
      users: { dnstap: '>secret ~* +@all' },
    })
    await redis.remove()
  })
})
