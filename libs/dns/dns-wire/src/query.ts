/** Writes a DNS query. Names and types are ours, so nothing is checked. */

export const QueryType = { A: 1, PTR: 12, AAAA: 28, HTTPS: 65 } as const

const HEADER_LENGTH = 12
const FLAG_RD = 0x0100
const CLASS_IN = 1

/**
 * A message with one question and RD set (RFC 1035 §4.1): id, flags, QDCOUNT 1, three counts of 0, then QNAME (wire format, uncompressed),
 * QTYPE, QCLASS IN.
 */
export function encodeQuery(id: number, qname: Uint8Array, qtype: number): Uint8Array {
  const message = new Uint8Array(HEADER_LENGTH + qname.length + 4)
  const view = new DataView(message.buffer)
  view.setUint16(0, id)
  view.setUint16(2, FLAG_RD)
  view.setUint16(4, 1)
  message.set(qname, HEADER_LENGTH)
  view.setUint16(HEADER_LENGTH + qname.length, qtype)
  view.setUint16(HEADER_LENGTH + qname.length + 2, CLASS_IN)
  return message
}
