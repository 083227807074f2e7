import { ArgumentError, StoreError, StoreFullError } from '../../../errors.ts'
import { numberFrom, readOptions, withDefault, withMethod } from '../../../support/options.ts'
import { type Clock, maxTolerance, secondsOf, systemClock, type Timestamp } from '../../../time.ts'
import type { LimitAnswer, LimitEntry, LimitRequest, LimitState, LimitStore } from './limit-store.ts'
import { checkLimitEntries, checkLimitRequest, overdue } from './read-limit-request.ts'

/** Options of {@link memoryLimitStore}. */
export interface MemoryLimitStoreOptions {
  /**
   * Most limits, calls in progress or within the period of a rate, and tasks, together. Default 1,000,000. A tenth of
   * the places is not for calls with limits of delegates.
   */
  readonly maxEntries?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** A limit store in memory. */
export interface MemoryLimitStore extends LimitStore {
  /** The number of entries, expired ones included that are not forgotten yet. */
  readonly size: number
}

/** An amount that counts for a while. */
interface Hold {
  readonly amount: number
  until: Timestamp
}

/** The uses of a limit. Most limits have no holds and no tasks. */
interface Counter {
  /** The sum of the amounts that are never given back. */
  used: number
  /** The sum of `holds`. */
  held: number
  /** By reservation. */
  holds: Map<string, Hold> | undefined
  /** The earliest `until` of the holds, or an earlier time. */
  next: Timestamp
  /** The amount and the tasks are kept until then. */
  until: Timestamp
  paidTasks: Set<string> | undefined
}

interface Reservation {
  readonly request: LimitRequest
  committed: boolean
  /** The number of its holds. */
  holds: number
}

/** The entries of a store. */
interface State {
  readonly maxEntries: number
  readonly clock: Clock
  readonly counters: Map<string, Counter>
  readonly reservations: Map<string, Reservation>
  /** The number of holds and of paid tasks. */
  others: number
  /** The latest time seen. */
  latest: Timestamp
  /** The counters that are still to examine in this circle. */
  rest: Iterator<[string, Counter]>
}

/** The share of the places that calls with limits of delegates can take. */
const shareOfDelegates = 0.9

/**
 * Counters that a request examines for each of its limits: more than it adds, so that expired ones do not accumulate.
 */
const sweptForEach = 3

/** Most counters that a request examines in a full store. */
const sweptInFull = 10_000

/**
 * Counts in the memory of this process, for a service that is one process. When full it refuses calls. A restart
 * forgets all amounts.
 *
 * A limit takes about 220 bytes of the JavaScript heap.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function memoryLimitStore(options: MemoryLimitStoreOptions = {}): MemoryLimitStore {
  const { maxEntries, clock } = readOptions('memoryLimitStore', options, {
    maxEntries: withDefault(numberFrom(0), 1_000_000),
    clock: withDefault(withMethod('now'), systemClock),
  })
  const counters = new Map<string, Counter>()
  const state: State = {
    maxEntries,
    clock,
    counters,
    reservations: new Map(),
    others: 0,
    latest: Number.NEGATIVE_INFINITY,
    rest: counters.entries(),
  }
  return Object.freeze({
    get size() {
      return sizeOf(state)
    },
    reserve: (request: LimitRequest) => reserve(state, request),
    commit: (id: string) => commit(state, id, readClock(state)),
    release(id: string): void {
      const committed = state.reservations.get(id)?.committed === true
      giveBack(state, id, ({ kind }) => !committed || kind === 'concurrent')
    },
    remaining(entries: readonly LimitEntry[]): readonly LimitState[] {
      checkLimitEntries(entries)
      const now = readClock(state)
      return entries.map((entry) => stateOf(state, entry, now))
    },
  })
}

function reserve(state: State, request: LimitRequest): LimitAnswer {
  checkLimitRequest(request)
  const { reservation, entries, task, deadline } = request
  const now = readClock(state)
  if (deadline <= now) throw new StoreError(overdue)
  sweep(state, sweptForEach * entries.length, now)
  if (state.reservations.has(reservation)) throw new ArgumentError('there is already a reservation of this name')
  // LMT-14: a clock that went back must not make a forgotten limit new again.
  if (entries.some(({ expiration }) => expiration < state.latest))
    throw new StoreError('a delegation expired before the latest time seen')
  const held = entries.map((entry) => (isPaid(state, entry, task) ? { ...entry, amount: 0 } : entry))
  // LMT-10: nothing is reserved before every limit was found to have enough.
  for (const entry of entries) {
    if (isPaid(state, entry, task)) continue
    const left = stateOf(state, entry, now)
    if (left.remaining === 0 || left.remaining < entry.amount) return { reserved: false, key: entry.key, ...left }
  }
  const share = entries.some(({ byDelegate }) => byDelegate === true) ? shareOfDelegates : 1
  makeRoom(state, 3 * entries.length, Math.floor(share * state.maxEntries), now)
  // LMT-10: a map that cannot grow fails here, before any amount was added.
  for (const entry of entries) keep(state, entry, deadline)
  if (!request.commit) {
    holdAll(state, held, request)
    return { reserved: true }
  }
  // A total that is final at once needs no hold.
  for (const entry of held) if (entry.kind === 'total') use(state, entry, request)
  const others = held.filter(({ kind }) => kind !== 'total')
  if (others.length > 0) {
    holdAll(state, others, request)
    // At the same time: a deadline that passes between two readings of the clock would end them uncounted.
    commit(state, reservation, now)
  }
  return { reserved: true }
}

function holdAll(state: State, entries: readonly LimitEntry[], request: LimitRequest): void {
  const reservation = { request: { ...request, entries }, committed: false, holds: entries.length }
  state.reservations.set(request.reservation, reservation)
  for (const entry of entries) hold(state, entry, request)
}

function commit(state: State, id: string, now: Timestamp): boolean {
  const reservation = state.reservations.get(id)
  if (reservation === undefined) return false
  const { request, committed } = reservation
  if (committed) return true
  // LMT-15
  if (request.deadline <= now) {
    giveBack(state, id, () => true)
    return false
  }
  for (const entry of request.entries) settle(state, entry, reservation, now)
  reservation.committed = true
  return true
}

function readClock(state: State): Timestamp {
  const now = secondsOf(state.clock)
  state.latest = Math.max(state.latest, now)
  return now
}

function sizeOf({ counters, others }: State): number {
  return counters.size + others
}

function makeRoom(state: State, places: number, most: number, now: Timestamp): void {
  if (sizeOf(state) + places > most) sweep(state, sweptInFull, now)
  if (sizeOf(state) + places > most) throw new StoreFullError(`the limit store holds its ${most} entries`)
}

/** Keeps the amount of a limit until the delegation and the hold that is about to be made have ended. */
function keep({ counters }: State, { key, expiration }: LimitEntry, deadline: Timestamp): Counter {
  // The tolerances of services differ.
  const until = Math.max(expiration + maxTolerance, deadline)
  let counter = counters.get(key)
  if (counter === undefined) {
    counter = { used: 0, held: 0, holds: undefined, next: Number.POSITIVE_INFINITY, until, paidTasks: undefined }
    counters.set(key, counter)
  }
  counter.until = Math.max(counter.until, until)
  return counter
}

function removeHold(state: State, key: string, counter: Counter, id: string): void {
  const held = counter.holds?.get(id)
  if (held === undefined) return
  counter.holds?.delete(id)
  if (counter.holds?.size === 0) counter.holds = undefined
  if (isEmpty(counter)) state.counters.delete(key)
  counter.held -= held.amount
  state.others -= 1
  const reservation = state.reservations.get(id) as Reservation
  reservation.holds -= 1
  if (reservation.holds === 0) state.reservations.delete(id)
}

function isEmpty({ used, holds, paidTasks }: Counter): boolean {
  return used === 0 && holds === undefined && paidTasks === undefined
}

function giveBack(state: State, id: string, which: (entry: LimitEntry) => boolean): void {
  for (const entry of state.reservations.get(id)?.request.entries ?? []) {
    const counter = state.counters.get(entry.key)
    if (counter !== undefined && which(entry)) removeHold(state, entry.key, counter, id)
  }
}

/** Ends the holds whose time is over. A reservation that was not committed ends as a whole. */
function expire(state: State, key: string, counter: Counter, now: Timestamp): void {
  if (counter.holds === undefined || counter.next > now) return
  for (const [id, { until }] of counter.holds) {
    if (until > now) continue
    if (state.reservations.get(id)?.committed) removeHold(state, key, counter, id)
    else giveBack(state, id, () => true)
  }
  counter.next = earliestEnd(counter)
}

function earliestEnd({ holds }: Counter): Timestamp {
  let earliest = Number.POSITIVE_INFINITY
  for (const { until } of holds?.values() ?? []) earliest = Math.min(earliest, until)
  return earliest
}

function sweep(state: State, counters: number, now: Timestamp): void {
  for (let left = counters; left > 0; left--) {
    const { done, value } = state.rest.next()
    if (done) {
      state.rest = state.counters.entries()
      return
    }
    const [key, counter] = value
    expire(state, key, counter, now)
    if (counter.holds !== undefined || (counter.until >= state.latest && !isEmpty(counter))) continue
    state.counters.delete(key)
    state.others -= counter.paidTasks?.size ?? 0
  }
}

function stateOf(state: State, { key, kind, maximum }: LimitEntry, now: Timestamp): LimitState {
  const counter = state.counters.get(key)
  if (counter === undefined) return { remaining: maximum }
  expire(state, key, counter, now)
  const remaining = Math.max(0, maximum - counter.used - counter.held)
  return kind === 'rate' && remaining === 0 ? { remaining, freeAt: earliestEnd(counter) } : { remaining }
}

function isPaid({ counters }: State, { key, kind }: LimitEntry, task: string | undefined): boolean {
  return kind === 'total' && task !== undefined && counters.get(key)?.paidTasks?.has(task) === true
}

function hold(state: State, entry: LimitEntry, { reservation, deadline }: LimitRequest): void {
  const counter = keep(state, entry, deadline)
  counter.holds ??= new Map()
  counter.holds.set(reservation, { amount: entry.amount, until: deadline })
  counter.held += entry.amount
  counter.next = Math.min(counter.next, deadline)
  state.others += 1
}

/** Counts an amount for ever. LMT-13: a task that was paid for meanwhile is not paid for twice. */
function use(state: State, entry: LimitEntry, { task, deadline }: LimitRequest): void {
  if (entry.amount === 0 || isPaid(state, entry, task)) return
  // A clock that jumped ahead and back may have ended it.
  const counter = keep(state, entry, deadline)
  counter.used += entry.amount
  if (task === undefined) return
  counter.paidTasks ??= new Set()
  counter.paidTasks.add(task)
  state.others += 1
}

/** Makes the hold of one entry final. */
function settle(state: State, entry: LimitEntry, { request }: Reservation, now: Timestamp): void {
  const { reservation } = request
  const counter = state.counters.get(entry.key)
  const held = counter?.holds?.get(reservation)
  if (counter === undefined || held === undefined) return
  if (entry.kind === 'rate') {
    // The clock has whole seconds, so the period may have begun almost a second later.
    held.until = now + Number(entry.window) + 1
    counter.next = Math.min(counter.next, held.until)
  } else if (entry.kind === 'total') {
    use(state, entry, request)
    removeHold(state, entry.key, counter, reservation)
  }
}
