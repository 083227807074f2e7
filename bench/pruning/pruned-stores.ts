/** How many entries the stores have. */
export interface PrunedSize {
  /** Used calls that have not ended. There are a tenth as many others of each kind. */
  readonly entries: number
  /** Entries of each kind that have ended. */
  readonly ended: number
}

/** Stores with entries that have ended. */
export interface PrunedStores {
  readonly kinds: readonly PrunedKind[]
  /** Claims a new call, as another process would. */
  claim(): Promise<void>
  /** The milliseconds of each step since the last time. */
  takeSteps(): readonly number[] | Promise<readonly number[]>
  close(): Promise<void>
}

/** The entries of one kind. */
export interface PrunedKind {
  readonly kind: string
  /** Forgets those that have ended. */
  prune(): Promise<Pruned>
}

/** How many entries were forgotten, and the time. */
export interface Pruned {
  readonly forgotten: number
  readonly seconds: number
}

/** A store that is pruned. */
interface Prunable {
  prune(): Promise<void>
}

/** The stores of a database. */
export interface SharedStores {
  readonly calls: Prunable
  readonly processed: Prunable
  readonly revocations: Prunable
  readonly limits: Prunable
}

/**
 * The kinds of entries in a database.
 *
 * @param count - counts the entries of a store.
 */
export function kindsOf(
  stores: SharedStores,
  count: (store: keyof SharedStores) => number | Promise<number>,
): readonly PrunedKind[] {
  const kindOf = (kind: string, store: keyof SharedStores): PrunedKind => ({
    kind,
    async prune() {
      const before = await count(store)
      const start = performance.now()
      await stores[store].prune()
      const seconds = (performance.now() - start) / 1_000
      return { forgotten: before - (await count(store)), seconds }
    },
  })
  return [
    kindOf('used calls', 'calls'),
    kindOf('processed tokens', 'processed'),
    kindOf('revocations and journal', 'revocations'),
    kindOf('limits', 'limits'),
  ]
}

/** The times of steps. */
export interface StepTimes {
  readonly add: (milliseconds: number) => void
  readonly takeSteps: () => readonly number[]
}

/** Makes an empty list of times. */
export function stepTimes(): StepTimes {
  let steps: number[] = []
  return {
    add: (milliseconds) => void steps.push(milliseconds),
    takeSteps() {
      const taken = steps
      steps = []
      return taken
    },
  }
}

/** Opens and fills stores in a folder. Undefined if their server is not installed. */
export type OpenPrunedStores = (folder: string, size: PrunedSize) => Promise<PrunedStores | undefined>

/** The secret of the stores. */
export const secret: Uint8Array = new Uint8Array(32).fill(1)

/** Seconds. An entry with this end has ended, by the clock of the service and of the server. */
export function longAgo(): number {
  return Math.floor(Date.now() / 1000) - 10_000
}

/** An end that has not come. */
export function later(): number {
  return Math.floor(Date.now() / 1000) + 86_400
}

/** Entries with one end that a database is filled with. */
interface PrunedPart {
  readonly end: number
  readonly calls: number
  /** Entries of each other kind. */
  readonly others: number
}

/** The entries that a database is filled with: those that remain, and those that have ended. */
export function partsOf({ entries, ended }: PrunedSize): readonly PrunedPart[] {
  return [
    { end: later(), calls: entries, others: entries / 10 },
    { end: longAgo(), calls: ended, others: ended },
  ]
}

/** The table of a store in SQLite and PostgreSQL. */
export function tableOf(store: keyof SharedStores): string {
  return `procura_${store === 'processed' ? 'processed_sets' : store}`
}

let serial = 0
const round = Date.now().toString(36)

/** A name of the form of a hash in base64url, a new one each time. */
export function nextCall(): string {
  serial += 1
  return `${serial}_${round}_`.padEnd(43, 'abcdefghijklmnopqrstuvwxyz')
}
