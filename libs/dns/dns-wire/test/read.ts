/** What ResponseReader finds, in the form its slow twin has. */
import { nameLength, ResponseReader, responseFaultName } from '../src/index.ts'
import type { SlowResponse } from './slow-response.ts'

export const reader = new ResponseReader()

/** Reads a message that stands in the middle of other bytes, which must not be looked at. */
export function read(message: Uint8Array): SlowResponse | string {
  const bytes = new Uint8Array(message.length + 400).fill(0x01)
  bytes.set(message, 100)
  const code = reader.read(bytes, 100, 100 + message.length)
  return code === 0 ? found(bytes) : responseFaultName(code)
}

export function found(bytes: Uint8Array): SlowResponse {
  const hex = (from: Uint8Array, offset: number, length: number) =>
    Buffer.from(from.subarray(offset, offset + length)).toString('hex')
  const chain = Array.from({ length: reader.chainLength }, (_, index) => {
    const from = reader.chainBytes(index)
    const offset = reader.chainOffset(index)
    const name = Buffer.from(from.subarray(offset, offset + nameLength(from, offset)))
    for (let i = 0; i < name.length; i++) if (name[i]! >= 0x41 && name[i]! <= 0x5a) name[i]! += 0x20
    return name.toString('hex')
  })
  return {
    qtype: reader.qtype,
    truncated: reader.truncated,
    looped: reader.looped,
    chain,
    chainTtls: chain.map((_, index) => reader.chainTtl(index)),
    addresses: Array.from(
      { length: reader.addressCount },
      (_, i) =>
        `${reader.addressOwner[i]} ${hex(bytes, reader.addressOffset[i]!, reader.addressLength[i]!)} ${reader.addressTtl[i]}`,
    ).sort(),
    offChain: reader.offChainRecords,
    otherClass: reader.otherClassRecords,
    malformed: reader.malformedRecords,
    excess: reader.excessRecords,
  }
}
