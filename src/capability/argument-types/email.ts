import { flag, maybe, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'
import { type HostNameOptions, hostNameProblem } from './host-name.ts'

/**
 * An e-mail address, of one person and without a name. Canonical form: a local part of 1 to 64 letters, digits and
 * `_ ' + = & ~ -`, with single dots within and no hyphen first, which would make it an option of a program; one `@`; a host
 * name as {@link hostName} has it, of two labels or more; 254 characters at most. No quotes, comments, routes (`%`, `!`) or lists, so what stands behind the `@` is where the mail
 * goes, and `["like", ".to", "*@example.com"]` holds one domain.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function email(options: HostNameOptions = {}): StandardSchema<string> {
  const { punycode = false } = readOptions('email', options, { punycode: maybe(flag) })
  return argumentType((value) => (typeof value === 'string' ? emailProblem(value, punycode) : 'is not text'))
}

function emailProblem(address: string, punycode: boolean): string | undefined {
  // ARG-16
  if (address.length > 254) return 'has more than 254 characters'
  const at = address.indexOf('@')
  if (at < 1 || at > 64) return 'has no local part of 1 to 64 characters before an @'
  if (address.startsWith('-')) return 'begins with a hyphen'
  const atoms = address.slice(0, at).split('.')
  if (!atoms.every((atom) => /^[A-Za-z0-9_'+=&~-]+$/.test(atom))) return 'has a local part that is not plain'
  const host = address.slice(at + 1)
  return host.includes('.') ? hostNameProblem(host, punycode) : 'has no domain'
}
