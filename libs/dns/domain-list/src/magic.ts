/**
 * What a list is by its first octets: a binary format, or no list at all.
 *
 * A binary format is added here by its first octets, and in parse-list.ts by its reader.
 */
import { ListError, ListFault } from './list-error.ts'
import { ParserFormat } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'

/** Formats whose octets are not text. No other format begins as they do, so the first octets decide. */
export function binaryFormat(head: Uint8Array): ParserFormat | undefined {
  if (startsWith(head, SRS) && head[3] < 0x20) return ParserFormat.srs
  if (startsWith(head, ZSTD)) return ParserFormat.mrs
  return looksLikeGeosite(head) ? ParserFormat.geosite : undefined
}

/** Has this format octets that are no text? */
export function isBinaryFormat(format: ParserFormat | 'auto'): boolean {
  return format === ParserFormat.geosite || format === ParserFormat.srs || format === ParserFormat.mrs
}

/** Throws a ListError for what no format can be: compressed, UTF-16, a web page. */
export function refuseWhatIsNoList(head: Uint8Array): void {
  const name = COMPRESSED.find(([, magic]) => startsWith(head, magic))?.[0]
  if (name !== undefined) throw new ListError(ListFault.compressed, 0, `these are ${name} bytes, not a list`)
  const binary = NOT_READ.find(([, magic]) => startsWith(head, magic))?.[0]
  if (binary !== undefined) throw new ListError(ListFault.binary, 0, `this is ${binary}, which is not read`)
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff))
    throw new ListError(ListFault.notUtf8, 0, 'this is UTF-16; a list is UTF-8')
  // No format begins with it, and pages do so in many ways: <!doctype, <?xml, <!-- -->.
  if (/^\ufeff?\s*</.test(decodeUtf8(head, 0, Math.min(head.length, 1024))))
    throw new ListError(ListFault.htmlPage, 0, 'this is a web page or XML, not a list')
}

/** `0A <length of the entry> 0A <length of the code> <CODE> 12`: a line of text has no 0x12. */
function looksLikeGeosite(head: Uint8Array): boolean {
  if (head[0] !== 0x0a) return false
  let at = 1
  while (at < 6 && head[at] >= 0x80) at++
  if (head[at + 1] !== 0x0a) return false
  const length = head[at + 2]
  const code = at + 3
  if (!(length > 0 && length < 128) || code + length >= head.length) return false
  for (let i = code; i < code + length; i++) if (!/[A-Za-z0-9!@._-]/.test(String.fromCharCode(head[i]))) return false
  return head[code + length] === 0x12
}

function startsWith(head: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((octet, i) => head[i] === octet)
}

/** "SRS" and its version. Text has no such octet. */
const SRS = [0x53, 0x52, 0x53]
/** An MRS file is one zstd stream; what else is packed by zstd, its reader refuses. */
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd]

const COMPRESSED: readonly (readonly [name: string, magic: readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['bzip2', [0x42, 0x5a, 0x68, 0x39]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
]

/** Binary formats that are recognised and have no reader. */
const NOT_READ: readonly (readonly [name: string, magic: readonly number[]])[] = [
  ['a SQLite database', [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65, 0x20, 0x66]],
  ['a PDF', [0x25, 0x50, 0x44, 0x46]],
]
