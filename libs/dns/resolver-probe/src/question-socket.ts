/**
 * The sockets that questions leave from: UDP with several fixed ports, or one TCP connection. They are opened again when they break.
 *
 * It moves messages. What is asked, when, and what an answer means is decided by the caller. A question that cannot be sent now is lost.
 */
import type { Clock } from '@dnstap-bgp/runtime'
import { TcpQuestions } from './tcp-questions.ts'
import { UdpQuestions } from './udp-questions.ts'

export interface QuestionSocket {
  /** Sends what can be sent now. `source` chooses one of the source ports; any number. */
  send(messages: readonly Uint8Array[], source: number): void
  close(): void
}

export interface QuestionSocketOptions {
  readonly address: string
  readonly port: number
  readonly clock: Clock
  /** A message from the resolver. */
  readonly onMessage: (message: Uint8Array) => void
  /** A socket asks from here now; the function that it returns is called when it no longer does. */
  readonly onOpen: (localAddress: string, localPort: number) => () => void
}

export type OpenQuestionSocket = (options: QuestionSocketOptions) => QuestionSocket

export const openTcp: OpenQuestionSocket = (options) => new TcpQuestions(options)

export function openUdp(sourcePorts: number): OpenQuestionSocket {
  return (options) => {
    const ports = Array.from({ length: sourcePorts }, () => new UdpQuestions(options))
    return {
      send: (messages, source) => ports[source % sourcePorts].send(messages),
      close: () => ports.forEach((port) => port.close()),
    }
  }
}

/** A broken socket is opened again after this time, doubled each time up to the longest. */
export const RETRY = { firstMs: 500, longestMs: 10_000 }
