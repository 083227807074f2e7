import { ArgumentError } from '../../../errors.ts'
import type { LimitEntry, LimitRequest } from './limit-store.ts'

/** The first maximum that cannot be counted. */
const tooMany = 1e15

/**
 * The message for a request whose deadline is not in the future. Its amounts would be given back at once, and the call
 * would not count.
 */
export const overdue = 'the deadline of the reservation has passed by the clock of the store; set the clocks right'

/**
 * Checks the argument of `LimitStore.reserve`.
 *
 * @throws ArgumentError when a part is not of its type.
 */
export function checkLimitRequest(request: LimitRequest): void {
  const { reservation, entries, deadline, commit, task } = Object(request) as Partial<LimitRequest>
  const isNamed = typeof reservation === 'string' && (task === undefined || typeof task === 'string')
  if (!isNamed || !Number.isFinite(deadline) || typeof commit !== 'boolean') {
    throw new ArgumentError('reserve takes a `reservation`, `entries`, a `deadline` in seconds, and `commit`')
  }
  checkLimitEntries(entries)
  if (entries.length === 0) throw new ArgumentError('reserve takes at least one entry')
}

/**
 * Checks the entries of a request.
 *
 * @throws ArgumentError when they are not a list of limits, each key once.
 */
export function checkLimitEntries(entries: unknown): asserts entries is readonly LimitEntry[] {
  if (!Array.isArray(entries) || !entries.every(isEntry) || (entries.length > 1 && hasRepeatedKey(entries)))
    throw new ArgumentError('`entries` must be a list of limits, each key once')
}

function hasRepeatedKey(entries: readonly LimitEntry[]): boolean {
  return new Set(entries.map(({ key }) => key)).size < entries.length
}

function isEntry(entry: unknown): boolean {
  const { key, kind, maximum, amount, window, expiration } = Object(entry) as Partial<LimitEntry>
  return (
    typeof key === 'string' &&
    (kind === 'total' || kind === 'concurrent' || (kind === 'rate' && isCount(window, 1))) &&
    isCount(maximum, 1) &&
    isCount(amount, kind === 'total' ? 0 : 1, kind === 'total' ? tooMany : 2) &&
    typeof expiration === 'number' &&
    !Number.isNaN(expiration)
  )
}

function isCount(value: unknown, least: number, below: number = tooMany): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) < below
}
