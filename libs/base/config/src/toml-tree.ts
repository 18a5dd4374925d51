/**
 * A TOML file as a tree of values that remember their places, keys folded.
 *
 * Keys are compared without case (the ancestor's decoder did so) and without `_` and `-` (`hold_time` is `holdTime`): two spellings of
 * one key are a mistake. After a syntax mistake the line is set aside and reading goes on, so that one run shows as many as it can.
 */
import { ParseError, parseTOML } from 'toml-eslint-parser'
import type { AST } from 'toml-eslint-parser'
import type { Mistake } from './mistakes.ts'

/** Both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

export type Value = Scalar | ArrayValue | TableValue

export interface Scalar {
  readonly type: 'scalar'
  /** `environment`: text of an environment variable, which can be any kind of scalar. */
  readonly kind: 'string' | 'integer' | 'float' | 'boolean' | 'datetime' | 'environment'
  readonly value: string | number | boolean
  /** As it is written. */
  readonly text: string
  readonly at: Place | undefined
}

export interface ArrayValue {
  readonly type: 'array'
  readonly elements: readonly Value[]
  readonly at: Place | undefined
}

export interface TableValue {
  readonly type: 'table'
  /** By folded key. */
  readonly entries: ReadonlyMap<string, Entry>
  readonly at: Place | undefined
}

export interface Entry {
  /** As it is written. */
  readonly key: string
  readonly at: Place
  readonly value: Value
}

export interface Tree {
  readonly root: TableValue
  readonly mistakes: readonly Mistake[]
  /** Lines had to be set aside: what seems to be missing may have stood there. */
  readonly incomplete: boolean
}

/** Two keys are the same setting when this is equal. */
export function foldKey(key: string): string {
  return key.toLowerCase().replaceAll(/[_-]/g, '')
}

export function readTree(text: string): Tree {
  const mistakes: Mistake[] = []
  const program = parseAround(text.startsWith('\uFEFF') ? text.slice(1) : text, mistakes)
  const incomplete = mistakes.length > 0
  const root = new GrowingTable({ line: 1, column: 1 })
  if (program !== undefined) growTree(program, root, mistakes)
  mistakes.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  return { root, mistakes, incomplete }
}

const MAX_SYNTAX_MISTAKES = 20
/** Takes the place of a table header that stands there twice; what follows it is read and ignored. */
const SET_ASIDE = 'dnstap-bgp-set-aside-'

function parseAround(text: string, mistakes: Mistake[]): AST.TOMLProgram | undefined {
  const lines = text.split('\n')
  while (mistakes.length < MAX_SYNTAX_MISTAKES) {
    try {
      return parseTOML(lines.join('\n'), { tomlVersion: '1.0.0' })
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
      const line = lines[error.lineNumber - 1] ?? ''
      const place = { line: error.lineNumber, column: error.column + 1 }
      if (error.message.includes('multiple times')) {
        const key = line.split('=')[0].trim()
        mistakes.push({ ...place, key, seen: 'defined a second time: remove one', expected: '' })
        lines[error.lineNumber - 1] = key.startsWith('[') ? `[${SET_ASIDE}${error.lineNumber}]` : ''
        continue
      }
      // A line that is right by itself is wrong because of what stands before it: an open bracket or quote. No use going on.
      const broken = !parsesAlone(line)
      mistakes.push({
        ...place,
        key: '',
        seen: `not TOML: ${sentence(error.message)}${broken ? '' : ' (or something before it is not closed)'}`,
        expected: '',
      })
      if (!broken) return undefined
      lines[error.lineNumber - 1] = ''
    }
  }
  return undefined
}

function parsesAlone(line: string): boolean {
  try {
    parseTOML(line, { tomlVersion: '1.0.0' })
    return true
  } catch {
    return false
  }
}

function sentence(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '')
}

class GrowingTable implements TableValue {
  readonly type = 'table'
  readonly entries = new Map<string, Entry>()
  readonly at: Place | undefined
  /** It has had its `[header]`, or is an inline table: it may not have another. */
  closed = false

  constructor(at: Place | undefined) {
    this.at = at
  }
}

interface GrowingArray extends ArrayValue {
  readonly elements: Value[]
  /** Made by `[[header]]`s. */
  readonly ofTables: boolean
}

function growTree(program: AST.TOMLProgram, root: GrowingTable, mistakes: Mistake[]): void {
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') {
      setKey(root, node, '', mistakes)
      continue
    }
    const keys = node.key.keys
    if (nameOf(keys[0]).startsWith(SET_ASIDE)) continue
    const path = keys.map(nameOf).join('.')
    const parent = descend(root, keys.slice(0, -1), path, mistakes)
    if (parent === undefined) continue
    const table = node.kind === 'array' ? appendTable(parent, node, path, mistakes) : openTable(parent, node, path, mistakes)
    if (table === undefined) continue
    for (const pair of node.body) setKey(table, pair, path, mistakes)
  }
}

