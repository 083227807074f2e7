import { StoreError } from '../../errors.ts'

/** RVK-12: a database without its data may have lost revocations. */
export function unprepared(cause?: unknown): StoreError {
  return new StoreError(
    'the database has no data of the stores; if it is new, call `prepareSqliteStores`; if its data was lost, call that ' +
      'and add the revocations again',
    { cause },
  )
}

/** Turns an error of a driver into one of the stores. */
export function failure(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  if (cause instanceof Error && /no such (table|column)/.test(cause.message)) return unprepared(cause)
  return new StoreError('the SQLite database did not answer; `cause` has the reason', { cause })
}
