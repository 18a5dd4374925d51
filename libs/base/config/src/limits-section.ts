/** The tables [limits], [never] and [log]: values with defaults, and nothing else. */
import { arrayOf, boolean, integer, oneOf } from './values.ts'
import { prefix } from './network-values.ts'
import { defineSection, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'

const count = integer(1, 100_000_000)

export const LIMITS = defineSection({
  title: 'limits',
  takesEffect: 'reload',
  settings: {
    namesPerAddress: setting(count, { default: 256, meaning: 'Names kept for one address.' }),
    addressesPerName: setting(count, { default: 1024, meaning: 'Addresses kept for one name.' }),
    routes: setting(count, { default: 1_000_000, meaning: 'Routes of all lists together.' }),
  },
})
export type LimitsConfig = ValuesOf<typeof LIMITS.settings>

export const NEVER = defineSection({
  title: 'never',
  takesEffect: 'reload',
  settings: {
    /** Canonical text with length, as in `allow`. */
    prefixes: setting(arrayOf(prefix), { default: '', meaning: 'Your own, beside those.' }),
    allow: setting(arrayOf(prefix), {
      default: '',
      meaning:
        "Exceptions from those that are built in, also from the address of a server given by name: a list's server may share it with listed names.",
    }),
    allowPrivate: setting(boolean, {
      default: false,
      meaning: 'Allow RFC 1918, RFC 6598 (carrier NAT) and RFC 4193 (unique local) ranges.',
    }),
  },
})
export type NeverConfig = ValuesOf<typeof NEVER.settings>

export type LogLevel = (typeof LOG_LEVELS)[number]
const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

export const LOG = defineSection({
  title: 'log',
  takesEffect: 'restart',
  settings: {
    level: setting(oneOf(LOG_LEVELS), { default: 'info', meaning: '`debug`, `info`, `warn`, `error`.' }),
    format: setting(oneOf(['text', 'json']), {
      default: 'text',
      meaning: '`text`: a readable line; `json`: an object per line.',
    }),
  },
})
export type LogConfig = ValuesOf<typeof LOG.settings>
