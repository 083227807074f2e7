import { ArgumentError } from '../../errors.ts'
import type { Timestamp } from '../../time.ts'

/** The ids of Security Event Tokens that were processed. */
export interface ProcessedSets {
  /**
   * Whether `add` was called for the id. Rejects when it cannot find out; the token is then not processed, and must be
   * sent again.
   *
   * @param expiration - the time with which `add` is called for this token. A memory that forgot tokens of that time
   *   rejects.
   */
  has(id: string, expiration: Timestamp): boolean | Promise<boolean>
  /** Remembers an id until `expiration`: from then on the token is refused because of its age. */
  add(id: string, expiration: Timestamp): void | Promise<void>
}

/**
 * Checks the arguments of both methods.
 *
 * @throws ArgumentError when they are not of their types.
 */
export function checkProcessedSet(id: string, expiration: Timestamp): void {
  if (typeof id !== 'string' || !Number.isFinite(expiration)) {
    throw new ArgumentError('a processed SET has an id as a string, and a time in seconds')
  }
}
