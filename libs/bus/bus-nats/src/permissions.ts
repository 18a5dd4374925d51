/**
 * What a NATS user may publish and subscribe to, made from what its service does on the bus.
 *
 * Who may make or change a stream or a consumer can let nats-server publish in its own name (republish, deliver_subject): that is for the
 * one that consumes a queue, which is trusted with more than the queue anyway. Who enqueues may only see whether the stream is there.
 *
 * Answers go to the inbox that the question names. A server may publish to the inboxes of those that ask it, and no further.
 */
import { CONTROLS, DURABLE, inboxPrefixOf, QUESTIONS, streamName } from './names.ts'

interface Named {
  readonly name: string
}

/** What a service does, by the names of subjects, queues and calls. */
export interface OnTheBus {
  readonly publishes: readonly Named[]
  readonly subscribes: readonly Named[]
  readonly enqueues: readonly Named[]
  readonly consumes: readonly Named[]
  readonly serves: readonly Named[]
  readonly asks: readonly Named[]
}

export interface NatsPermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** `table`: every service, by the name that it connects with. */
export function permissionsOf(service: string, table: Readonly<Record<string, OnTheBus>>): NatsPermissions {
  const row = table[service]
  if (row === undefined) throw new RangeError(`no service is called ${service}`)
  const publish = [
    ...namesOf(row.publishes),
    ...namesOf(row.asks),
    ...row.enqueues.flatMap((queue) => [queue.name, `$JS.API.STREAM.INFO.${streamName(queue)}`]),
    ...row.consumes.flatMap((queue) => consumerApi(streamName(queue))),
    ...others(table, row.serves, 'asks').map((asker) => `${inboxPrefixOf(asker)}.*.${QUESTIONS}.*`),
    ...others(table, row.asks, 'serves').map((server) => `${inboxPrefixOf(server)}.*.${CONTROLS}.*`),
  ]
  const subscribe = [...namesOf(row.subscribes), ...namesOf(row.serves), `${inboxPrefixOf(service)}.>`]
  return { publish: sorted(publish), subscribe: sorted(subscribe) }
}

/** The services that do this with any of these names. */
function others(table: Readonly<Record<string, OnTheBus>>, names: readonly Named[], does: 'asks' | 'serves'): string[] {
  const wanted = new Set(namesOf(names))
  return Object.keys(table).filter((service) => table[service]?.[does].some(({ name }) => wanted.has(name)))
}

function consumerApi(stream: string): string[] {
  const consumer = `${stream}.${DURABLE}`
  return [
    ...['INFO', 'CREATE', 'UPDATE'].map((what) => `$JS.API.STREAM.${what}.${stream}`),
    ...['INFO', 'CREATE', 'DURABLE.CREATE', 'DELETE', 'MSG.NEXT'].map((what) => `$JS.API.CONSUMER.${what}.${consumer}`),
    `$JS.ACK.${consumer}.>`,
  ]
}

const namesOf = (all: readonly Named[]): string[] => all.map(({ name }) => name)
const sorted = (subjects: readonly string[]): string[] => [...new Set(subjects)].sort()
