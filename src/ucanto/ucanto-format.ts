/**
 * The format of UCAN 0.9.1 for an authorizer. It determines the meaning of the bytes. The same checks as for UCAN 1.0
 * decide whether a call is allowed.
 *
 * @module
 */

import type { Chain, ResourceArgument } from '../core/authorization/chain.ts'
import { checkSignatures, createSignatureState } from '../core/authorization/checks/signatures.ts'
import { type Denial, isDenial } from '../core/authorization/denial.ts'
import { denialOf } from '../core/authorization/denial-of.ts'
import { withSentence } from '../core/authorization/explain-denial.ts'
import type { ReadingContext, TokenFormat } from '../core/authorization/formats/token-format.ts'
import type { Steps } from '../core/authorization/machinery/steps.ts'
import { type Did, isDid, parseDid } from '../core/did/did.ts'
import { ArgumentError } from '../errors.ts'
import {
  arrayOf,
  callback,
  didString,
  maybe,
  nonEmptyString,
  type OptionCheck,
  readOptions,
  withDefault,
} from '../support/options.ts'
import { archiveBytes, isArchive } from './archive-text.ts'
import { allResources, isUri } from './capability.ts'
import { policyKey } from './caveats.ts'
import { openedInvocation } from './chain-links.ts'
import { chooseChain } from './choose-chain.ts'
import { decode } from './decode.ts'
import { type ArchiveContext, type NamedToken, openArchive } from './open-archive.ts'
import { type Claim, findOwner, type OwnerOf, type ResourceRules, readClaim } from './read-claim.ts'
import type { UcantoToken } from './token.ts'

/** Options of {@link ucantoFormat}. */
export interface UcantoFormatOptions {
  /**
   * Returns the DID of the owner of a resource that is not a DID, such as `mailto:alice@example.com` or
   * `https://example.com/a`. The owner may delegate over it without proof. Undefined means that the resource has no
   * owner here. Default: no resource has one.
   *
   * The resource becomes the argument {@link resourceArgument}. In a call of any format the subject of the call owns
   * the resource in that argument, so a handler can rely on it: for a call of another format this function is called
   * with the value of the argument.
   */
  readonly ownerOf?: (resource: string) => string | undefined | Promise<string | undefined>
  /**
   * The name of the argument that contains a resource that is not a DID, for commands and policies. With `ownerOf`, an
   * invocation of 0.9.1 that contains this argument itself is refused. Default `resource`.
   */
  readonly resourceArgument?: string
  /**
   * DIDs whose `ucan/attest` replaces the signature of a principal that has no key, such as `did:mailto`, or whose key
   * is not resolved here. Each listed DID can act for all these principals. Default: none, so every delegation must be
   * signed.
   */
  readonly attestationAuthorities?: readonly string[]
}

/** The options with their defaults. */
interface Rules extends ResourceRules {
  readonly authorities: readonly Did[]
}

/**
 * The format of UCAN 0.9.1, for the `formats` of an authorizer or a guard: archives, their text, and agent messages
 * with one invocation. A chain has one format, because all its tokens are in one archive.
 *
 * Clients of ucanto write no nonce by default. Without one, a repeated call cannot be distinguished from a replay, so
 * it is refused (`nonce_too_short`). To accept such calls, mark the commands that may run twice as `idempotent`, or set
 * `minimumNonceBytes: 0` on the authorizer: then two equal calls within one second are one call, and the second is
 * refused as `replayed`.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function ucantoFormat(options: UcantoFormatOptions = {}): TokenFormat<UcantoToken> {
  const { ownerOf, resourceArgument, attestationAuthorities } = readOptions('ucantoFormat', options, {
    ownerOf: maybe(callback),
    resourceArgument: withDefault(argumentName, 'resource'),
    attestationAuthorities: withDefault(arrayOf(didString), []),
  })
  const rules: Rules = { ownerOf, resourceArgument, authorities: authoritiesOf(attestationAuthorities) }
  const bound = ownerOf && resourceArgumentOf(resourceArgument, ownerOf)
  return Object.freeze({
    name: 'ucanto@0.9.1',
    recognizes: isArchive,
    read: (container, context) => readCall(container, context, rules, bound),
    open: (container, { bounds }) => decode(container, { bounds }),
    ...(bound !== undefined && { resourceArgument: bound }),
  } satisfies TokenFormat<UcantoToken>)
}

const argumentName: OptionCheck = (value) =>
  nonEmptyString(value) === undefined && value !== policyKey
    ? undefined
    : `must be a non-empty string other than \`${policyKey}\``

/** For calls of other formats: a value that could be the `with` of a call of 0.9.1 has the same owner there. */
function resourceArgumentOf(name: string, ownerOf: OwnerOf): ResourceArgument {
  return Object.freeze({
    name,
    *ownerOf(value, settings, call) {
      if (typeof value !== 'string' || isDid(value) || value === allResources || !isUri(value)) return undefined
      return yield* findOwner(value, ownerOf, settings, call)
    },
  } satisfies ResourceArgument)
}

function authoritiesOf(authorities: readonly string[]): readonly Did[] {
  return authorities.map((authority) => {
    try {
      return parseDid(authority)
    } catch (cause) {
      throw new ArgumentError('`attestationAuthorities` must be a list of DIDs', { cause })
    }
  })
}

function* readCall(
  container: string | Uint8Array,
  context: ReadingContext,
  rules: Rules,
  resourceArgument: ResourceArgument | undefined,
): Steps<Chain | Denial> {
  try {
    const { settings } = context
    const { bounds, backend } = settings
    const { parseDid } = context.caches
    const opening: ArchiveContext = { bounds, parseDid, sha256: (bytes) => backend.sha256(bytes) }
    const { first, tokens } = yield* openArchive(archiveBytes(container, bounds), opening)
    const [start, ...others] = first
    if (start === undefined) {
      return {
        code: 'invocation_missing',
        message: 'the message contains no invocation; send one with `encodeMessage`',
        requirement: 'UCT-09',
      }
    }
    if (others.length > 0) {
      return {
        code: 'invocation_ambiguous',
        message: 'the message contains several invocations; send one in each message',
        requirement: 'UCT-09',
      }
    }
    const claim = yield* readClaim(start, rules, context, (claim) => checkIssuer(start, claim, context))
    if (isDenial(claim)) return claim
    const chain = yield* chooseChain({ start, claim, tokens, rules, authorities: rules.authorities }, context)
    // This format sets the argument itself, so the authorizer need not look up the owner again.
    return isDenial(chain) || resourceArgument === undefined ? chain : { ...chain, resourceArgument }
  } catch (error) {
    return denialOf(error)
  }
}

/** Checks that the invocation is signed by its issuer, before its delegations are examined. */
function* checkIssuer(
  start: NamedToken,
  claim: Omit<Claim, 'owner'>,
  { settings, call }: ReadingContext,
): Steps<Denial | undefined> {
  const invocation = openedInvocation(start, { ...claim, owner: start.token.issuer }, [])
  const chain = { links: [], invocation }
  const refusal = yield* checkSignatures(chain, settings, createSignatureState(settings.backend), call)
  return refusal && withSentence(refusal, chain, settings)
}
