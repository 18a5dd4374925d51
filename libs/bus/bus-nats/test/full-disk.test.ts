/** The disk of nats-server is full. JetStream stands still then and does not go on when there is room: health has to say what to do. */
import { isInstalled, makeSmallDisk, smallDiskMissing, startNats, waitFor } from '@dnstap-bgp/testkit'
import { BusError } from '@dnstap-bgp/bus'
import { afterEach, expect, test } from 'vitest'
import { BusesUnderTest, queue } from '../testing/bus-under-test.ts'

const missing = isInstalled('nats-server') ? smallDiskMissing('tmpfs') : 'not installed: nats-server'
const LONG = { timeoutMs: 60_000 }

const buses = new BusesUnderTest()
afterEach(buses.end)

test.skipIf(missing !== '')(
  `a full disk: health says what to do, and what was acknowledged is there after it was done${missing === '' ? '' : ` (${missing})`}`,
  async () => {
    const disk = makeSmallDisk('tmpfs', 8 * 2 ** 20)
    buses.atEnd(async () => disk.remove())
    const jetstream = `jetstream { store_dir: "${disk.path}", max_memory_store: 64MB, max_file_store: 1GB }`
    const nats = await startNats({ jetstream: false, extra: jetstream })
    buses.atEnd(() => nats.remove())
    const { bus, told, state, why } = await buses.openWithHealth({ servers: [nats.url] })
    const word = (n: number) => `${n} ${'x'.repeat(10_000)}`
    await bus.enqueue(queue, word(0))
    disk.fill()
    let taken = 0
    let refusal: unknown
    for (let n = 1; refusal === undefined && n < 1000; n++)
      await bus.enqueue(queue, word(n)).then(
        () => (taken = n),
        (error: unknown) => (refusal = error),
      )
    expect(refusal).toBeInstanceOf(BusError)
    await waitFor(() => state().state === 'degraded', LONG)
    expect(told.join('\n')).toMatch(/disk is full, make room and restart nats-server/)

    disk.makeRoom()
    await nats.kill()
    await nats.restart()
    const worked = new Set<string>()
    bus.consume(queue, async (messages) => messages.forEach((one) => worked.add(one)))
    await waitFor(
      () =>
        bus.enqueue(queue, 'after').then(
          () => true,
          () => false,
        ),
      LONG,
    )
    await waitFor(() => worked.has('after'), LONG)
    for (let n = 0; n <= taken; n++) expect(worked).toContain(word(n))
    await waitFor(() => state().state === 'ok', { ...LONG, what: () => `health to be well: ${why()}` })
  },
  180_000,
)
