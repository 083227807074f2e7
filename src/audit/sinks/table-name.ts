import { ArgumentError } from '../../errors.ts'

/** Names derived from a table have up to 13 characters more, and PostgreSQL truncates names silently at 63. */
const longest = 50

/**
 * Checks a name that is written into SQL without quotes: lower-case letters, digits and `_`, at most 50 of them.
 *
 * @param parts - how many parts, separated by dots, it may have.
 * @throws ArgumentError when it is not such a name.
 */
export function assertTableName(name: string, parts = 1): void {
  const found = String(name).split('.')
  if (found.length <= parts && found.every((part) => part.length <= longest && /^[a-z_][a-z0-9_]*$/.test(part))) return
  throw new ArgumentError('`table` must be 1 to 50 characters of a-z, 0-9 and _, and must not begin with a digit')
}
