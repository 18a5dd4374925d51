/**
 * Reads an LMDB file by its pages, before LMDB does: is it one, is it whole, what is in it?
 *
 * LMDB maps the file and trusts it. A page that is missing ends the process with SIGBUS, a page that is wrong with SIGSEGV or
 * abort(): no sentence for the operator. So every page that can be reached is checked here first, and as the rows pass by anyway,
 * they are handed out: the store loads from here, without the file in its address space (a mapped file counts as resident).
 *
 *   page 0, 1   two metas; the one with the larger transaction number counts:  free tree, main tree, last page
 *   branch      nodes: key ─▶ child page          leaf   nodes: key ─▶ value, or the number of an overflow page
 *
 *   page   0 number u64   8 transaction u64   16 pad u16   18 flags u16   20 lower u16   22 upper u16 (overflow: 20 pages u32)
 *          24 offsets of nodes u16[lower / 2], counted from 24
 *   node   0 low u16  2 high u16  4 flags u16  6 key length u16  8 key, then value; branch: page = low, high, flags
 *   meta   24 magic u32  28 version u32  40 map size u64  48 free tree  96 main tree  144 last page u64  152 transaction u64
 *   tree   0 page size u32 (free tree's)  4 flags u16  6 depth u16  8 branches  16 leaves  24 overflow  32 entries  40 root   u64
 *
 * A page says which transaction wrote it; LMDB takes one from the future for its own and writes into the map.
 * That is version 2 as lmdb 3.5 writes it (lmdb.h, mdb.c in its sources), little endian. Whether the free tree tells the truth
 * is not checked, only that it can be walked.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreFileError } from './store-file-error.ts'

const BOLT_MAGIC = 0xed0cdaed
const BOLT_MAGIC_AT = 16
const MAGIC = 0xbeefc0de
const VERSION = 2
const HEADER = 24
const META_LENGTH = 168
const BRANCH = 1
const LEAF = 2
const OVERFLOW = 4
const META = 8
const NODE_HEADER = 8
const IS_OVERFLOW = 1
const NO_ROOT = 2 ** 64
const MAX_DEPTH = 32 // as in LMDB
const CHUNK_BYTES = 64 * 1024
const CHUNKS = 64

/** A key and its value; views into a page that is read over when the next one is. */
export interface Row {
  readonly key: number
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly at: number
  readonly end: number
}

interface Tree {
  readonly depth: number
  readonly entries: number
  readonly root: number
}

interface Page {
  readonly bytes: Uint8Array
  readonly view: DataView
}

export class LmdbFile {
  readonly #descriptor: number
  readonly #path: string
  readonly #sizeBytes: number
  #pageSize = 4096
  #lastPage = 0
  #transaction = -1
  #main: Tree = { depth: 0, entries: 0, root: NO_ROOT }
  #free: Tree = { depth: 0, entries: 0, root: NO_ROOT }
  #seen = new Uint8Array(0)
  readonly #chunks: { number: number; length: number; readonly bytes: Uint8Array }[] = []
  #reachable = 2

