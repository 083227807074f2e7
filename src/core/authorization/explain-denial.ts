/**
 * The sentence of each denial, for people.
 *
 * @module
 */

import { showTime } from '../../time.ts'
import type { ArgumentObjection } from '../capability/check-arguments.ts'
import { objectionText } from '../capability/objection-text.ts'
import { explainFailure } from '../capability/policy/explain-failure.ts'
import type { InvocationFields } from '../invocation/invocation.ts'
import { linkName, type UnsignedChain } from './chain.ts'
import type { Denial, DenialCode, DenialDetail } from './denial.ts'
import type { FailedPolicy, Refusal } from './refusal.ts'
import type { Settings } from './settings.ts'

/** The settings that sentences contain. */
export type ExplainedSettings = Partial<Pick<Settings, 'bounds' | 'maxInvocationLifetime' | 'minimumNonceBytes'>>

/** The parts of a denial that explain it. */
export interface Explanation {
  readonly message: string
  /** Present when the policy is the reason. */
  readonly detail?: DenialDetail
}

/** Writes the sentence of a refusal that has none. */
export function withSentence(refusal: Refusal, chain: UnsignedChain | undefined, settings: ExplainedSettings): Denial {
  const { facts, message, ...denial } = refusal
  return { ...(message === undefined ? explainDenial(refusal, chain, settings) : { message }), ...denial }
}

/**
 * Explains a refusal.
 *
 * @param chain - of the call; absent when it could not be read.
 */
export function explainDenial(
  refusal: Refusal,
  chain: UnsignedChain | undefined,
  settings: ExplainedSettings,
): Explanation {
  const { at = 0, facts } = refusal
  const link = linkName(at, chain?.links.length ?? 0)
  if (facts?.failed !== undefined) return explainPolicy(link, facts.failed)
  const { inner } = facts ?? {}
  if (inner === undefined) return { message: sentenceOf(refusal, chain, settings) }
  return { message: `the session of ${link}: ${explainDenial(inner.refusal, inner.chain, settings).message}` }
}

function explainPolicy(link: string, { policy, failure, args, evaluation }: FailedPolicy): Explanation {
  const { sentence, objection } = explainFailure(policy, failure, args, evaluation)
  return { message: `${link}: ${sentence}`, detail: { kind: 'policy', objection } }
}

/** The words of a sentence: of the refusal, its details, the chain and the settings. */
interface Words {
  readonly settings: ExplainedSettings
  readonly code: string
  readonly at: number
  /** The number of proofs. */
  readonly count: number
  /** The place in the chain, and the one before it. */
  readonly link: string
  readonly before: string
  /** Whether the place is the invocation. */
  readonly isCall: boolean
  /** The issuer of the token at that place. */
  readonly issuer: string | undefined
  readonly call: InvocationFields | undefined
  readonly missing: number
  readonly reason: string | undefined
  readonly wanted?: string | undefined
  readonly found?: string
  readonly granted?: string
  readonly now: number
  readonly bound: number
  readonly revoked: string
  readonly argument: string
  readonly problem: ArgumentObjection['reason']
}

function sentenceOf(refusal: Refusal, chain: UnsignedChain | undefined, settings: ExplainedSettings): string {
  const { code, at = 0, detail, missing = [], facts = {} } = refusal
  const { links = [], invocation } = chain ?? {}
  const count = facts.count ?? links.length
  const { expected = [] } = (detail ?? {}) as { readonly expected?: readonly string[] }
  const words: Words = {
    now: 0,
    bound: 0,
    revoked: '',
    argument: '',
    problem: 'invalid',
    settings,
    ...(detail as Partial<Words> | undefined),
    code,
    at,
    count,
    link: linkName(at, count),
    before: linkName(at - 1, count),
    isCall: at === count,
    issuer: (links[at]?.link ?? invocation?.fields)?.issuer,
    call: invocation?.fields,
    missing: missing.length,
    reason: facts.reason,
    wanted: expected[0],
  }
  return sentences.get(code)?.(words) ?? `refused: ${code} (${refusal.requirement})`
}

