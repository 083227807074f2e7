/**
 * A plain model of a limit store: it keeps every reservation for ever, and adds up at each question.
 *
 * @module
 */

import type { LimitAnswer, LimitEntry, LimitRequest, LimitState } from '../core/authorization/limits/limit-store.ts'
import type { Timestamp } from '../time.ts'

/** The model. The time never goes back. */
export interface LimitModel {
  reserve(request: LimitRequest, now: Timestamp): LimitAnswer
  commit(reservation: string, now: Timestamp): boolean
  release(reservation: string): void
  remaining(entries: readonly LimitEntry[], now: Timestamp): readonly LimitState[]
}

interface Kept {
  readonly request: LimitRequest
  /** The time of the commit. */
  start: Timestamp
  phase: 'reserved' | 'committed' | 'released'
  wasCommitted: boolean
  /** The keys of the kind `total` for which it counts. */
  readonly paid: Set<string>
}

/** Makes a model without reservations. */
export function createLimitModel(): LimitModel {
  const all: Kept[] = []

  function isPaid(entry: LimitEntry, task: string | undefined): boolean {
    return (
      entry.kind === 'total' &&
      task !== undefined &&
      all.some(({ paid, request }) => request.task === task && paid.has(entry.key) && amountIn(request, entry.key) > 0)
    )
  }

  /** The time until which a reservation counts for an entry. */
  function until(kept: Kept, entry: LimitEntry): Timestamp {
    const { phase, wasCommitted, paid, request, start } = kept
    if (!wasCommitted) return phase === 'reserved' ? request.deadline : Number.NEGATIVE_INFINITY
    if (entry.kind === 'total') return paid.has(entry.key) ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    if (entry.kind === 'rate') return start + Number(entry.window) + 1
    return phase === 'released' ? Number.NEGATIVE_INFINITY : request.deadline
  }

  function stateOf(entry: LimitEntry, now: Timestamp): LimitState {
    const counting = all.filter(
      (kept) => kept.request.entries.some(({ key }) => key === entry.key) && until(kept, entry) > now,
    )
    const sum = counting.reduce((total, { request }) => total + amountIn(request, entry.key), 0)
    const remaining = Math.max(0, entry.maximum - sum)
    if (entry.kind !== 'rate' || remaining > 0) return { remaining }
    return { remaining, freeAt: Math.min(...counting.map((kept) => until(kept, entry))) }
  }

  function commit(reservation: string, now: Timestamp): boolean {
    const kept = all.find(({ request }) => request.reservation === reservation)
    if (kept === undefined || kept.phase !== 'reserved') return false
    if (kept.request.deadline <= now) return false
    kept.phase = 'committed'
    kept.start = now
    kept.wasCommitted = true
    for (const entry of kept.request.entries) {
      if (entry.kind === 'total' && !isPaid(entry, kept.request.task)) kept.paid.add(entry.key)
    }
    return true
  }

  return {
    reserve(request, now) {
      for (const entry of request.entries) {
        if (isPaid(entry, request.task)) continue
        const state = stateOf(entry, now)
        if (state.remaining === 0 || state.remaining < entry.amount)
          return { reserved: false, key: entry.key, ...state }
      }
      const entries = request.entries.map((entry) => (isPaid(entry, request.task) ? { ...entry, amount: 0 } : entry))
      const kept = { request: { ...request, entries }, start: now, wasCommitted: false, paid: new Set<string>() }
      all.push({ ...kept, phase: 'reserved' })
      if (request.commit) commit(request.reservation, now)
      return { reserved: true }
    },
    commit,
    release(reservation) {
      const kept = all.find(({ request }) => request.reservation === reservation)
      if (kept !== undefined) kept.phase = 'released'
    },
    remaining: (entries, now) => entries.map((entry) => stateOf(entry, now)),
  }
}

function amountIn({ entries }: LimitRequest, key: string): number {
  return entries.find((entry) => entry.key === key)?.amount ?? 0
}
