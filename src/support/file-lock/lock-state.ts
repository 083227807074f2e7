// node only: the state of a lock, as the name of its file
import type { ProcessIdentity } from './process-identity.ts'

/** The state of a lock, parsed from the name of the one state file in its folder. */
export interface LockState {
  readonly name: string
  /** Increases by one with each change: no two states of a lock have the same number. */
  readonly number: number
  /** The process that holds the lock; undefined if the lock is free. */
  readonly holder: ProcessIdentity | undefined
  /** Whether the last holder has released it and had nothing left to do. */
  readonly settled: boolean
}

const pattern = /^(\d{1,15})-(?:(free|left)|held-[0-9a-f]{24}-([0-9a-f]{16}|unknown)-(\d{1,10})-(\d{1,20}|unknown))$/

/**
 * The name of the state of a free lock.
 *
 * @param settled - whether the last holder had nothing left to do.
 */
export function freeName(number: number, settled: boolean): string {
  return `${number}-${settled ? 'free' : 'left'}`
}

/** The name of the state of a held lock. */
export function heldName(number: number, token: string, { scope, process, started }: ProcessIdentity): string {
  return `${number}-held-${token}-${scope || 'unknown'}-${process}-${started || 'unknown'}`
}

/** The newest state among the names in the folder of a lock; undefined if there is no state. */
export function stateAmong(names: readonly string[]): LockState | undefined {
  let newest: LockState | undefined
  for (const name of names) {
    const found = parse(name)
    // A listing during a change can contain both names.
    if (found !== undefined && found.number >= (newest?.number ?? 0)) newest = found
  }
  return newest
}

function parse(name: string): LockState | undefined {
  const [, number, free, scope, process, started] = pattern.exec(name) ?? []
  if (number === undefined) return undefined
  if (free !== undefined) return { name, number: Number(number), holder: undefined, settled: free === 'free' }
  const known = (text: string | undefined): string => (text === undefined || text === 'unknown' ? '' : text)
  return {
    name,
    number: Number(number),
    holder: { scope: known(scope), process: Number(process), started: known(started) },
    settled: false,
  }
}
