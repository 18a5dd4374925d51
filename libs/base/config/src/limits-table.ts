/** The tables [limits], [never] and [log]: values with defaults, and nothing else. */
import type { LimitsConfig, LogConfig, NeverConfig } from './config.ts'
import { LOG_LEVELS } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import type { Section } from './section.ts'
import { boolean, integer, arrayOf, oneOf, prefix } from './values.ts'

export function parseLimits(section: Section): LimitsConfig {
  const count = integer(1, 100_000_000)
  const limits = {
    namesPerAddress: section.get('namesPerAddress', count, DEFAULTS.limits.namesPerAddress),
    addressesPerName: section.get('addressesPerName', count, DEFAULTS.limits.addressesPerName),
    routes: section.get('routes', count, DEFAULTS.limits.routes),
  }
  section.done()
  return limits
}

export function parseNever(section: Section): NeverConfig {
  const never = {
    allowPrivate: section.get('allowPrivate', boolean, DEFAULTS.never.allowPrivate),
    prefixes: section.get('prefixes', arrayOf(prefix), []),
    allow: section.get('allow', arrayOf(prefix), []),
  }
  section.done()
  return never
}

export function parseLog(section: Section): LogConfig {
  const log = {
    level: section.get('level', oneOf(LOG_LEVELS), DEFAULTS.log.level),
    format: section.get('format', oneOf(['text', 'json']), DEFAULTS.log.format),
  }
  section.done()
  return log
}
