import { ArgumentError } from '../../errors.ts'

/** What is named after a table has up to 13 characters more, and PostgreSQL cuts a name silently at 63. */
const longest = 50

/**
 * A name that stands in SQL unquoted and means what it says: lower-case letters, digits and `_`, at most 50 of them.
 *
 * @param parts - how many parts with dots between them it may have.
 * @throws ArgumentError for any other text.
 */
export function assertTableName(name: string, parts = 1): void {
  const found = String(name).split('.')
  if (found.length <= parts && found.every((part) => part.length <= longest && /^[a-z_][a-z0-9_]*$/.test(part))) return
  throw new ArgumentError('`table` must be a name of a-z, 0-9 and _, that begins with no digit')
}
