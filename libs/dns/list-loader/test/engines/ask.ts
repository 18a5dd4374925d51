/** Questions to a real DNS server over one UDP socket, a few dozen at a time. */
import { textToName } from '@dnstap-bgp/dns-wire'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

export interface DnsServerAddress {
  readonly address: string
  readonly port: number
}

/** What the server said: its code, whether it wants the question by TCP, and the first address, if there is one. */
export interface EngineAnswer {
  readonly rcode: number
  readonly truncated: boolean
  readonly address: string | undefined
}

/** Asks for the A records of all names; the answers come in the same order. Throws when one stays without. */
export async function askAll(server: DnsServerAddress, names: readonly string[]): Promise<EngineAnswer[]> {
  const socket = createSocket('udp4')
  socket.connect(server.port, server.address)
  await once(socket, 'connect')
  socket.on('error', () => {}) // A server that does not listen yet; the question is asked again.
  const waiting = new Map<number, (answer: EngineAnswer) => void>()
  socket.on('message', (message) => {
    const answered = waiting.get(message.readUInt16BE(0))
    if (answered !== undefined) answered(readAnswer(message))
  })
  const answers: EngineAnswer[] = []
  let next = 0
  const askOneByOne = async () => {
    for (let index = next++; index < names.length; index = next++)
      answers[index] = await ask(socket, waiting, index, names[index] ?? '')
  }
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, askOneByOne))
  } finally {
    socket.close()
  }
  return answers
}

async function ask(socket: Socket, waiting: Map<number, (answer: EngineAnswer) => void>, index: number, name: string) {
  const id = index & 0xffff
  const message = query(id, name)
  let again: NodeJS.Timeout | undefined
  try {
    return await new Promise<EngineAnswer>((resolve, reject) => {
      let tries = 0
      const send = () => {
        if (++tries > TRIES) reject(new Error(`no answer to ${name}`))
        else socket.send(message, () => {})
      }
      waiting.set(id, resolve)
      again = setInterval(send, AGAIN_MS)
      send()
    })
  } finally {
    clearInterval(again)
    waiting.delete(id)
  }
}

const IN_FLIGHT = 48
const AGAIN_MS = 1000
const TRIES = 30

/** As on the wire, without compression. */
export function wireName(name: string): Uint8Array {
  const wire = textToName(name)
  if (wire === undefined) throw new Error(`${name} is no name`)
  return wire
}

/** A question for A with recursion desired (RFC 1035 §4.1). */
function query(id: number, name: string): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, wireName(name), Buffer.from([0, 1, 0, 1])])
}

function readAnswer(message: Buffer): EngineAnswer {
  const rcode = message.readUInt8(3) & 15
  const truncated = (message.readUInt8(2) & 2) !== 0
  let at = afterName(message, 12) + 4
  for (let records = message.readUInt16BE(6); records > 0; records--) {
    at = afterName(message, at)
    const length = message.readUInt16BE(at + 8)
    if (message.readUInt16BE(at) === 1)
      return { rcode, truncated, address: message.subarray(at + 10, at + 10 + length).join('.') }
    at += 10 + length
  }
  return { rcode, truncated, address: undefined }
}

function afterName(message: Buffer, from: number): number {
  let at = from
  for (;;) {
    const length = message.readUInt8(at)
    if (length >= 0xc0) return at + 2
    at += 1 + length
    if (length === 0) return at
  }
}
