/** A call with one reply, carried as an answer of one part: so both buses have one way to answer. */
import { BusError, type Call, type StreamCall } from './bus.ts'

export function asStreamCall<Request, Reply>({ name, request, reply }: Call<Request, Reply>): StreamCall<Request, Reply> {
  return { name, request, part: reply }
}

export async function* asParts<Reply>(reply: Promise<Reply>): AsyncIterable<Reply> {
  yield await reply
}

/** @throws BusError when there is not exactly one part */
export async function onlyPart<Reply>(name: string, parts: AsyncIterable<Reply>): Promise<Reply> {
  const all: Reply[] = []
  for await (const part of parts) {
    all.push(part)
    if (all.length > 1) break
  }
  const [reply] = all
  if (all.length !== 1) throw new BusError(`the server of ${name} gave ${all.length === 0 ? 'no reply' : 'more than one reply'}`)
  return reply as Reply
}
