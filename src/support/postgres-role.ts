import { ArgumentError } from '../errors.ts'

/** Words that PostgreSQL takes for something other than a role with that name: everybody, nobody, or the owner. */
const reserved: ReadonlySet<string> = new Set(['current_role', 'current_user', 'none', 'public', 'session_user'])

/**
 * Checks the name of a role of PostgreSQL that is written into SQL without quotes.
 *
 * @throws ArgumentError when it is not 1 to 63 characters of a-z, 0-9 and `_`, begins with a digit, or is a word such
 *   as `public`, to which a grant is one to every role.
 */
export function assertPostgresRole(role: string): void {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(role)) {
    throw new ArgumentError('`role` must be 1 to 63 characters of a-z, 0-9 and _, and must not begin with a digit')
  }
  if (reserved.has(role)) {
    const meaning = role === 'public' ? 'every role' : role === 'none' ? 'no role' : 'the role that connects'
    throw new ArgumentError(
      `\`role\` must be the name of a role that exists; \`${role}\` is a word of PostgreSQL for ${meaning}; create a role for the service`,
    )
  }
}
