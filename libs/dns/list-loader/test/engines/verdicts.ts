/** What we say about each name, from the list in a file. */
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListLoader } from '../../src/index.ts'
import type { ListDefinition } from '../../src/index.ts'
import { wireName } from './ask.ts'
import type { Round } from './generate.ts'
import { listDefinition } from '../../testing/list-definition.ts'

/** By name: is it listed? */
export type Verdicts = ReadonlyMap<string, boolean>

/** Throws when a line is not understood: what we skip must not pass for what we do not list. */
export async function ourVerdicts(
  format: ListDefinition['format'],
  list: string,
  names: readonly string[],
  maySkip: readonly string[] = [],
): Promise<Verdicts> {
  const folder = mkdtempSync(join(tmpdir(), 'engines-'))
  try {
    const path = join(folder, 'list')
    writeFileSync(path, list)
    const config = { lists: [definition(path, format)], stateFolder: undefined, watch: false }
    const loader = new ListLoader(config, { clock: systemClock, log: silentLog })
    const { matcher, lists } = await loader.load()
    await loader.close()
    const lost = Object.keys(lists[0]?.skipped ?? {}).filter((reason) => !maySkip.includes(reason))
    if (lost.length > 0) throw new Error(`lines were skipped: ${JSON.stringify(lists[0]?.skippedLines)}`)
    return new Map(names.map((name) => [name, matcher.match(wireName(name), 0) !== NO_MATCH]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function definition(path: string, format: ListDefinition['format']): ListDefinition {
  return listDefinition('generated', path, { format })
}

/** One line for each name about which we and the engine differ, with the lines of its round; empty when all agree. */
export function differences(rounds: readonly Round[], ours: Verdicts, theirs: Verdicts): string[] {
  return rounds.flatMap(({ lines, names }) => {
    const differing = names.filter((name) => ours.get(name) !== theirs.get(name))
    return differing.map(
      (name) => `${name}: we say ${verdict(ours.get(name))}, they ${verdict(theirs.get(name))}, of\n  ${lines.join('\n  ')}`,
    )
  })
}

function verdict(listed: boolean | undefined): string {
  return listed === undefined ? 'nothing' : listed ? 'listed' : 'not listed'
}
