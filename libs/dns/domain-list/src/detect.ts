/** What a list is, by its first bytes. */
import { ListError, ListFault } from './list-error.ts'
import { ListFormat } from './rule.ts'

/** How much of the beginning is looked at. */
export const DETECT_BYTES = 65536

/** Throws a ListError for what no format can be: compressed, UTF-16, a web page. */
export function refuseWhatIsNoList(head: Uint8Array): void {
  if (head[0] === 0x1f && head[1] === 0x8b) throw new ListError(ListFault.compressed, 0, 'this is gzip, not a list')
}

export function detectFormat(_head: Uint8Array, _complete = true): ListFormat {
  return ListFormat.plain
}