/** The sentences, in the order of the checks. A denial with another code is made with its sentence. */
const sentences: ReadonlyMap<DenialCode, (words: Words) => string> = new Map<DenialCode, (words: Words) => string>([
  ['invocation_ambiguous', () => 'the container has more than one invocation; send one call per container'],
  [
    'invocation_missing',
    () => 'the container has no invocation; send the call with its proofs: `encodeContainer([call, ...proofs])`',
  ],
  [
    'chain_too_long',
    ({ count, settings }) => `the invocation names ${count} proofs, more than the ${settings.bounds?.proofs} allowed`,
  ],
  [
    'proof_missing',
    ({ link, missing, count }) =>
      `${link} is missing from the container (missing: ${missing} of ${count}); send all proofs with the call: \`encodeContainer([call, ...proofs])\``,
  ],
  [
    'audience_mismatch',
    ({ found, wanted }) =>
      `the invocation is addressed to ${found}, but this service is ${wanted}; sign a new invocation with this service as its audience`,
  ],
  [
    'subject_not_accepted',
    ({ found }) => `this service does not act for ${found}; use proofs that begin with an owner that it acts for`,
  ],
  [
    'command_unknown',
    ({ found }) => `this service has no command \`${found}\`; check the spelling, and that this is the right service`,
  ],
  [
    'nonce_too_short',
    ({ call, settings }) =>
      `the nonce of the invocation has ${call?.nonce.length} bytes, but must have at least ${settings.minimumNonceBytes}; sign a new invocation with a longer one`,
  ],
  [
    'root_not_subject',
    ({ link, found, wanted, isCall }) => {
      if (found === undefined)
        return 'the root delegation has no subject; the first proof must be a delegation by the subject, about itself'
      const nextStep = isCall
        ? 'get a delegation that leads from the subject to the issuer, and list its chain in `proofs`, root first'
        : 'list the proofs root first, beginning with a delegation by the subject'
      return `${link} is issued by ${found}, not by the subject ${wanted}; ${nextStep}`
    },
  ],
  [
    'principal_misaligned',
    ({ link, before, found, wanted, isCall }) => {
      const nextStep = isCall
        ? 'sign with the key of that audience, or use proofs that end with a delegation to the issuer'
        : 'list the proofs in order, root first'
      return `${link} is issued by ${found}, but ${before} is for ${wanted}; ${nextStep}`
    },
  ],
  [
    'subject_misaligned',
    ({ link, found, wanted }) => `the subject of ${link} is ${found}, but the subject of the invocation is ${wanted}`,
  ],
  [
    'command_not_covered',
    ({ link, before, found, granted }) => `${link} is for \`${found}\`, but ${before} covers only \`${granted}\``,
  ],
  [
    'not_yet_valid',
    ({ link, bound, now }) =>
      `${link} is not valid before ${showTime(bound)}; it is now ${showTime(now)}; try again after that, with a new invocation`,
  ],
  [
    'expired',
    ({ link, bound, now, isCall }) =>
      `${link} expired at ${showTime(bound)}; it is now ${showTime(now)}; ${isCall ? 'sign a new invocation, or check the clocks' : 'ask its issuer for a new delegation'}`,
  ],
  [
    'lifetime_too_long',
    ({ call, now, settings: { maxInvocationLifetime } }) =>
      typeof call?.expiration === 'number'
        ? `the invocation expires ${call.expiration - now} s from now, more than ${maxInvocationLifetime} s; check the clock, or shorten \`expiresIn\``
        : `the invocation never expires; sign a new one that expires within ${maxInvocationLifetime} s`,
  ],
  [
    'key_unresolved',
    ({ link, issuer, reason }) =>
      `no key is known for ${issuer}, the issuer of ${link}${reason === undefined ? '' : `: ${reason}`}`,
  ],
  [
    'signature_invalid',
    ({ link, issuer, reason }) =>
      reason === undefined
        ? `${link} is not signed by its issuer ${issuer}`
        : `${link} is signed with ${reason}, for which ${issuer} has no key`,
  ],
  [
    'arguments_invalid',
    ({ call, argument, problem, reason }) =>
      `the invocation of \`${call?.command}\`: ${objectionText({ argument, reason: problem, issue: reason })}${nextSteps[problem]}`,
  ],
  [
    'revoked',
    ({ link, revoked }) =>
      revoked.startsWith('did:')
        ? `${revoked}, the issuer of ${link}, is revoked; ${link === 'the invocation' ? 'this key can make no further call here: ask the operator of the service' : 'use proofs that this principal did not issue'}`
        : `${link} (${revoked}) is revoked; ask its issuer for a new delegation`,
  ],
  ['revocation_unknown', () => 'the revocation store could not tell whether the chain is revoked; try again later'],
  ['limit_unsupported', ({ link }) => `${link} has a limit, which this service does not count`],
  ['replayed', () => 'this invocation was already used; sign a new invocation for each call'],
  [
    'replay_unknown',
    () => 'the replay store could not tell whether the call was used; try again later, with a newly signed call',
  ],
  ['internal_error', () => 'the call could not be decided because of an unexpected error; try again later'],
])

/** The end of the sentence about an argument. */
const nextSteps: Readonly<Record<ArgumentObjection['reason'], string>> = Object.freeze({
  undeclared: ' by this command; sign a new invocation without it',
  missing: '; sign a new invocation with it',
  invalid: '',
  transformed: '; sign a new invocation with the value that the schema returns',
})
