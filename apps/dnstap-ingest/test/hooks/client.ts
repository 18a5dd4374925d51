/** A DNS client for many questions: all by UDP from one socket. */
import { createSocket, type Socket } from 'node:dgram'
import type { DnsServer } from '@dnstap-bgp/testkit'
import { answerToText } from './answers.ts'

const TYPES = { A: 1, AAAA: 28 } as const

export interface QuestionOptions {
  readonly type?: keyof typeof TYPES
  /** CD: the client does not want the resolver to check signatures. */
  readonly checkingDisabled?: boolean
}

export class Client {
  readonly #socket: Socket
  readonly #server: DnsServer
  readonly #waiting = new Map<number, (answer: Buffer) => void>()
  #lastId = 0

  private constructor(socket: Socket, server: DnsServer) {
    this.#socket = socket
    this.#server = server
    socket.on('message', (answer) => {
      const id = answer.readUInt16BE(0)
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
  }

  static async open(server: DnsServer): Promise<Client> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    return new Client(socket, server)
  }

  /** What the answer says. A question that nobody answers is never settled: the test's own limit ends it. */
  ask(name: string, { type = 'A', checkingDisabled = false }: QuestionOptions = {}): Promise<string> {
    const id = (this.#lastId = (this.#lastId + 1) & 0xffff)
    return new Promise((resolve) => {
      this.#waiting.set(id, (answer) => resolve(answerToText(answer)))
      this.#socket.send(question(id, name, TYPES[type], checkingDisabled), this.#server.port, this.#server.address)
    })
  }

  /** Asks for all, so many at a time; the answers in the order of the names. */
  async askAll(names: readonly string[], atOnce = 20): Promise<string[]> {
    const answers: string[] = []
    let next = 0
    const worker = async () => {
      for (let i = next++; i < names.length; i = next++) answers[i] = await this.ask(names[i])
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    return answers
  }

  close(): void {
    this.#socket.close()
  }
}

/** Header (id, RD and perhaps CD, one question), QNAME, QTYPE, QCLASS IN (RFC 1035 §4.1). */
function question(id: number, name: string, type: number, checkingDisabled: boolean): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, checkingDisabled ? 0x10 : 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1])])
}
