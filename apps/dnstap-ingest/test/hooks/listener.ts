/** Our dnstap listener as a hook meets it, and a listener that is frozen. */
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { DnstapDecoder, messageTypeName } from '@dnstap-bgp/dnstap'
import { startDnstapServer } from '@dnstap-bgp/dnstap-server'
import { optionsFor } from '@dnstap-bgp/dnstap-server/testing'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { answerToText } from './answers.ts'

export interface Heard {
  /** Each frame in words: `CLIENT_RESPONSE www.example.org 192.0.2.1`. */
  readonly frames: string[]
  readonly identities: Set<string>
  /** When the resolver says that it answered, in milliseconds. */
  readonly timesMs: number[]
  close(): Promise<void>
}

export async function listen(path: string): Promise<Heard> {
  const decoder = new DnstapDecoder()
  const frames: string[] = []
  const identities = new Set<string>()
  const timesMs: number[] = []
  const server = await startDnstapServer(
    { ...optionsFor({ kind: 'unix', path }), mode: 0o666 },
    {
      clock: systemClock,
      log: silentLog,
      handler: {
        onFrame(_connection, bytes, start, end) {
          const fault = decoder.decode(bytes, start, end)
          if (fault !== 0) {
            frames.push(`malformed: ${fault}`)
            return
          }
          identities.add(Buffer.from(bytes.subarray(decoder.identityStart, decoder.identityEnd)).toString())
          timesMs.push(decoder.responseTimeSec * 1000 + Math.floor(decoder.responseTimeNsec / 1e6))
          const answer = answerToText(bytes, decoder.responseMessageStart, decoder.responseMessageEnd)
          frames.push(`${messageTypeName(decoder.messageType)} ${answer}`)
        },
      },
    },
  )
  return { frames, identities, timesMs, close: () => server.close() }
}

/** Takes connections and never reads from them. */
export async function listenFrozen(path: string): Promise<{ readonly connections: () => number; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    connections: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      rmSync(path, { force: true })
    },
  }
}
