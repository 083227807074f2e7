import { flag, readOptions, withDefault } from '../../../support/options.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'

/** Options of {@link hostName}. */
export interface HostNameOptions {
  /**
   * Whether labels in Punycode (`xn--…`) are allowed. Default false: they are displayed as other characters, which can
   * look like another name.
   */
  readonly punycode?: boolean
}

/**
 * A host name. Canonical form: lower-case labels of letters, digits and inner hyphens (1 to 63 characters), separated
 * by dots, without a dot at the end, at most 253 characters. The last label is not a number, so an IP address is
 * refused.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function hostName(options: HostNameOptions = {}): ArgumentType<string> {
  const { punycode } = readOptions('hostName', options, { punycode: withDefault(flag, false) })
  return argumentType((value) => (typeof value === 'string' ? hostNameProblem(value, punycode) : 'is not a string'), {
    type: 'string',
    format: 'hostname',
    maxLength: 253,
  })
}

/** Returns the fault of a host name, or undefined. */
export function hostNameProblem(host: string, punycode: boolean): string | undefined {
  // ARG-14
  if (host.length > 253) return 'has a host name of more than 253 characters'
  const labels = host.split('.')
  for (const label of labels) {
    if (!/^[a-z0-9-]+$/.test(label)) return 'has a host name with characters other than a-z, 0-9, hyphens and dots'
    if (label.length > 63) return 'has a host name with a label of more than 63 characters'
    if (label.startsWith('-') || label.endsWith('-'))
      return 'has a host name with a label that begins or ends with a hyphen'
    if (label.startsWith('--', 2) && !(punycode && label.startsWith('xn--')))
      return 'has a host name with a Punycode label'
  }
  // Lenient address parsers read `0x7f` as a number.
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? 'has an IP address in place of a host name' : undefined
}
