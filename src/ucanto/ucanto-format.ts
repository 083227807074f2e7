/**
 * Tokens of UCAN 0.9.1 as the authorizer reads them. What is decided here is what the bytes mean; what may be done is
 * decided by the same checks as for 1.0.0.
 *
 * @module
 */

import type { Chain } from '../authorization/chain.ts'
import { checkSignatures, createSignatureState } from '../authorization/checks/signatures.ts'
import type { Denial } from '../authorization/denial.ts'
import type { ReadingContext, ResourceArgument, TokenFormat } from '../authorization/formats/token-format.ts'
import type { Steps } from '../authorization/machinery/steps.ts'
import { denialOf } from '../authorization/refusal.ts'
import { type Did, isDid, parseDid } from '../did/did.ts'
import { ArgumentError } from '../errors.ts'
import { arrayOf, callback, didString, maybe, nonEmptyString, readOptions } from '../support/options.ts'
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
   * Says who owns a resource that is not a DID, such as `mailto:alice@example.com` or `https://example.com/a`: whoever
   * may delegate over it without proof. Undefined means that nobody does here. Default: nobody.
   *
   * The resource becomes the argument {@link resourceArgument}. In a call of any format that argument names something
   * that belongs to the subject of the call: for a call of another format this is asked too, with the text of the
   * argument. A handler can rely on it.
   */
  readonly ownerOf?: (resource: string) => string | undefined | Promise<string | undefined>
  /**
   * The argument that stands for a resource that is not a DID, so that commands and policies see it. When there is an
   * `ownerOf`, no invocation of 0.9.1 writes it itself. Default `resource`.
   */
  readonly resourceArgument?: string
  /**
   * DIDs whose `ucan/attest` stands for the signature of somebody who has no key, such as `did:mailto`, or whose key is
   * not resolved here. Whoever is listed can act for all of them. Default: none, so that every delegation is signed.
   */
  readonly attestationAuthorities?: readonly string[]
}

/** The options, completed. */
interface Rules extends ResourceRules {
  readonly authorities: readonly Did[]
}

/**
 * The format of UCAN 0.9.1, for the `formats` of an authorizer or a guard: archives, their text, and agent messages
 * with one invocation. A chain is of one format, as each of its tokens is in the archive that is read.
 *
 * Clients of that ecosystem write no nonce unless they are told to, so that one call cannot be told from the same call
 * made twice, and it is refused (`nonce_too_short`). A service that has to take their calls marks the commands that do
 * no harm when they run twice as `idempotent`, or gives the authorizer `minimumNonceBytes: 0`: then two calls that are
 * equal within one second are one call, and the second is refused as `replayed`.
 *
 * @throws ArgumentError when an option makes no sense.
 */
export function ucantoFormat(options: UcantoFormatOptions = {}): TokenFormat<UcantoToken> {
  const {
    ownerOf,
    resourceArgument = 'resource',
    attestationAuthorities = [],
  } = readOptions('ucantoFormat', options, {
    ownerOf: maybe(callback),
    resourceArgument: maybe((value) =>
      nonEmptyString(value) === undefined && value !== policyKey ? undefined : `must be a name other than ${policyKey}`,
    ),
    attestationAuthorities: maybe(arrayOf(didString)),
  })
  const rules: Rules = { ownerOf, resourceArgument, authorities: authoritiesOf(attestationAuthorities) }
  const bound = ownerOf && resourceArgumentOf(resourceArgument, ownerOf)
  return Object.freeze({
    name: 'ucanto@0.9.1',
    recognizes: isArchive,
    read: (container, context) => readCall(container, context, rules, bound),
    open: (container, { limits }) => decode(container, { limits }),
    ...(bound !== undefined && { resourceArgument: bound }),
  } satisfies TokenFormat<UcantoToken>)
}

/** For calls of other formats: what would be the `with` of a call of this one has the owner that it has here. */
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
    const { limits, parseDid, backend } = settings
    const opening: ArchiveContext = { limits, parseDid, sha256: (bytes) => backend.sha256(bytes) }
    const { first, tokens } = yield* openArchive(archiveBytes(container, limits), opening)
    const [start, ...others] = first
    if (start === undefined) {
      return { code: 'invocation_missing', message: 'the message asks for nothing', requirement: 'UCT-09' }
    }
    if (others.length > 0) {
      return { code: 'invocation_ambiguous', message: 'the message asks for several calls', requirement: 'UCT-09' }
    }
    const claim = yield* readClaim(start, rules, context, (asked) => checkAsker(start, asked, context))
    if ('code' in claim) return claim
    const chain = yield* chooseChain({ start, claim, tokens, rules, authorities: rules.authorities }, context)
    // The argument is there only when it was put there.
    return 'code' in chain || resourceArgument === undefined ? chain : { ...chain, resourceArgument }
  } catch (error) {
    return denialOf(error)
  }
}

/** The invocation is signed by its issuer; about the delegations nothing is known yet. */
function checkAsker(
  start: NamedToken,
  asked: Omit<Claim, 'owner'>,
  { settings, call }: ReadingContext,
): Steps<Denial | undefined> {
  const invocation = openedInvocation(start, { ...asked, owner: start.token.issuer }, [])
  return checkSignatures({ links: [], invocation }, settings, createSignatureState(settings.backend), call)
}
