/** RFC 3339 as Go's encoding/json reads and writes it: nanoseconds, trailing zeros dropped, any offset. Without `Date`: this is a protocol lib. */

const DAY_MS = 86_400_000
/** Year 10000: Go refuses to write it. */
const MAX_MS = 253_402_300_800_000

const SHAPE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

/** Unix time in milliseconds (what is finer is cut off); undefined when the text is no such time. Years before 1970 are negative. */
export function parseTime(text: string): number | undefined {
  const parts = SHAPE.exec(text)
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number)
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) return undefined
  const [fraction, sign, offsetHours, offsetMinutes] = [parts[7] ?? '', parts[8], Number(parts[9] ?? 0), Number(parts[10] ?? 0)]
  if (offsetHours > 24 || offsetMinutes > 59) return undefined
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000 * (sign === '-' ? -1 : 1)
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  return daysSinceEpoch(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms - offsetMs
}

/** UTC, as Go writes it: `2026-11-23T01:13:08.7Z`. What lies outside the years 1970 to 9999 is brought to their edge. */
export function formatTime(unixMs: number): string {
  const ms = Math.min(Math.max(0, Math.floor(unixMs)), MAX_MS - 1)
  const [year, month, day] = civilDate(Math.floor(ms / DAY_MS))
  const inDay = ms % DAY_MS
  const fraction = (inDay % 1000).toString().padStart(3, '0').replace(/0+$/, '')
  const clock = [Math.floor(inDay / 3_600_000), Math.floor(inDay / 60_000) % 60, Math.floor(inDay / 1000) % 60]
    .map(twoDigits)
    .join(':')
  return `${year}-${twoDigits(month)}-${twoDigits(day)}T${clock}${fraction === '' ? '' : `.${fraction}`}Z`
}

function twoDigits(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days from the start of year 0 to that of `year`, in the Gregorian calendar carried backwards. */
function daysBeforeYear(year: number): number {
  const last = year - 1
  return year * 365 + Math.floor(last / 4) - Math.floor(last / 100) + Math.floor(last / 400) + 1
}

const EPOCH_DAYS = daysBeforeYear(1970)

function daysSinceEpoch(year: number, month: number, day: number): number {
  let days = daysBeforeYear(year) - EPOCH_DAYS + day - 1
  for (let before = 1; before < month; before++) days += daysIn(year, before)
  return days
}

function civilDate(daysFromEpoch: number): [year: number, month: number, day: number] {
  let year = 1970 + Math.floor(daysFromEpoch / 365.2425)
  while (daysSinceEpoch(year, 1, 1) > daysFromEpoch) year--
  while (daysSinceEpoch(year + 1, 1, 1) <= daysFromEpoch) year++
  let rest = daysFromEpoch - daysSinceEpoch(year, 1, 1)
  let month = 1
  while (rest >= daysIn(year, month)) rest -= daysIn(year, month++)
  return [year, month, rest + 1]
}
