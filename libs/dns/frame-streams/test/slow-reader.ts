/**
 * The obvious twin of FrameStreamReader: it has the whole stream in one array, cuts it from the front, and copies freely.
 */
export interface SlowResult {
  frames: string[]
  answers: string[]
  state: string
  refusal: string | undefined
}

const OURS = 'protobuf:dnstap.Dnstap'
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

export function slowRead(stream: Uint8Array, maxFrameLength = 262_144): SlowResult {
  const result: SlowResult = { frames: [], answers: [], state: 'opening', refusal: undefined }
  const refuse = (reason: string) => {
    result.state = 'refused'
    result.refusal = reason
    return result
  }
  let bidirectional = false
  let rest = Buffer.from(stream)
  while (rest.length >= 4) {
    const length = rest.readUInt32BE(0)
    if (length > 0) {
      if (result.state !== 'streaming') return refuse('data-before-start')
      if (length > maxFrameLength) return refuse('frame-too-long')
      if (rest.length < 4 + length) break
      result.frames.push(hex(rest.subarray(4, 4 + length)))
      rest = rest.subarray(4 + length)
      continue
    }
    if (rest.length < 8) break
    const controlLength = rest.readUInt32BE(4)
    if (controlLength > 512) return refuse('control-frame-too-long')
    if (rest.length < 8 + controlLength) break
    const control = parseControl(rest.subarray(8, 8 + controlLength))
    rest = rest.subarray(8 + controlLength)
    if (control === undefined) return refuse('malformed-control-frame')
    const ours = control.types.length === 0 || control.types.includes(OURS)
    if (control.type === 4 && result.state === 'opening') {
      if (!ours) return refuse('wrong-content-type')
      bidirectional = true
      result.state = 'accepted'
      result.answers.push(`0000000000000022000000010000000100000016${hex(Buffer.from(OURS))}`)
    } else if (control.type === 2 && (result.state === 'opening' || result.state === 'accepted')) {
      if (!ours) return refuse('wrong-content-type')
      result.state = 'streaming'
    } else if (control.type === 3 && result.state === 'streaming') {
      result.state = 'finished'
      if (bidirectional) result.answers.push('000000000000000400000005')
      return result
    } else if ((control.type >= 1 && control.type <= 5) || result.state !== 'streaming') {
      return refuse('unexpected-control-frame')
    }
  }
  return result
}

function parseControl(payload: Buffer): { type: number; types: string[] } | undefined {
  if (payload.length < 4) return undefined
  const types: string[] = []
  let fields = payload.subarray(4)
  while (fields.length > 0) {
    if (fields.length < 8) return undefined
    const kind = fields.readUInt32BE(0)
    const length = fields.readUInt32BE(4)
    if (length > fields.length - 8 || (kind === 1 && length > 256)) return undefined
    if (kind === 1) types.push(fields.subarray(8, 8 + length).toString('latin1'))
    fields = fields.subarray(8 + length)
  }
  return { type: payload.readUInt32BE(0), types }
}
