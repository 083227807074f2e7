/**
 * The URL of the document of a `did:web`. Every DID has one host in one spelling, or is refused.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import type { Did } from './did.ts'

/** The place of the document of a `did:web`. */
export interface DidWebLocation {
  /** Lower-case host name without the port. */
  readonly host: string
  /** The whole URL; always `https:`. */
  readonly url: string
}

/**
 * Computes the URL of a `did:web` (W3C CCG did:web, section 3.2).
 *
 * @throws MalformedError WEB-01 when it is not a `did:web` or its host is malformed, WEB-02 when the host is an IP
 *   address, WEB-03 when the path or the port is malformed.
 */
export function didWebLocation(did: Did): DidWebLocation {
  if (!did.startsWith('did:web:')) {
    throw new MalformedError('WEB-01', `${quote(did)} is not a did:web`, { kind: 'unsupported' })
  }
  const [authority = '', ...path] = did.slice(8).split(':')
  const [host = '', ...ports] = authority.split('%3A')
  assertHost(did, host)
  const [port] = ports
  if (ports.length > 1 || (port !== undefined && !isPort(port)) || !path.every(isSegment)) {
    throw new MalformedError('WEB-03', `the port or the path of ${quote(did)} is malformed`)
  }
  const base = port === undefined ? host : `${host}:${port}`
  return { host, url: `https://${base}/${path.length === 0 ? '.well-known' : path.join('/')}/did.json` }
}

function assertHost(did: Did, host: string): void {
  const labels = host.split('.')
  // URL parsers read a host as an IPv4 address when its last label is a number in any base.
  if (isNumber.test(labels.at(-1) ?? '')) {
    throw new MalformedError('WEB-02', `the host of ${quote(did)} is an IP address`)
  }
  if (!labels.every(isLabel))
    throw new MalformedError('WEB-01', `the host of ${quote(did)} is not a host name in lower case`)
}

/** A label of letters, digits and inner hyphens (RFC 1123), in lower case; an international name in its `xn--` form. */
function isLabel(label: string): boolean {
  return label.length <= 63 && /^[a-z0-9-]+$/.test(label) && !label.startsWith('-') && !label.endsWith('-')
}

function isPort(port: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65_535
}

/** No percent sign: some servers would decode it. */
function isSegment(segment: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..'
}

const isNumber = /^(?:[0-9]+|0x[0-9a-f]*)$/
