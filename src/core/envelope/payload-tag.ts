/**
 * Type tags: the kind of a payload and the version of its specification.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'

/** The kind of a token. */
export type TokenKind = 'delegation' | 'invocation'

/** Versions of the token format that can be read. Tokens are written in `1.0.0`. */
export type TokenVersion = '1.0.0' | '1.0.0-rc.1'

/** A parsed type tag. */
export interface PayloadTag {
  readonly kind: TokenKind
  readonly version: TokenVersion
}

const tags: ReadonlyMap<string, PayloadTag> = new Map([
  ['ucan/dlg@1.0.0', { kind: 'delegation', version: '1.0.0' }],
  ['ucan/inv@1.0.0', { kind: 'invocation', version: '1.0.0' }],
  ['ucan/dlg@1.0.0-rc.1', { kind: 'delegation', version: '1.0.0-rc.1' }],
  ['ucan/inv@1.0.0-rc.1', { kind: 'invocation', version: '1.0.0-rc.1' }],
])

/** The tag of a kind of token, in the version that is written. */
export function payloadTag(kind: TokenKind): string {
  return kind === 'delegation' ? 'ucan/dlg@1.0.0' : 'ucan/inv@1.0.0'
}

/**
 * Reads a type tag.
 *
 * @param accept - the versions to read.
 * @throws MalformedError (`unsupported`) for any other tag.
 */
export function parsePayloadTag(text: string, accept: readonly TokenVersion[]): PayloadTag {
  const tag = tags.get(text)
  if (tag === undefined) throw new MalformedError('ENV-05', `unknown type tag ${quote(text)}`, { kind: 'unsupported' })
  if (!accept.includes(tag.version)) {
    throw new MalformedError('ENV-06', `tokens of version ${tag.version} are not accepted; add it to \`accept\``, {
      kind: 'unsupported',
    })
  }
  return tag
}
