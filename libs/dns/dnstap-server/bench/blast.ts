/** Sends frames of a capture to a UNIX socket: `blast.ts PATH FRAMES PER_WRITE RATE`; RATE 0 is as fast as it goes. */
import { connect } from 'node:net'
import { readCapture } from '../../dnstap/test/captures.ts'
import { START, STOP } from '../testing/sender.ts'

const [path = '', frames = '0', perWrite = '1', rate = '0'] = process.argv.slice(2)
const capture = readCapture('unbound')
const answers = capture.frames.filter((_, i) => capture.truth[i]!.type === 'CLIENT_RESPONSE' && capture.truth[i]!.length < 1000)
const chunks: Buffer[] = []
for (let i = 0; i < 512; i++) {
  const parts: Uint8Array[] = []
  for (let k = 0; k < Number(perWrite); k++) {
    const { start, end } = answers[(i * Number(perWrite) + k) % answers.length]!
    parts.push(capture.bytes.subarray(start - 4, end))
  }
  chunks.push(Buffer.concat(parts))
}
const socket = connect(path)
socket.write(START)
const began = performance.now()
let sent = 0
const total = Number(frames) / Number(perWrite)
while (sent < total) {
  const due = rate === '0' ? total : Math.min(total, ((performance.now() - began) * Number(rate)) / 1000)
  while (sent < due)
    if (!socket.write(chunks[sent++ % chunks.length]!)) await new Promise((resolve) => socket.once('drain', resolve))
  // A sender that writes each frame as it comes: a turn of the loop, no timer, so that the pace is even.
  await new Promise((resolve) => setImmediate(resolve))
}
socket.end(STOP)
