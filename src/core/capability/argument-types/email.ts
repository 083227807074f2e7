import { flag, readOptions, withDefault } from '../../../support/options.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'
import { type HostNameOptions, hostNameProblem } from './host-name.ts'

/**
 * One e-mail address, without a display name. Canonical form: a local part of 1 to 64 letters, digits and
 * `_ ' + = & ~ -`, with single inner dots; one `@`; a host name as in {@link hostName}, with at least two labels; at
 * most 254 characters. The local part does not begin with a hyphen, so a program cannot take it for an option. Quotes,
 * comments, routes (`%`, `!`) and lists are refused, so the text after the `@` is the destination of the mail, and
 * `["like", ".to", "*@example.com"]` allows one domain.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function email(options: HostNameOptions = {}): ArgumentType<string> {
  const { punycode } = readOptions('email', options, { punycode: withDefault(flag, false) })
  return argumentType((value) => (typeof value === 'string' ? emailProblem(value, punycode) : 'is not a string'), {
    type: 'string',
    format: 'email',
    maxLength: 254,
  })
}

function emailProblem(address: string, punycode: boolean): string | undefined {
  // ARG-16
  if (address.length > 254) return 'has more than 254 characters'
  const at = address.indexOf('@')
  if (at < 1 || at > 64) return 'has no local part of 1 to 64 characters before an @'
  if (address.startsWith('-')) return 'begins with a hyphen'
  if (!/^[A-Za-z0-9_'+=&~-]+(?:\.[A-Za-z0-9_'+=&~-]+)*$/.test(address.slice(0, at)))
    return 'has a local part with a quote, a comment or another special character'
  const host = address.slice(at + 1)
  return host.includes('.') ? hostNameProblem(host, punycode) : 'has no domain'
}
