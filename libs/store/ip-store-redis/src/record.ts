/**
 * A binding as Redis keeps it, beside its key:
 *
 *     first seen SP last seen SP deadline LF source LF rule LF chain, LF between its names
 *
 * Times are whole milliseconds in base 36, `*` for Infinity. A rule that is the name itself is left empty, and a chain that is only
 * the name is left out with its LF, so that the common record has less than 64 bytes.
 */
import type { Binding, BindingKey, Sighting } from '@dnstap-bgp/ip-store'

export const SEPARATOR = '\0'

export function timeText(ms: number): string {
  return ms === Infinity ? '*' : Math.max(0, Math.round(ms)).toString(36)
}

/** The same in decimal, as sorted sets and TTLs want it. */
export function scoreText(ms: number): string {
  return ms === Infinity ? 'inf' : String(Math.max(0, Math.round(ms)))
}

function timeOf(text: string): number {
  return text === '*' ? Infinity : parseInt(text, 36)
}

/** Line feeds and NULs separate texts. Ours have none; in a stranger's text they become spaces. */
function line(text: string): string {
  return /[\0\n]/.test(text) ? text.replace(/[\0\n]/g, ' ') : text
}

export function infoText({ name, rule, source, chain }: Sighting): string {
  const head = `${line(source)}\n${rule === name ? '' : line(rule)}`
  if (chain.length === 1 && chain[0] === name) return head
  // A name is never empty, so an empty line stands for the chain without names.
  return chain.length === 0 ? `${head}\n` : `${head}\n${chain.map(line).join('\n')}`
}

/** Undefined for a text that is no record. */
export function bindingOf(key: BindingKey, record: string): Binding | undefined {
  const [times = '', source, rule, ...chain] = record.split('\n')
  const [first, seen, deadline] = times.split(' ')
  if (first === undefined || seen === undefined || deadline === undefined || source === undefined || rule === undefined)
    return undefined
  return {
    list: key.list,
    name: key.name,
    prefix: key.prefix,
    rule: rule === '' ? key.name : rule,
    source,
    chain: chain.length === 0 ? [key.name] : chain.length === 1 && chain[0] === '' ? [] : chain,
    firstSeenMs: timeOf(first),
    seenAtMs: timeOf(seen),
    expiresAtMs: timeOf(deadline),
  }
}

export function listsOf(text: string): readonly string[] {
  if (text === '') return []
  return text.includes(SEPARATOR) ? text.split(SEPARATOR).sort() : [text]
}
