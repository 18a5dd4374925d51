import { BGP } from './bgp-section.ts'
import { LIST } from './list-section.ts'
import { defaultsOf } from './setting.ts'

/** What other programs need of the defaults. Each stands once, in its section. */
export const DEFAULTS = { list: defaultsOf(LIST), bgp: defaultsOf(BGP) }
