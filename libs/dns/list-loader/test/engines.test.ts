/**
 * Lists by chance, and the same verdict about every name from us and from a program that reads such lists. Where they differ, docs/lists.md
 * says so ("As other programs read it"), and a test here holds that it is still so.
 *
 * DIFFERENTIAL_SEED=n tries other lists; a failure names the seed, the names and the lines.
 */
import { isInstalled } from '@dnstap-bgp/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as adblock from './engines/adblock.ts'
import { askAll, type EngineAnswer } from './engines/ask.ts'
import * as dnsmasq from './engines/dnsmasq.ts'
import { rounds, type Round } from './engines/generate.ts'
import * as localZones from './engines/local-zones.ts'
import * as resolvers from './engines/resolvers.ts'
import * as rpz from './engines/rpz.ts'
import { differences, ourVerdicts, type Verdicts } from './engines/verdicts.ts'

const seed = Number(process.env['DIFFERENTIAL_SEED'] ?? 1)

const linesOf = (all: readonly Round[]) => all.flatMap(({ lines }) => lines)
const namesOf = (all: readonly Round[]) => all.flatMap(({ names }) => names)

function verdictsOf(
  names: readonly string[],
  answers: readonly EngineAnswer[],
  isListed: (answer: EngineAnswer) => boolean,
): Verdicts {
  return new Map(answers.map((answer, i) => [names[i] ?? '', isListed(answer)]))
}

/** The same verdicts, and enough of both kinds for that to mean something. */
function expectSame(all: readonly Round[], ours: Verdicts, theirs: Verdicts): void {
  expect(differences(all, ours, theirs).slice(0, 5), `seed ${seed}`).toEqual([])
  const listed = namesOf(all).filter((name) => theirs.get(name) === true).length
  expect(Math.min(listed, namesOf(all).length - listed), `seed ${seed}: names of the rarer verdict`).toBeGreaterThan(500)
}

describe.each([
  { name: 'BIND', program: 'named', start: resolvers.startBindWithPolicies, count: 120, differsAt: () => false },
  {
    name: 'Unbound',
    program: 'unbound',
    start: resolvers.startUnboundWithPolicies,
    count: 240,
    differsAt: rpz.isUnderEmptyNonTerminal,
  },
])('a response policy zone in $name', ({ program, start, count, differsAt }) => {
  test.skipIf(!isInstalled(program))('rewrites the names that we list', async () => {
    const all = rounds(seed, count, rpz.policiesOf).map(({ lines, names }) => ({
      lines,
      names: names.filter((name) => !differsAt(name, lines)),
    }))
    const names = namesOf(all)
    const zone = rpz.zoneOf(linesOf(all))
    const engine = await start(zone)
    onTestFinished(() => engine.daemon.remove())

    const theirs = verdictsOf(names, await askAll(engine, names), resolvers.isRewritten)
    expectSame(all, await ourVerdicts('rpz', zone, names, ['rpz-action']), theirs)
  })
})

test.skipIf(!isInstalled('unbound'))("Unbound's wildcards reach empty non-terminals, ours do not", async () => {
  const zone = rpz.zoneOf(['*.d1 CNAME .', 'a.b.d1 CNAME .'])
  const engine = await resolvers.startUnboundWithPolicies(zone)
  onTestFinished(() => engine.daemon.remove())

  const names = ['b.d1', 'x.d1']
  expect([...verdictsOf(names, await askAll(engine, names), resolvers.isRewritten)]).toEqual([
    ['b.d1', true],
    ['x.d1', true],
  ])
  expect([...(await ourVerdicts('rpz', zone, names))]).toEqual([
    ['b.d1', false],
    ['x.d1', true],
  ])
})

test.skipIf(!isInstalled('unbound'))(
  'local zones in Unbound cover the names that we list, except where docs/lists.md says otherwise',
  async () => {
    const all = rounds(seed, 120, localZones.localZonesOf)
    const names = namesOf([...all, ...localZones.DIFFERENCES])
    const lines = linesOf([...all, ...localZones.DIFFERENCES])
    const engine = await resolvers.startUnboundWithLines(lines)
    onTestFinished(() => engine.daemon.remove())

    const theirs = verdictsOf(names, await askAll(engine, names), resolvers.isRewritten)
    const ours = await ourVerdicts('unbound', lines.join('\n'), names)
    expectSame(all, ours, theirs)
    for (const name of namesOf(localZones.DIFFERENCES))
      expect([name, ours.get(name), theirs.get(name)]).toEqual([name, true, false])
  },
)

describe.skipIf(!isInstalled('dnsmasq'))('dnsmasq', () => {
  test('directs the names that we list, except where docs/lists.md says otherwise', async () => {
    const all = rounds(seed, 120, dnsmasq.directivesOf)
    const names = namesOf([...all, ...dnsmasq.DIFFERENCES])
    const directives = linesOf([...all, ...dnsmasq.DIFFERENCES])
    const engine = await dnsmasq.startDnsmasq(directives)
    onTestFinished(() => engine.remove())

    const theirs = verdictsOf(names, await askAll(engine, names), dnsmasq.isDirected)
    const ours = await ourVerdicts('dnsmasq', directives.join('\n'), names)
    expectSame(all, ours, theirs)
    for (const name of namesOf(dnsmasq.DIFFERENCES)) expect([name, ours.get(name), theirs.get(name)]).toEqual([name, false, true])
  })
})

describe('an adblock engine', () => {
  test('blocks the names that we list, except where docs/lists.md says otherwise', async () => {
    const all = rounds(seed, 120, adblock.rulesOf)
    const names = namesOf([...all, ...adblock.DIFFERENCES])
    const rules = linesOf([...all, ...adblock.DIFFERENCES])
    const theirs = adblock.engineVerdicts(rules, names)
    const ours = await ourVerdicts('adblock', rules.join('\n'), names, ['switched-off'])
    expectSame(all, ours, theirs)
    for (const name of namesOf(adblock.DIFFERENCES)) expect([name, ours.get(name), theirs.get(name)]).toEqual([name, true, false])
  })
})
