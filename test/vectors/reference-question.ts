/**
 * A vector as a question to the reference of `test/reference`.
 *
 * @module
 */

import type { Container } from '../../spec/vectors/generator/container.ts'
import type { Vector } from '../../spec/vectors/generator/vector.ts'
import { decodeStrict } from '../reference/cbor.ts'
import type { ReferenceQuestion } from '../reference/chain.ts'

/**
 * Cases that the reference reads more narrowly than it should: percent triplets in a DID, a byte order mark in text.
 */
const beyond = new Set([
  'form: an audience by another method in a delegation that nothing refers to',
  'form: text beyond ASCII, with NUL and a byte order mark',
])

/**
 * The question, when the reference can be asked it: it knows no stores that fail and hardly any limits.
 *
 * @param replayKey - of the reference.
 */
export function questionOf(
  { name, requirement, container, context, expected }: Vector,
  replayKey: (invocation: Uint8Array) => string,
): ReferenceQuestion | undefined {
  const { options } = context
  const tokens = tokensOf(container)
  if (tokens === undefined || options.bounds !== undefined || context.unavailable.length > 0) return undefined
  const isBeyond = ['arguments_invalid', 'policy_over_budget', 'too_large']
  // Of the bounds it knows that of a key.
  if (!expected.allowed && isBeyond.includes(expected.code) && requirement !== 'KEY-01') return undefined
  if (beyond.has(name) || options.accept?.includes('1.0.0') === false) return undefined
  if (context.commands !== 'any' && context.commands.some(({ idempotent }) => idempotent === true)) return undefined
  const seen = context.seen.map((earlier) => replayKey(invocationOf(tokensOf(earlier) ?? [])))
  return {
    tokens,
    audience: context.audience,
    subjects: context.subjects,
    commands: context.commands === 'any' ? 'any' : context.commands.map(({ command }) => command),
    now: context.time,
    revoked: context.revoked,
    seen: new Set(seen),
    releaseCandidate: options.accept?.includes('1.0.0-rc.1') === true,
    ...(options.clockTolerance === undefined ? {} : { skew: options.clockTolerance }),
    ...(options.maxInvocationLifetime === undefined ? {} : { maxLifetime: options.maxInvocationLifetime }),
    ...(options.minimumNonceBytes === undefined ? {} : { minNonce: options.minimumNonceBytes }),
    ...(options.acceptRedundantFields === undefined ? {} : { lenient: options.acceptRedundantFields }),
  }
}

/** The tokens of a container that is not compressed; undefined for anything else. */
function tokensOf(container: Container): readonly Uint8Array[] | undefined {
  const bytes = typeof container === 'string' ? Buffer.from(container) : Buffer.from(container.bytes, 'base64url')
  const body = bytes.subarray(1).toString()
  const contents = { 64: bytes.subarray(1), 66: Buffer.from(body, 'base64'), 67: Buffer.from(body, 'base64url') }[
    bytes[0] ?? 0
  ]
  const canonical = contents === undefined ? undefined : decodeStrict(new Uint8Array(contents))
  const value = canonical?.value as { readonly 'ctn-v1'?: unknown } | null | undefined
  const spelt = [contents?.toString('base64'), contents?.toString('base64url'), bytes.subarray(1).toString()]
  if (typeof container === 'string' && !spelt.slice(0, 2).includes(body)) return undefined
  const tokens =
    typeof value === 'object' && value !== null && Object.keys(value).length === 1 ? value['ctn-v1'] : undefined
  if (!Array.isArray(tokens) || !tokens.every((token) => token instanceof Uint8Array)) return undefined
  return tokens.length > 64 ? undefined : tokens
}

/** The invocation among tokens; its tag is found as text. */
function invocationOf(tokens: readonly Uint8Array[]): Uint8Array {
  const found = tokens.find((token) => Buffer.from(token).includes('ucan/inv@'))
  if (found === undefined) throw new Error('no invocation')
  return found
}
