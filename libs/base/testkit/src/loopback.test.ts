/** Ports and addresses of tests that run at the same time differ, in one process and in several. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freePort } from './loopback.ts'

test('processes that ask at the same time get ports and addresses that nobody else gets', async () => {
  const module = fileURLToPath(new URL('./loopback.ts', import.meta.url))
  const script = `
    const { freePort, loopbackAddress } = await import(${JSON.stringify(module)})
    const ports = []
    for (let i = 0; i < 50; i++) ports.push(await freePort('127.0.0.1'))
    console.log(JSON.stringify({ ports, addresses: Array.from({ length: 50 }, loopbackAddress) }))
    process.stdin.resume() // keeps what it has until all have answered`
  const children = Array.from({ length: 3 }, () => start(script))
  const answers = await Promise.all(children.map(({ answer }) => answer))
  for (const { end } of children) end()
  const ports = answers.flatMap((answer) => answer.ports)
  const addresses = answers.flatMap((answer) => answer.addresses)
  expect(new Set(ports).size).toBe(150)
  expect(new Set(addresses).size).toBe(150)
})

test('a port is free, and no outgoing connection can get it', async () => {
  const port = await freePort('127.0.0.1')
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  server.close()
  expect(port).toBeLessThan(32_768)
})

test('an address that this machine does not have is an error', async () => {
  await expect(freePort('192.0.2.1')).rejects.toThrow(/EADDRNOTAVAIL/)
})

interface Answer {
  readonly ports: number[]
  readonly addresses: string[]
}

function start(script: string): { answer: Promise<Answer>; end: () => void } {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const answer = new Promise<Answer>((resolve, reject) => {
    child.once('error', reject)
    child.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString()) as Answer))
  })
  return { answer, end: () => child.stdin.end() }
}
