/** What every hook must do, each tried against its real resolver. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Authority, type Resolver, startAuthority, waitFor } from '@dnstap-bgp/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from './client.ts'
import { type Heard, listen, listenFrozen } from './listener.ts'

export interface Hooked {
  /** The hook writes to this socket; ordinary dnstap is off, so that every frame is the hook's. */
  readonly socket: string
  readonly identity: string
  readonly zones: readonly string[]
  readonly authority: Authority
  /** A zone whose answers must fail validation. */
  readonly bogusZone: string
}

const ZONE = 'hook.test'
const BOGUS = 'bogus.test'
const COUNT = 600
const name = (i: number) => `n${i}.${ZONE}`
const address = (i: number) => `198.51.${100 + (i >> 8)}.${i & 255}`
const RECORDS = [
  ...Array.from({ length: COUNT }, (_, i) => `n${i} A ${address(i)}`),
  'six AAAA 2001:db8::6',
  'both A 192.0.2.4',
  'both A 192.0.2.5',
  'alias CNAME second',
  'second CNAME third',
  'third A 192.0.2.3',
  'text TXT "no address"',
].join('\n')
const PATIENT = { timeoutMs: 60_000 }

/** `validates`: the resolver does so itself. */
export function hookSuite(
  title: string,
  { missing, validates = true }: { readonly missing: readonly string[]; readonly validates?: boolean },
  start: (hooked: Hooked) => Promise<Resolver>,
): void {
  describe.skipIf(missing.length > 0)(title + (missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''), () => {
    let folder: string
    let socket: string
    let authority: Authority
    let resolver: Resolver
    let client: Client
    let lastFresh = 0
    const startedMs = Date.now()
    /** A name that nobody has asked for. */
    const fresh = () => lastFresh++

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-hook-'))
      chmodSync(folder, 0o755)
      socket = join(folder, 'dnstap.sock')
      authority = await startAuthority({ [ZONE]: RECORDS, [BOGUS]: 'www A 192.0.2.66\nother A 192.0.2.67' })
      // The socket is not there yet: the resolver has to start and to answer without it.
      resolver = await start({ socket, identity: 'hook-1', zones: [ZONE, BOGUS], authority, bogusZone: BOGUS })
      client = await Client.open(resolver)
    }, 60_000)

    afterAll(async () => {
      client?.close()
      await resolver?.remove()
      await authority?.remove()
      rmSync(folder, { recursive: true, force: true })
    })

    /** A test that begins when our listener is there and the hook has found it. */
    const hearing = (body: (heard: Heard) => Promise<void>) => async () => {
      const heard = await listen(socket)
      try {
        await untilHeard(heard.frames)
        await body(heard)
      } finally {
        await heard.close()
      }
    }

    /** Asks for fresh names until the hook has found the socket. */
    const untilHeard = async (frames: readonly string[]) => {
      const before = frames.length
      await waitFor(
        async () => {
          const i = fresh()
          expect(await client.ask(name(i))).toBe(`${name(i)} ${address(i)}`)
          return frames.length > before
        },
        { ...PATIENT, intervalMs: 100, what: () => `a frame;\n${resolver.daemon.log().slice(-2000)}` },
      )
    }

    test('answers while there is no socket', async () => {
      const i = fresh()
      expect(await client.ask(name(i))).toBe(`${name(i)} ${address(i)}`)
    })

    test(
      'finds the socket later; each fresh answer is in the socket before the client has it',
      hearing(async (heard) => {
        for (let round = 0; round < 20; round++) {
          const i = fresh()
          const answer = await client.ask(name(i))
          // From here on the resolver cannot write any more.
          resolver.daemon.signal('SIGSTOP')
          await waitFor(() => heard.frames.includes(`CLIENT_RESPONSE ${answer}`), PATIENT)
          resolver.daemon.signal('SIGCONT')
        }
        expect([...heard.identities]).toEqual(['hook-1'])
        for (const timeMs of heard.timesMs) {
          expect(timeMs).toBeGreaterThanOrEqual(startedMs)
          expect(timeMs).toBeLessThanOrEqual(Date.now())
        }
      }),
    )

    test(
      'hands over what the client gets: A, AAAA, several addresses, a chain of CNAMEs',
      hearing(async (heard) => {
        expect(await client.ask(`six.${ZONE}`, { type: 'AAAA' })).toBe(`six.${ZONE} 2001:db8::6`)
        expect(await client.ask(`both.${ZONE}`)).toBe(`both.${ZONE} 192.0.2.4 192.0.2.5`)
        expect(await client.ask(`alias.${ZONE}`)).toBe(`alias.${ZONE} 192.0.2.3`)
        const wanted = [`six.${ZONE} 2001:db8::6`, `both.${ZONE} 192.0.2.4 192.0.2.5`, `alias.${ZONE} 192.0.2.3`]
        await waitFor(() => wanted.every((answer) => heard.frames.includes(`CLIENT_RESPONSE ${answer}`)), {
          ...PATIENT,
          what: () => `${wanted.join(', ')} among ${heard.frames.join(', ')}`,
        })
      }),
    )

    test(
      'hands over nothing that has no address: NXDOMAIN, NODATA',
      hearing(async (heard) => {
        expect(await client.ask(`nobody.${ZONE}`)).toBe('error-rcode 3')
        expect(await client.ask(`text.${ZONE}`)).toBe(`text.${ZONE}`)
        await untilHeard(heard.frames)
        expect(heard.frames.filter((frame) => !/ n\d+\.hook\.test 198\.51\./.test(frame))).toEqual([])
      }),
    )

    if (validates)
      test(
        'no client gets a bogus answer, so it is not handed over; nor with CD=1',
        hearing(async (heard) => {
          expect(await client.ask(`www.${BOGUS}`)).toBe('error-rcode 2')
          expect(await client.ask(`www.${BOGUS}`, { checkingDisabled: true })).toBe(`www.${BOGUS} 192.0.2.66`)
          // Not in the cache yet.
          expect(await client.ask(`other.${BOGUS}`, { checkingDisabled: true })).toBe(`other.${BOGUS} 192.0.2.67`)
          await untilHeard(heard.frames)
          expect(heard.frames.filter((frame) => frame.includes(BOGUS))).toEqual([])
        }),
      )

    test('a frozen listener costs no lookup, though the buffer of the socket is full', async () => {
      const frozen = await listenFrozen(socket)
      try {
        await waitFor(
          async () => {
            await client.ask(name(fresh()))
            return frozen.connections() > 0
          },
          { ...PATIENT, intervalMs: 100 },
        )
        const numbers = Array.from({ length: 450 }, () => fresh())
        expect(await client.askAll(numbers.map(name))).toEqual(numbers.map((i) => `${name(i)} ${address(i)}`))
      } finally {
        await frozen.close()
      }
    })

    test(
      'finds the socket again after our restart',
      hearing(async (heard) => {
        expect(heard.frames.every((frame) => /^CLIENT_RESPONSE n\d+\.hook\.test 198\.51\./.test(frame))).toBe(true)
      }),
    )
  })
}
