import { expect, test } from 'vitest'
import { Metrics } from './metrics.ts'

test('a counter and a gauge are read when somebody asks', async () => {
  const metrics = new Metrics({ process: false })
  let frames = 1
  metrics.counter({ name: 'frames_total', help: 'Frames.', read: () => frames })
  metrics.gauge({ name: 'routes', help: 'Routes.', read: () => frames * 10 })
  expect(await metrics.text()).toContain('dnstap_bgp_frames_total 1\n')
  frames = 5
  const text = await metrics.text()
  expect(text).toContain('# TYPE dnstap_bgp_frames_total counter')
  expect(text).toContain('dnstap_bgp_frames_total 5\n')
  expect(text).toContain('dnstap_bgp_routes 50\n')
})

test('labels come and go with what they name', async () => {
  const metrics = new Metrics({ process: false })
  const peers = new Map([
    ['192.0.2.1', 3],
    ['a"b\\c\nd', 4],
  ])
  metrics.gauge({
    name: 'peer_routes',
    help: 'Routes out.',
    labels: ['peer'],
    read: () => [...peers].map(([peer, value]) => ({ labels: { peer }, value })),
  })
  expect(await metrics.text()).toContain('dnstap_bgp_peer_routes{peer="192.0.2.1"} 3')
  expect(await metrics.text()).toContain('dnstap_bgp_peer_routes{peer="a\\"b\\\\c\\nd"} 4')
  peers.delete('192.0.2.1')
  expect(await metrics.text()).not.toContain('192.0.2.1')
})

test('a metric that cannot be read is left out and counted; the others are served', async () => {
  const metrics = new Metrics({ process: false })
  metrics.gauge({
    name: 'broken',
    help: 'Broken.',
    read: () => {
      throw new Error('no')
    },
  })
  metrics.gauge({ name: 'not_a_number', help: 'NaN.', read: () => Number.NaN })
  metrics.counter({ name: 'negative_total', help: 'Negative.', read: () => -1 })
  metrics.gauge({ name: 'whole', help: 'Whole.', read: () => 7 })
  await metrics.text()
  const text = await metrics.text()
  expect(text).toContain('dnstap_bgp_whole 7\n')
  expect(text).not.toMatch(/^dnstap_bgp_(broken|not_a_number) /m)
  expect(text).toMatch(/^dnstap_bgp_metrics_unreadable_total [1-9]/m)
})

test('a histogram counts into its buckets', async () => {
  const metrics = new Metrics({ process: false })
  const reload = metrics.histogram({ name: 'reload_seconds', help: 'Reloads.', buckets: [1, 10] })
  reload.observe(5)
  expect(await metrics.text()).toContain('dnstap_bgp_reload_seconds_bucket{le="10"} 1')
})

test('a counter whose name does not end in _total is refused', () => {
  expect(() => new Metrics({ process: false }).counter({ name: 'frames', help: '', read: () => 0 })).toThrow(/_total/)
})

test("the process's own numbers are there", async () => {
  expect(await new Metrics().text()).toContain('process_resident_memory_bytes')
})
