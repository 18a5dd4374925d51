/**
 * Refuses lists that are not text. Binary octets could be read as names by chance, so a NUL octet or broken UTF-8 refuses the whole list. Only
 * comments may hold octets of an older character set.
 */
import { ListError, ListFault } from './list-error.ts'
import { badUtf8At, decodeUtf8 } from './utf8.ts'

/** Throws a ListError when the chunk, which begins at `offset` of the list, holds a NUL octet. */
export function refuseNul(chunk: Uint8Array, offset: number): void {
  const at = chunk.indexOf(0)
  if (at >= 0) throw new ListError(ListFault.binary, 0, `octet ${offset + at} is NUL: this is a binary file, not a list`)
}

/** Throws a ListError when the line is no UTF-8 before a comment begins. */
export function refuseBrokenUtf8(bytes: Uint8Array, start: number, end: number, line: number): void {
  const at = badUtf8At(bytes, start, end)
  if (at >= 0 && !IN_COMMENT.test(decodeUtf8(bytes, start, at))) throw brokenUtf8(line, bytes[at])
}

export function brokenUtf8(line: number, octet: number): ListError {
  const hex = octet.toString(16).padStart(2, '0')
  return new ListError(ListFault.notUtf8, line, `octet 0x${hex} is no UTF-8; a list is UTF-8 text, so convert it first`)
}

const IN_COMMENT = /^\s*(?:[#!;]|\/\/)|\s(?:#|;|\/\/)/
