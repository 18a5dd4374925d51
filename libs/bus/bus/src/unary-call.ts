/** A call with one reply, carried as an answer of one part: so both buses have one way to answer. */
import { BusError, type Call, type StreamCall } from './bus.ts'

export function asStreamCall<Request, Reply>({ name, request, reply }: Call<Request, Reply>): StreamCall<Request, Reply> {
  return { name, request, part: reply }
}

export async function* asParts<Reply>(reply: Promise<Reply>): AsyncIterable<Reply> {
  yield await reply
}

/**
 * The first part is the reply. It does not wait for the end of the answer, which a server may never send.
 *
 * @throws BusError when the answer ends without a part
 */
export async function firstPart<Reply>(name: string, parts: AsyncIterable<Reply>): Promise<Reply> {
  for await (const reply of parts) return reply
  throw new BusError(`the server of ${name} gave no reply`)
}
