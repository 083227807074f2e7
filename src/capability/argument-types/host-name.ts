import { flag, maybe, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'

/** Options of {@link hostName}. */
export interface HostNameOptions {
  /**
   * Whether labels in Punycode (`xn--…`) are taken. Default false: they show people other characters, among them such
   * as look like the ones of another name.
   */
  readonly punycode?: boolean
}

/**
 * A host name. Canonical form: lower-case labels of letters, digits and inner hyphens (1 to 63 characters), with dots
 * between them and none at the end, 253 characters at most; the last label is not a number, so that it is no address.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function hostName(options: HostNameOptions = {}): StandardSchema<string> {
  const { punycode = false } = readOptions('hostName', options, { punycode: maybe(flag) })
  return argumentType((value) => (typeof value === 'string' ? hostNameProblem(value, punycode) : 'is not text'))
}

/** Says what is wrong with a host name, or undefined. */
export function hostNameProblem(host: string, punycode: boolean): string | undefined {
  // ARG-14
  if (host.length > 253) return 'has a host name of more than 253 characters'
  const labels = host.split('.')
  for (const label of labels) {
    if (!/^[a-z0-9-]+$/.test(label)) return 'has a host name that is not lower-case letters, digits, hyphens and dots'
    if (label.length > 63) return 'has a host name with a label of more than 63 characters'
    if (label.startsWith('-') || label.endsWith('-'))
      return 'has a host name with a label that begins or ends with a hyphen'
    if (label.startsWith('--', 2) && !(punycode && label.startsWith('xn--')))
      return 'has a host name with an encoded label'
  }
  // `0x7f` is a number to those who read addresses loosely.
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? 'has an address for a host name' : undefined
}
