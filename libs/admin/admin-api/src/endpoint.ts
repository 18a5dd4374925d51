/** What the contract says of one endpoint, and the types that follow from it. */
import type { Static, TSchema } from '@sinclair/typebox'

/** The programs that have an admin server. The all-in-one serves every endpoint. */
export type ProgramName = 'all-in-one' | 'dnstap-ingest' | 'cache' | 'bgp-announcer' | 'sync-gateway'

/**
 * The schema of an object, as far as an endpoint needs it. TypeBox's TObject would do, but tsc 6 gives up comparing one with
 * another (TS2589).
 */
export interface Fields extends TSchema {
  readonly properties: Readonly<Record<string, TSchema>>
  readonly required?: string[] | undefined
}

export interface AdminEndpoint<
  Query extends Fields = Fields,
  Body extends Fields | undefined = Fields | undefined,
  Reply extends TSchema = TSchema,
> {
  readonly method: 'GET' | 'POST'
  readonly path: `/api/${string}`
  readonly summary: string
  /** The programs that own it, besides the all-in-one. */
  readonly servedBy: readonly ProgramName[]
  /** Every owner gives the same reply, so any program may ask one over the bus. */
  readonly overBus: boolean
  readonly query: Query
  /** Undefined: a body is ignored. */
  readonly body: Body
  readonly reply: Reply
  /** The reply is an array, sent element by element. */
  readonly isStream: boolean
  /** By status: when it happens. Every endpoint may also answer 401, 403 and 500. */
  readonly errors: Readonly<Record<number, string>>
  /** How long a client waits for the reply. */
  readonly patienceSeconds: number
}

export type QueryOf<E extends AdminEndpoint> = Readonly<Static<E['query']>>
export type BodyOf<E extends AdminEndpoint> = E['body'] extends Fields ? Readonly<Static<E['body']>> : undefined
/** As a handler returns it: nothing of it is changed, and what JSON leaves out may be undefined. */
export type ReplyOf<E extends AdminEndpoint> = Sent<Static<E['reply']>>
/** An element of a reply that is an array. */
export type PartOf<E extends AdminEndpoint> = ReplyOf<E> extends readonly (infer Part)[] ? Part : never

/** A value as a handler returns it. */
export type Sent<T> = T extends readonly (infer Item)[]
  ? readonly Sent<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: object extends Pick<T, Key> ? Sent<T[Key]> | undefined : Sent<T[Key]> }
    : T
