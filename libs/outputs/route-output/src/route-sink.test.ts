import { RouteTable, type RouteAttributes } from '@dnstap-bgp/route-table'
import { expect, test } from 'vitest'
import { routeChain, type RouteSink, type RouteStage } from './route-sink.ts'

const ROUTE: RouteAttributes = { lists: ['video'], communities: [], largeCommunities: [] }

test('without stages, the announcer writes to the table', () => {
  const table = new RouteTable()
  expect(routeChain(table, [])).toBe(table)
})

test('stages pass routes on in their order, changed or not', () => {
  const order: string[] = []
  const stage =
    (name: string): RouteStage =>
    (next: RouteSink) => ({
      set(prefix, attributes) {
        order.push(`${name} +${prefix}`)
        return next.set(prefix, { ...attributes, communities: [...attributes.communities, order.length] })
      },
      delete(prefix) {
        order.push(`${name} -${prefix}`)
        return next.delete(prefix)
      },
    })
  const table = new RouteTable()
  const sink = routeChain(table, [stage('first'), stage('second')])
  expect(sink.set('192.0.2.1/32', ROUTE)).toBe(true)
  expect(table.get('192.0.2.1/32')?.communities).toEqual([1, 2])
  expect(sink.delete('192.0.2.1/32')).toBe(true)
  expect(sink.delete('192.0.2.1/32')).toBe(false)
  expect(order.slice(0, 4)).toEqual([
    'first +192.0.2.1/32',
    'second +192.0.2.1/32',
    'first -192.0.2.1/32',
    'second -192.0.2.1/32',
  ])
})
