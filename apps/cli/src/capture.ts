/** Frame Streams files, as fstrm_capture writes them. */
import { FrameStreamReader } from '@dnstap-bgp/frame-streams'
import { nextTurn, reasonOf } from '@dnstap-bgp/runtime'
import { createReadStream } from 'node:fs'

export class CaptureError extends Error {
  override readonly name = 'CaptureError'
}

const READ_BYTES = 1 << 20

/** @throws CaptureError when the file is no Frame Stream */
export async function readCapture(file: string, onFrame: (bytes: Uint8Array, start: number, end: number) => void): Promise<void> {
  const reader = new FrameStreamReader({ onFrame, answer: () => {} }, {})
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) {
      reader.push(chunk as Buffer)
      await nextTurn() // what was found is dealt with before the next chunk
    }
  } catch (error) {
    throw new CaptureError(`${file} cannot be read: ${reasonOf(error)}`)
  }
  if (reader.state === 'refused')
    throw new CaptureError(
      `${file} is no dnstap capture (${reader.refusal ?? 'refused'}); a Frame Streams file as fstrm_capture writes it expected`,
    )
}
