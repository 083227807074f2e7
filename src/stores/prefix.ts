import { ArgumentError } from '../errors.ts'

/**
 * Checks the beginning of names that are written into SQL without quotes.
 *
 * @throws ArgumentError when it is not 1 to 32 characters of a-z, 0-9 and `_`, or begins with a digit or `sqlite`.
 */
export function assertPrefix(prefix: string): void {
  if (/^[a-z_][a-z0-9_]{0,31}$/.test(prefix) && !prefix.startsWith('sqlite')) return
  throw new ArgumentError(
    '`prefix` must be 1 to 32 characters of a-z, 0-9 and _, and must not begin with a digit or `sqlite`',
  )
}
