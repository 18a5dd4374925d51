/** Every section of the file, in the order of the manual. One more section is one line here, and its reading in parse-config.ts. */
import { ADMIN } from './admin-section.ts'
import { BGP, BGP_PEER } from './bgp-section.ts'
import { BUS, BUS_TLS } from './bus-section.ts'
import { DNSTAP, DNSTAP_HOLD, DNSTAP_TLS } from './dnstap-section.ts'
import { LIMITS, LOG, NEVER } from './limits-section.ts'
import { LIST, LISTS } from './list-section.ts'
import { RESOLVER } from './resolver-section.ts'
import type { SectionDescription } from './setting.ts'
import { STORE, STORE_TLS } from './store-section.ts'
import { SYNCER } from './syncer-section.ts'
import { TOP } from './top-section.ts'

export const SECTIONS: readonly SectionDescription[] = [
  TOP,
  DNSTAP,
  DNSTAP_HOLD,
  DNSTAP_TLS,
  RESOLVER,
  LIST,
  LISTS,
  LIMITS,
  NEVER,
  BGP,
  BGP_PEER,
  SYNCER,
  BUS,
  BUS_TLS,
  STORE,
  STORE_TLS,
  ADMIN,
  LOG,
]