function openTable(parent: GrowingTable, node: AST.TOMLTable, path: string, mistakes: Mistake[]): GrowingTable | undefined {
  const table = descend(parent, node.key.keys.slice(-1), path, mistakes)
  if (table === undefined) return undefined
  if (table.closed) {
    mistakes.push({ ...placeOf(node), key: `[${path}]`, seen: 'defined a second time: remove one', expected: '' })
    return undefined
  }
  table.closed = true
  return table
}

function appendTable(parent: GrowingTable, node: AST.TOMLTable, path: string, mistakes: Mistake[]): GrowingTable | undefined {
  const key = node.key.keys[node.key.keys.length - 1]
  const folded = foldKey(nameOf(key))
  const existing = parent.entries.get(folded)?.value as GrowingArray | GrowingTable | Scalar | undefined
  if (existing !== undefined && (existing.type !== 'array' || !existing.ofTables)) {
    mistakes.push({ ...placeOf(node), key: `[[${path}]]`, seen: 'is something else already', expected: 'one kind of value' })
    return undefined
  }
  const table = new GrowingTable(placeOf(node))
  if (existing !== undefined) existing.elements.push(table)
  else {
    const array: GrowingArray = { type: 'array', elements: [table], at: placeOf(node), ofTables: true }
    parent.entries.set(folded, { key: nameOf(key), at: placeOf(node), value: array })
  }
  return table
}

/** The table at the end of these keys, made where it is not there yet; in an array of tables, its last one. */
function descend(
  from: GrowingTable,
  keys: readonly (AST.TOMLBare | AST.TOMLQuoted)[],
  path: string,
  mistakes: Mistake[],
): GrowingTable | undefined {
  let table = from
  for (const key of keys) {
    const folded = foldKey(nameOf(key))
    let next: Value | undefined = table.entries.get(folded)?.value
    if (next?.type === 'array' && (next as GrowingArray).ofTables) next = next.elements[next.elements.length - 1]
    if (next === undefined) {
      next = new GrowingTable(placeOf(key))
      table.entries.set(folded, { key: nameOf(key), at: placeOf(key), value: next })
    }
    if (!(next instanceof GrowingTable)) {
      mistakes.push({ ...placeOf(key), key: path, seen: `${nameOf(key)} is a value already`, expected: 'a table' })
      return undefined
    }
    table = next
  }
  return table
}

function setKey(into: GrowingTable, pair: AST.TOMLKeyValue, path: string, mistakes: Mistake[]): void {
  const keys = pair.key.keys
  const last = keys[keys.length - 1]
  const fullKey = [path, ...keys.map(nameOf)].filter((part) => part !== '').join('.')
  const table = descend(into, keys.slice(0, -1), fullKey, mistakes)
  if (table === undefined) return
  const folded = foldKey(nameOf(last))
  const first = table.entries.get(folded)
  if (first !== undefined) {
    const seen = `defined a second time (first as ${first.key} on line ${first.at.line}): remove one`
    mistakes.push({ ...placeOf(pair), key: fullKey, seen, expected: '' })
    return
  }
  table.entries.set(folded, { key: nameOf(last), at: placeOf(pair), value: valueOf(pair.value, fullKey, mistakes) })
}

function valueOf(node: AST.TOMLContentNode, path: string, mistakes: Mistake[]): Value {
  const at = placeOf(node)
  switch (node.type) {
    case 'TOMLArray': {
      const array: GrowingArray = {
        type: 'array',
        elements: node.elements.map((element) => valueOf(element, path, mistakes)),
        at,
        ofTables: false,
      }
      return array
    }
    case 'TOMLInlineTable': {
      const table = new GrowingTable(at)
      for (const pair of node.body) setKey(table, pair, path, mistakes)
      table.closed = true
      return table
    }
    case 'TOMLValue':
      if (node.kind === 'string')
        return { type: 'scalar', kind: 'string', value: node.value, text: JSON.stringify(node.value), at }
      if (node.kind === 'boolean') return { type: 'scalar', kind: 'boolean', value: node.value, text: String(node.value), at }
      if (node.kind === 'integer' || node.kind === 'float')
        return { type: 'scalar', kind: node.kind, value: node.value, text: node.number, at }
      return { type: 'scalar', kind: 'datetime', value: node.datetime, text: node.datetime, at }
  }
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value
}

function placeOf(node: AST.TOMLNode): Place {
  return { line: node.loc.start.line, column: node.loc.start.column + 1 }
}
