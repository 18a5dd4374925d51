/**
 * A binding as a row of bytes, to be kept elsewhere. Little endian:
 *
 *   0 check u32 (FNV-1a of all that follows)   4 expires f64   12 seen f64   20 first seen f64
 *   28 shapes u16 of list, name, rule, prefix, source, chain (0xffff: just the name)   40 their characters, in this order
 *
 * A shape says how many characters a text has and how wide they are (text-table.ts).
 */
import { NONE, type BindingColumns } from './binding-columns.ts'
import { NO_TEXT, writtenLength } from './text-table.ts'

/** Bytes before a row's characters. */
const HEAD = 40
const SHAPES = 28
const CHAIN_SHAPE = 38
const JUST_THE_NAME = 0xffff

/** How many bytes writeRow() writes for a slot that is bound. */
export function rowLength(columns: BindingColumns, slot: number): number {
  const chain = columns.chain.get(slot)
  return (
    HEAD +
    writtenLength(columns.lists.shape(columns.list.get(slot))) +
    writtenLength(columns.names.shape(columns.name.get(slot))) +
    writtenLength(columns.texts.shape(columns.rule.get(slot))) +
    writtenLength(columns.prefixes.shape(columns.prefix.get(slot))) +
    writtenLength(columns.texts.shape(columns.source.get(slot))) +
    (chain === NONE ? 0 : writtenLength(columns.texts.shape(chain)))
  )
}

/** Writes the binding in a slot that is bound. Returns one past the last byte. */
export function writeRow(columns: BindingColumns, slot: number, bytes: Uint8Array, view: DataView, at: number): number {
  const { lists, names, prefixes, texts } = columns
  const list = columns.list.get(slot)
  const name = columns.name.get(slot)
  const rule = columns.rule.get(slot)
  const prefix = columns.prefix.get(slot)
  const source = columns.source.get(slot)
  const chain = columns.chain.get(slot)
  view.setFloat64(at + 4, columns.expiresAtMs.get(slot), true)
  view.setFloat64(at + 12, columns.seenAtMs.get(slot), true)
  view.setFloat64(at + 20, columns.firstSeenMs.get(slot), true)
  view.setUint16(at + 28, lists.shape(list), true)
  view.setUint16(at + 30, names.shape(name), true)
  view.setUint16(at + 32, texts.shape(rule), true)
  view.setUint16(at + 34, prefixes.shape(prefix), true)
  view.setUint16(at + 36, texts.shape(source), true)
  view.setUint16(at + CHAIN_SHAPE, chain === NONE ? JUST_THE_NAME : texts.shape(chain), true)
  let end = lists.write(list, bytes, at + HEAD)
  end = names.write(name, bytes, end)
  end = texts.write(rule, bytes, end)
  end = prefixes.write(prefix, bytes, end)
  end = texts.write(source, bytes, end)
  if (chain !== NONE) end = texts.write(chain, bytes, end)
  view.setUint32(at, checkOf(bytes, at, end), true)
  return end
}

/** Is this a whole row, and not due by `nowMs`? `isChecked`: the check was made elsewhere. */
export function checkRow(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  nowMs: number,
  isChecked: boolean,
): 'whole' | 'due' | 'corrupt' {
  if (end - at < HEAD) return 'corrupt'
  if (!isChecked && view.getUint32(at, true) !== checkOf(bytes, at, end)) return 'corrupt'
  const expiresAtMs = view.getFloat64(at + 4, true)
  if (expiresAtMs <= nowMs) return 'due'
  const chainShape = view.getUint16(at + CHAIN_SHAPE, true)
  let length = HEAD
  for (let text = 0; text < 5; text++) length += textLength(view, at, text)
  if (chainShape !== JUST_THE_NAME) length += writtenLength(chainShape)
  return at + length !== end || Number.isNaN(expiresAtMs) ? 'corrupt' : 'whole'
}

/** Reads rows that checkRow() found whole. The texts of the row before are guesses that are mostly right, so they are tried first. */
export class BindingRowReader {
  readonly #columns: BindingColumns
  /** Numbers of texts, each used once more by the row that was read last. */
  list = NO_TEXT
  name = NO_TEXT
  prefix = NO_TEXT
  #rule = NO_TEXT
  #source = NO_TEXT

  constructor(columns: BindingColumns) {
    this.#columns = columns
  }

  /** Interns list, name and prefix. */
  readKey(bytes: Uint8Array, view: DataView, at: number): void {
    const { lists, names, prefixes } = this.#columns
    const nameAt = at + HEAD + textLength(view, at, 0)
    const prefixAt = nameAt + textLength(view, at, 1) + textLength(view, at, 2)
    this.list = lists.internWritten(bytes, at + HEAD, shapeAt(view, at, 0), this.list)
    this.name = names.internWritten(bytes, nameAt, shapeAt(view, at, 1), this.name)
    this.prefix = prefixes.internWritten(bytes, prefixAt, shapeAt(view, at, 3))
  }

  /** Gives back the texts that readKey() interned. */
  releaseKey(): void {
    const { lists, names, prefixes } = this.#columns
    lists.release(this.list)
    names.release(this.name)
    prefixes.release(this.prefix)
  }

  /** Fills everything but list, name and prefix into the slot. */
  readRest(slot: number, bytes: Uint8Array, view: DataView, at: number): void {
    const columns = this.#columns
    const { texts } = columns
    const ruleAt = at + HEAD + textLength(view, at, 0) + textLength(view, at, 1)
    const sourceAt = ruleAt + textLength(view, at, 2) + textLength(view, at, 3)
    const chainAt = sourceAt + textLength(view, at, 4)
    const chainShape = view.getUint16(at + CHAIN_SHAPE, true)
    this.#rule = texts.internWritten(bytes, ruleAt, shapeAt(view, at, 2), this.#rule)
    this.#source = texts.internWritten(bytes, sourceAt, shapeAt(view, at, 4), this.#source)
    columns.rule.set(slot, this.#rule)
    columns.source.set(slot, this.#source)
    columns.chain.set(slot, chainShape === JUST_THE_NAME ? NONE : texts.internWritten(bytes, chainAt, chainShape))
    columns.expiresAtMs.set(slot, view.getFloat64(at + 4, true))
    columns.seenAtMs.set(slot, view.getFloat64(at + 12, true))
    columns.firstSeenMs.set(slot, view.getFloat64(at + 20, true))
  }
}

/** Of the `text`-th text of a row: 0 list, 1 name, 2 rule, 3 prefix, 4 source. */
function shapeAt(view: DataView, at: number, text: number): number {
  return view.getUint16(at + SHAPES + text * 2, true)
}

function textLength(view: DataView, at: number, text: number): number {
  return writtenLength(shapeAt(view, at, text))
}

/** FNV-1a over a row after its check. */
function checkOf(bytes: Uint8Array, at: number, end: number): number {
  let check = 0x811c9dc5
  for (let byte = at + 4; byte < end; byte++) check = Math.imul(check ^ (bytes[byte] as number), 0x01000193)
  return check >>> 0
}
