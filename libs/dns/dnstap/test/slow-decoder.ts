/**
 * The obvious twin of DnstapDecoder: generic protobuf first, into a list of fields with BigInt values, then the meaning.
 * Throws on whatever the decoder calls a fault.
 */
export interface SlowFrame {
  [field: string]: number | string
}

interface Field {
  number: number
  wireType: number
  value: bigint | Uint8Array
}

const MESSAGE_FIELDS: Record<number, { name: string; kind: 'bytes' | 'uint32' | 'uint64' | 'fixed32' | 'enum'; last?: number }> =
  {
    1: { name: 'messageType', kind: 'enum', last: 14 },
    4: { name: 'queryAddress', kind: 'bytes' },
    5: { name: 'responseAddress', kind: 'bytes' },
    6: { name: 'queryPort', kind: 'uint32' },
    12: { name: 'responseTimeSec', kind: 'uint64' },
    13: { name: 'responseTimeNsec', kind: 'fixed32' },
    14: { name: 'responseMessage', kind: 'bytes' },
  }
const DNSTAP_FIELDS: typeof MESSAGE_FIELDS = {
  1: { name: 'identity', kind: 'bytes' },
  2: { name: 'version', kind: 'bytes' },
}
const WIRE_TYPE = { enum: 0, uint32: 0, uint64: 0, bytes: 2, fixed32: 5 }

export function slowDecode(bytes: Uint8Array): SlowFrame {
  const frame: SlowFrame = {}
  for (const { name, kind } of [...Object.values(DNSTAP_FIELDS), ...Object.values(MESSAGE_FIELDS)])
    frame[name] = kind === 'bytes' ? '' : 0
  let hasMessage = false
  for (const field of parseFields(bytes)) {
    if (field.number === 14 && field.wireType === 2) {
      hasMessage = true
      for (const inner of parseFields(field.value as Uint8Array)) put(frame, MESSAGE_FIELDS, inner)
    } else put(frame, DNSTAP_FIELDS, field)
  }
  if (!hasMessage) throw new Error('no-message')
  return frame
}

function put(frame: SlowFrame, fields: typeof MESSAGE_FIELDS, field: Field): void {
  const known = fields[field.number]
  if (known === undefined || WIRE_TYPE[known.kind] !== field.wireType) return
  if (known.kind === 'bytes') frame[known.name] = Buffer.from(field.value as Uint8Array).toString('hex')
  else {
    let number = field.value as bigint
    if (known.kind !== 'uint64') number &= 0xffffffffn
    if (number > BigInt(Number.MAX_SAFE_INTEGER)) number = BigInt(Number.MAX_SAFE_INTEGER)
    if (known.kind === 'enum' && (number < 1n || number > BigInt(known.last ?? 0))) return
    frame[known.name] = Number(number)
  }
}

function* parseFields(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const need = (count: number) => {
    if (count > bytes.length - at) throw new Error('truncated')
  }
  const varint = (maxBytes: number, maxValue: bigint) => {
    let value = 0n
    for (let i = 0; i < maxBytes; i++) {
      need(1)
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) {
        if (value > maxValue) throw new Error('overlong-varint')
        return value
      }
    }
    throw new Error('overlong-varint')
  }
  while (at < bytes.length) {
    const key = Number(varint(5, 0xffffffffn))
    const number = Math.floor(key / 8)
    const wireType = key % 8
    if (number === 0) throw new Error('field-number-zero')
    if (wireType === 0) yield { number, wireType, value: varint(10, 0xffffffffffffffffn) }
    else if (wireType === 1 || wireType === 5) {
      const size = wireType === 1 ? 8 : 4
      need(size)
      let value = 0n
      for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!)
      at += size
      yield { number, wireType, value }
    } else if (wireType === 2) {
      const length = Number(varint(10, 0xffffffffffffffffn))
      need(length)
      yield { number, wireType, value: bytes.slice(at, at + length) }
      at += length
    } else throw new Error('group-or-unknown-wire-type')
  }
}
