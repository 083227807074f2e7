import { UsageError } from '../usage-error.ts'

const unitSeconds: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
  ['w', 604_800],
])

/** The last second that a date of the platform can have. */
const lastDate = 8_640_000_000_000

/**
 * Reads a duration: `90s`, `15m`, `8h`, `30d`, `2w`.
 *
 * @returns seconds, at least 1.
 */
export function readDuration(name: string, text: string): number {
  const [, digits, unit = ''] = /^([1-9][0-9]{0,9})([smhdw])$/.exec(text) ?? []
  const seconds = Number(digits) * (unitSeconds.get(unit) ?? Number.NaN)
  if (!Number.isSafeInteger(seconds))
    throw new UsageError(`--${name} must be a duration such as 90s, 15m, 8h, 30d or 2w`)
  return seconds
}

/**
 * Reads a moment: a date (`2026-12-01`, the start of that day in UTC), a date and time with its zone
 * (`2026-12-01T09:30:00Z`, `…+01:00`; fractions of a second are dropped), seconds since 1970, `now`, `yesterday`
 * (24 hours ago), or a duration
 * before or after now (`-2h`, `+30d`).
 *
 * @returns seconds since 1970.
 */
export function readMoment(name: string, text: string, now: number): number {
  if (text === 'now') return now
  if (text === 'yesterday') return now - 86_400
  if (/^[+-]/.test(text)) {
    const seconds = readDuration(name, text.slice(1))
    return text.startsWith('-') ? now - seconds : now + seconds
  }
  if (/^[0-9]{1,12}$/.test(text)) return Number(text)
  const isDate =
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?$/.test(
      text,
    )
  const milliseconds = isDate ? Date.parse(text) : Number.NaN
  // `Date.parse` takes 2026-02-30 for the second of March.
  const isWhole = isDate && new Date(`${text.slice(0, 10)}T00:00:00Z`).toJSON()?.slice(0, 10) === text.slice(0, 10)
  if (/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+$/.test(text))
    throw new UsageError(`--${name} has no time zone; end it with Z for UTC, or with an offset such as +01:00`)
  if (/^[0-9]{13}$/.test(text)) throw new UsageError(`--${name} is in milliseconds; pass seconds since 1970`)
  if (!Number.isFinite(milliseconds) || !isWhole) {
    throw new UsageError(
      `--${name} must be a time: 2026-12-01, 2026-12-01T09:30:00Z, seconds since 1970, now, yesterday, or a duration from now, such as --${name}=+8h or --${name}=-2h`,
    )
  }
  return Math.floor(milliseconds / 1_000)
}

/** Shows a moment as a date in UTC; seconds without a date are shown as they are. */
export function showDate(seconds: number): string {
  if (!(Math.abs(seconds) <= lastDate)) return String(seconds)
  return new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z')
}

/** Shows how far a moment is from now: `in 2 days 3 hours`, `5 minutes ago`, `now`. */
export function showDistance(seconds: number, now: number): string {
  const distance = Math.abs(seconds - now)
  if (distance === 0) return 'now'
  const units: readonly (readonly [string, number])[] = [
    ['year', 31_557_600],
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
    ['second', 1],
  ]
  const at = units.findIndex(([, length]) => distance >= length)
  const words: string[] = []
  let rest = distance
  for (const [unit, length] of units.slice(at, at + 2)) {
    const count = Math.floor(rest / length)
    rest -= count * length
    if (count > 0) words.push(`${count} ${unit}${count === 1 ? '' : 's'}`)
  }
  return seconds > now ? `in ${words.join(' ')}` : `${words.join(' ')} ago`
}