  /** Undefined: there is no file, or an empty one. @throws StoreFileError */
  static open(path: string): LmdbFile | undefined {
    let descriptor: number
    try {
      descriptor = openSync(path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new StoreFileError('unusable', `the store ${path} cannot be read: ${(error as Error).message}`, { cause: error })
    }
    const status = fstatSync(descriptor)
    if (status.isFile() && status.size === 0) {
      closeSync(descriptor)
      return undefined
    }
    try {
      if (!status.isFile())
        throw new StoreFileError('foreign', `${path} is not a file; the store wants a file's name, which it makes`)
      return new LmdbFile(descriptor, path, status.size)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
  }

  private constructor(descriptor: number, path: string, sizeBytes: number) {
    this.#descriptor = descriptor
    this.#path = path
    this.#sizeBytes = sizeBytes
    this.#readMetas()
  }

  get entries(): number {
    return this.#main.entries
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** After rows() came to its end: bytes that hold something. */
  get usedBytes(): number {
    return this.#reachable * this.#pageSize
  }

  /** The rows of the last leaf page: those with the largest keys. @throws StoreFileError */
  lastRows(): readonly Row[] {
    let number = this.#main.root
    if (number >= NO_ROOT) return []
    if (this.#main.depth > MAX_DEPTH) throw this.#damaged(`its tree is ${this.#main.depth} levels deep`)
    const bytes = new Uint8Array(this.#pageSize)
    const page: Page = { bytes, view: new DataView(bytes.buffer) }
    for (let level = 0; ; level++) {
      this.#read(
        number,
        level,
        this.#main.depth,
        Array.from({ length: level + 1 }, () => page),
      )
      if (level === this.#main.depth - 1) break
      number = childAt(page, nodeCount(page) - 1)
    }
    const rows: Row[] = []
    for (const node of this.#nodesOf(page)) {
      if (node.keyLength !== 4 || node.overflow !== undefined) continue
      const key = page.view.getUint32(node.at + NODE_HEADER, true)
      rows.push({ key, ...page, at: node.valueAt, end: node.valueAt + node.valueLength })
    }
    this.#seen.fill(0) // rows() comes by again
    this.#reachable = 2
    return rows
  }

  /** Every row in the order of keys, in one array for each leaf page. Keys must be numbers of four bytes. @throws StoreFileError */
  *rows(): Generator<readonly Row[]> {
    for (const page of this.#leaves(this.#free)) {
      for (const node of this.#nodesOf(page)) if (node.overflow !== undefined) this.#overflow(node.overflow, node.valueLength)
    }
    let entries = 0
    let lastKey = -1
    for (const page of this.#leaves(this.#main)) {
      const rows: Row[] = []
      for (const node of this.#nodesOf(page)) {
        if (node.keyLength !== 4) throw this.#foreign()
        const key = page.view.getUint32(node.at + NODE_HEADER, true)
        if (key <= lastKey) throw this.#damaged(`key ${key} stands after ${lastKey}`)
        lastKey = key
        rows.push(
          node.overflow === undefined
            ? { key, ...page, at: node.valueAt, end: node.valueAt + node.valueLength }
            : { key, ...this.#overflow(node.overflow, node.valueLength) },
        )
      }
      entries += rows.length
      yield rows
    }
    if (entries !== this.#main.entries) throw this.#damaged(`it holds ${entries} entries and says ${this.#main.entries}`)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #readMetas(): void {
    const head = { bytes: new Uint8Array(4096), view: new DataView(new ArrayBuffer(0)) }
    head.view = new DataView(head.bytes.buffer)
    const read = readSync(this.#descriptor, head.bytes, 0, head.bytes.length, 0)
    if (read >= BOLT_MAGIC_AT + 4 && head.view.getUint32(BOLT_MAGIC_AT, true) === BOLT_MAGIC) {
      throw new StoreFileError(
        'old-bolt-file',
        `${this.#path} is a cache of dnstap-bgp 1 (Bolt), which this version does not read; move it away or set \`cache\` to another path, and addresses are learnt anew`,
      )
    }
    if (read < META_LENGTH || (head.view.getUint16(18, true) & META) === 0 || head.view.getUint32(HEADER, true) !== MAGIC)
      throw this.#foreign()
    const version = head.view.getUint32(HEADER + 4, true) & 0xffff
    if (version > VERSION)
      throw new StoreFileError(
        'newer',
        `the store ${this.#path} is an LMDB file of version ${version}; this version reads ${VERSION}`,
      )
    if (version < VERSION) throw this.#foreign()
    this.#pageSize = head.view.getUint32(48, true)
    if (this.#pageSize < 512 || this.#pageSize > 65_536 || (this.#pageSize & (this.#pageSize - 1)) !== 0)
      throw this.#damaged('its page size is none')

    for (const at of [0, this.#pageSize]) {
      const meta = new Uint8Array(META_LENGTH)
      const view = new DataView(meta.buffer)
      if (readSync(this.#descriptor, meta, 0, META_LENGTH, at) < META_LENGTH) throw this.#damaged('it ends inside its head')
      if (view.getUint32(HEADER, true) !== MAGIC || view.getUint32(48, true) !== this.#pageSize)
        throw this.#damaged('its head is overwritten')
      const transaction = u64(view, 152)
      if (transaction <= this.#transaction) continue
      this.#transaction = transaction
      this.#free = treeAt(view, 48)
      this.#main = treeAt(view, 96)
      this.#lastPage = u64(view, 144)
    }
    // The file may be a little shorter than the last page says (pages freed before they were written), never much longer.
    if (this.#lastPage > 2 ** 40 / this.#pageSize) throw this.#damaged(`it says it has ${this.#lastPage} pages`)
    this.#seen = new Uint8Array(this.#lastPage + 1)
  }

  /** The leaf pages of a tree, in order. Every page is checked on the way down. */
  *#leaves(tree: Tree): Generator<Page> {
    if (tree.root >= NO_ROOT) return
    if (tree.depth > MAX_DEPTH) throw this.#damaged(`its tree is ${tree.depth} levels deep`)
    const pages: Page[] = Array.from({ length: tree.depth }, () => {
      const bytes = new Uint8Array(this.#pageSize)
      return { bytes, view: new DataView(bytes.buffer) }
    })
    const next: number[] = []
    let level = 0
    this.#read(tree.root, level, tree.depth, pages)
    next[0] = 0
    while (level >= 0) {
      const page = pages[level] as Page
      if (level === tree.depth - 1) {
        yield page
        level--
        continue
      }
      const index = next[level] as number
      if (index >= nodeCount(page)) {
        level--
        continue
      }
      next[level] = index + 1
      level++
      next[level] = 0
      this.#read(childAt(page, index), level, tree.depth, pages)
    }
  }

  #read(number: number, level: number, depth: number, pages: readonly Page[]): void {
    const page = pages[level]
    if (page === undefined) throw this.#damaged('its tree has no depth')
    const wanted = level === depth - 1 ? LEAF : BRANCH
    this.#visit(number, 1)
    this.#fill(page.bytes, number)
    const flags = page.view.getUint16(18, true)
    const lower = page.view.getUint16(20, true)
    const upper = page.view.getUint16(22, true)
    if (u64(page.view, 0) !== number || flags !== wanted || u64(page.view, 8) > this.#transaction)
      throw this.#damaged(`page ${number} is not what it should be`)
    if (lower > upper || upper > this.#pageSize - HEADER || lower % 2 !== 0 || lower === 0)
      throw this.#damaged(`page ${number} makes no sense`)
    for (let index = 0; index < lower / 2; index++) {
      const offset = page.view.getUint16(HEADER + index * 2, true)
      const node = HEADER + offset
      if (offset < upper || node + NODE_HEADER > this.#pageSize) throw this.#damaged(`page ${number} has a node outside it`)
      const keyLength = page.view.getUint16(node + 6, true)
      const isOverflow = wanted === LEAF && (page.view.getUint16(node + 4, true) & IS_OVERFLOW) !== 0
      const valueLength = wanted === BRANCH ? 0 : isOverflow ? 24 : page.view.getUint32(node, true)
      if (node + NODE_HEADER + keyLength + valueLength > this.#pageSize)
        throw this.#damaged(`page ${number} has a node that runs over its end`)
      if (wanted === LEAF && (page.view.getUint16(node + 4, true) & ~IS_OVERFLOW) !== 0) throw this.#foreign()
    }
  }

  *#nodesOf(
    page: Page,
  ): Generator<{ at: number; keyLength: number; valueAt: number; valueLength: number; overflow: number | undefined }> {
    for (let index = 0; index < nodeCount(page); index++) {
      const at = HEADER + page.view.getUint16(HEADER + index * 2, true)
      const keyLength = page.view.getUint16(at + 6, true)
      const valueAt = at + NODE_HEADER + keyLength
      const valueLength = page.view.getUint32(at, true)
      const overflow = (page.view.getUint16(at + 4, true) & IS_OVERFLOW) === 0 ? undefined : u64(page.view, valueAt)
      yield { at, keyLength, valueAt, valueLength, overflow }
    }
  }

  #overflow(number: number, lengthBytes: number): { bytes: Uint8Array; view: DataView; at: number; end: number } {
    const pages = Math.ceil((HEADER + lengthBytes) / this.#pageSize)
    this.#visit(number, pages)
    const bytes = new Uint8Array(pages * this.#pageSize)
    this.#fill(bytes, number)
    const view = new DataView(bytes.buffer)
    if (
      u64(view, 0) !== number ||
      view.getUint16(18, true) !== OVERFLOW ||
      view.getUint32(20, true) < pages ||
      u64(view, 8) > this.#transaction
    ) {
      throw this.#damaged(`page ${number} is not what it should be`)
    }
    return { bytes, view, at: HEADER, end: HEADER + lengthBytes }
  }

  /** Each page stands in one place only; that also ends loops. */
  #visit(first: number, pages: number): void {
    if (first < 2 || first + pages - 1 > this.#lastPage) throw this.#damaged(`it points to page ${first}, which it does not have`)
    for (let number = first; number < first + pages; number++) {
      if (this.#seen[number] !== 0) throw this.#damaged(`page ${number} stands in two places`)
      this.#seen[number] = 1
    }
    this.#reachable += pages
  }

  /** Neighbouring pages are read together: a system call for each would take a fifth of the time of loading. */
  #fill(bytes: Uint8Array, number: number): void {
    const at = number * this.#pageSize
    const chunk = Math.floor(at / CHUNK_BYTES)
    const cached = (this.#chunks[chunk % CHUNKS] ??= { number: -1, length: 0, bytes: new Uint8Array(CHUNK_BYTES) })
    if (cached.number !== chunk) {
      cached.length = readSync(this.#descriptor, cached.bytes, 0, CHUNK_BYTES, chunk * CHUNK_BYTES)
      cached.number = chunk
    }
    const from = at - chunk * CHUNK_BYTES
    const length =
      from + bytes.length <= CHUNK_BYTES
        ? Math.max(0, Math.min(bytes.length, cached.length - from))
        : readSync(this.#descriptor, bytes, 0, bytes.length, at)
    if (length < bytes.length) throw this.#damaged(`it is cut short: page ${number} of ${this.#lastPage} is missing`)
    if (from + bytes.length <= CHUNK_BYTES) bytes.set(cached.bytes.subarray(from, from + bytes.length))
  }

  #damaged(how: string): StoreFileError {
    return new StoreFileError(
      'damaged',
      `the store ${this.#path} is damaged: ${how}; move it away, and addresses are learnt anew`,
    )
  }

  #foreign(): StoreFileError {
    return new StoreFileError('foreign', `${this.#path} is not a dnstap-bgp store; move it away or set \`cache\` to another path`)
  }
}

function nodeCount(page: Page): number {
  return page.view.getUint16(20, true) >>> 1
}

/** The page that a branch's node points to. */
function childAt(page: Page, index: number): number {
  const node = HEADER + page.view.getUint16(HEADER + index * 2, true)
  return (
    page.view.getUint16(node, true) +
    page.view.getUint16(node + 2, true) * 2 ** 16 +
    page.view.getUint16(node + 4, true) * 2 ** 32
  )
}

function treeAt(view: DataView, at: number): Tree {
  return { depth: view.getUint16(at + 6, true), entries: u64(view, at + 32), root: u64(view, at + 40) }
}

/** Exact up to 2^53; what is larger is no number of ours anyway (no root is 2^64 - 1, which becomes 2^64). */
function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}
