/** The state of a search for a value that satisfies conditions. */
export interface Search {
  /** The steps that are left. */
  remaining: number
  /** Why a part of the search was left out. While it is undefined, a search without a result is a proof. */
  gaveUp: string | undefined
  /** A condition that was assumed to hold. A result then has to be evaluated before it counts. */
  assumed: string | undefined
}

/** Begins a search of at most `steps` steps. */
export function beginSearch(steps: number): Search {
  return { remaining: steps, gaveUp: undefined, assumed: undefined }
}

/** The steps for a text or a pattern of this length, which are read from begin to end. */
export function textSteps(length: number): number {
  return length >> 2
}

/** Takes steps; false when none are left, and the search has to end. */
export function spend(search: Search, steps: number): boolean {
  search.remaining -= steps
  if (search.remaining >= 0) return true
  search.gaveUp ??= 'the comparison needs more steps than its budget'
  return false
}
