/** A sender of dnstap for tests. */
import { connect } from 'node:net'

/** A unidirectional Frame Stream: START, the frames, STOP. */
export async function tell(path: string, frames: readonly Uint8Array[]): Promise<void> {
  const contentType = Buffer.from('protobuf:dnstap.Dnstap')
  const control = (...parts: Uint8Array[]) => [u32(0), u32(Buffer.concat(parts).length), ...parts]
  const socket = connect(path)
  socket.resume()
  socket.end(
    Buffer.concat([
      ...control(u32(2), u32(1), u32(contentType.length), contentType),
      ...frames.flatMap((frame) => [u32(frame.length), frame]),
      ...control(u32(3)),
    ]),
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => resolve())
    socket.once('error', reject)
  })
}

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}
