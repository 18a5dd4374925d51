/** Which settings differ between two configurations and are read at the start only, by the names they have in the file. */
import type { Config } from './config.ts'
import { Secret } from './secret.ts'
import { SECTIONS } from './sections.ts'
import { defaultsOf, namedSettings } from './setting.ts'
import type { SectionDescription, SectionValues, WrittenValues } from './setting.ts'
import { BGP } from './bgp-section.ts'

export function keysThatNeedRestart(before: Config, after: Config): string[] {
  const changed: string[] = []
  for (const section of SECTIONS) {
    const isWithin = (table: string) => section.title.startsWith(table.replace(/^\[(.*)\]$/, '$1.'))
    // A whole table that is new or gone says it for the tables in it.
    if (!changed.some((name) => name.startsWith('[') && isWithin(name)))
      changed.push(...changesOf(section, before.written, after.written))
  }
  const hasBgp = [before, after].every(({ written }) => written.has(BGP.title))
  // Learning takes it over at once, but sessions agreed on their address families when they were opened.
  return hasBgp && before.ipv6 !== after.ipv6 ? [...changed, 'ipv6 (in BGP sessions)'] : changed
}

function changesOf(section: SectionDescription, before: WrittenValues, after: WrittenValues): string[] {
  const { title, takesEffect, isOptional, isRepeated } = section
  const [ours, others] = [before.get(title) ?? [], after.get(title) ?? []]
  if (isRepeated === true) return takesEffect === 'reload' || comparable(ours) === comparable(others) ? [] : [`[[${title}]]`]
  if (isOptional === true && ours.length !== others.length) return [`[${title}]`]
  const defaults: SectionValues = defaultsOf(section)
  const [one, other] = [ours[0] ?? defaults, others[0] ?? defaults]
  return namedSettings(section)
    .filter(({ setting }) => (setting.takesEffect ?? takesEffect) === 'restart')
    .filter(({ property }) => comparable(one[property]) !== comparable(other[property]))
    .map(({ key }) => (title === '' ? key : `${title}.${key}`))
}

/** With secrets in clear, which JSON would hide: a new password is a change. It is compared and forgotten. */
function comparable(value: unknown): string | undefined {
  return JSON.stringify([value], function (this: Record<string, unknown>, key, each: unknown) {
    const original = this[key]
    if (original instanceof Secret) return `secret ${original.reveal()}`
    return typeof each === 'number' ? String(each) : each
  })
}
