/** Lines of ASCII text in shared memory: many addresses, handed from one thread to another without a copy. */

export function joinLines(lines: readonly string[]): SharedArrayBuffer {
  const text = lines.join('\n')
  const buffer = new SharedArrayBuffer(text.length)
  const bytes = new Uint8Array(buffer)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return buffer
}

export function splitLines(buffer: SharedArrayBuffer | undefined): string[] {
  if (buffer === undefined || buffer.byteLength === 0) return []
  return Buffer.from(buffer).toString('latin1').split('\n')
}
