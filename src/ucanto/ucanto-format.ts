/**
 * Tokens of UCAN 0.9.1 as the authorizer reads them. What is decided here is what the bytes mean; what may be done is
 * decided by the same checks as for 1.0.0.
 *
 * @module
 */

import { type Chain, type ChainLink, type Link, linkWeight, type OpenInvocation } from '../authorization/chain.ts'
import type { Denial } from '../authorization/denial.ts'
import type { VerificationSettings } from '../authorization/options.ts'
import { denialOf } from '../authorization/refusal.ts'
import { type Steps, wait } from '../authorization/steps.ts'
import type { ReadingContext, TokenFormat } from '../authorization/token-format.ts'
import { type Command, commandCovers } from '../capability/command.ts'
import { compilePolicy } from '../capability/policy/compile.ts'
import type { Statement } from '../capability/policy/statement.ts'
import { type Did, isDid } from '../did/did.ts'
import { ArgumentError, MalformedError, quote } from '../errors.ts'
import { cidOf } from '../ipld/cid.ts'
import type { IpldMap } from '../ipld/value.ts'
import { twinSignature } from '../principal/signature.ts'
import { archiveBytes, isArchive } from './archive-text.ts'
import { allResources, argumentSelector, policyKey, policyOf } from './capability.ts'
import { findChain, type PathStep } from './find-chain.ts'
import { type ArchiveContext, type NamedToken, openArchive } from './open-archive.ts'
import { withSignature } from './with-signature.ts'

/** Options of {@link ucantoFormat}. */
export interface UcantoFormatOptions {
  /**
   * Says who owns a resource that is not a DID, such as `mailto:alice@example.com` or `https://example.com/a`: whoever
   * may delegate over it without proof. Undefined means that nobody does here. Default: nobody.
   */
  readonly ownerOf?: (resource: string) => string | undefined | Promise<string | undefined>
  /**
   * The argument that stands for a resource that is not a DID, so that commands and policies see it. Default
   * `resource`.
   */
  readonly resourceArgument?: string
}

/** The options, completed. */
interface Rules {
  readonly ownerOf: NonNullable<UcantoFormatOptions['ownerOf']>
  readonly resourceArgument: string
}

/**
 * The format of UCAN 0.9.1, for the `formats` of an authorizer or a guard: archives, their text, and agent messages
 * with one invocation. A chain is of one format, as each of its tokens is in the archive that is read.
 *
 * @throws {@link ArgumentError} when an option makes no sense.
 */
export function ucantoFormat(options: UcantoFormatOptions = {}): TokenFormat {
  const { ownerOf = () => undefined, resourceArgument = 'resource' } = options
  if (typeof ownerOf !== 'function') throw new ArgumentError('`ownerOf` must be a function')
  if (typeof resourceArgument !== 'string' || resourceArgument === policyKey) {
    throw new ArgumentError(`\`resourceArgument\` must be a name other than ${policyKey}`)
  }
  const rules: Rules = { ownerOf, resourceArgument }
  return Object.freeze({
    name: 'ucanto@0.9.1',
    recognizes: isArchive,
    read: (container, context) => readCall(container, context, rules),
  } satisfies TokenFormat)
}

function* readCall(container: string | Uint8Array, context: ReadingContext, rules: Rules): Steps<Chain | Denial> {
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
    const claim = yield* readClaim(start, rules, settings)
    if ('code' in claim) return claim
    const {
      now,
      settings: { clockTolerance },
    } = context
    const path = findChain(start, { ...claim, now, clockTolerance }, tokens, limits.proofs)
    if ('code' in path) return path
    return { links: yield* linksOf(path, claim, context, rules), invocation: invocationOf(start, claim, path) }
  } catch (error) {
    return denialOf(error)
  }
}

interface ReadClaim {
  readonly command: Command
  readonly resource: string
  readonly owner: Did
  readonly args: IpldMap
}

/** What the invocation asks for: one command, over one resource, with its `nb` as arguments. */
function* readClaim({ token }: NamedToken, rules: Rules, settings: VerificationSettings): Steps<ReadClaim | Denial> {
  const { parseDid } = settings
  const [capability, ...others] = token.capabilities
  const { ability, with: resource, nb } = capability ?? {}
  if (ability === undefined || resource === undefined || nb === undefined || others.length > 0 || !ability.exact) {
    throw new MalformedError('UCT-30', 'an invocation has one capability, with a command and no star')
  }
  if (Object.hasOwn(nb, policyKey)) {
    throw new MalformedError('UCT-30', `an invocation has no argument \`${policyKey}\`, which is for policies`)
  }
  if (resource === allResources) throw new MalformedError('UCT-30', 'an invocation is about one resource')
  const { command } = ability
  if (isDid(resource)) return { command, resource, owner: parseDid(resource), args: nb }
  const owner = yield* findOwner(resource, rules, settings)
  if (owner === undefined) {
    return {
      code: 'subject_not_accepted',
      message: `this service knows no owner of ${quote(resource)}`,
      requirement: 'UCT-40',
    }
  }
  const { resourceArgument: name } = rules
  if (Object.hasOwn(nb, name)) {
    throw new MalformedError('UCT-30', `the argument ${quote(name)} stands for the resource of the invocation`)
  }
  return { command, resource, owner, args: Object.assign(Object.create(null), nb, { [name]: resource }) }
}

/** Who owns a resource that is no DID. Not being able to find out is a no. */
function* findOwner(resource: string, rules: Rules, settings: VerificationSettings): Steps<Did | undefined> {
  try {
    const owner = yield* wait(rules.ownerOf(resource))
    return owner === undefined ? undefined : settings.parseDid(owner)
  } catch (error) {
    settings.onError(error)
    return undefined
  }
}

/** The delegations of a path as the rules see them. */
function* linksOf(
  path: readonly PathStep[],
  claim: ReadClaim,
  context: ReadingContext,
  rules: Rules,
): Steps<readonly ChainLink[]> {
  const links: ChainLink[] = []
  let given: Command | undefined
  for (const step of path) {
    const own = step.capability.ability?.command as Command
    // A delegation gives what it says, as far as its issuer has it: `*` over a proof of `mail/*` is `mail/*`.
    given = given === undefined || commandCovers(given, own) ? own : given
    links.push(yield* linkOf(step, given, claim, context, rules))
  }
  return links
}

function* linkOf(
  { source, capability, index }: PathStep,
  command: Command,
  claim: ReadClaim,
  { memo, settings }: ReadingContext,
  rules: Rules,
): Steps<ChainLink> {
  const { token, cid } = source
  // All that the link depends on beside the bytes, so that what is remembered means the same in every chain.
  const key = `${source.key} ${index} ${command} ${claim.owner} ${capability.with}`
  const known = memo.get(key)
  if (known !== undefined) return { link: known, key, unverified: undefined }
  const { algorithm, raw: signature } = token.signature
  const twin = twinSignature(algorithm, signature)
  const signed = token.signed()
  const link: Link = {
    issuer: token.issuer,
    audience: token.audience,
    subject: claim.owner,
    command,
    policy: compilePolicy([...policyOf(capability.nb), ...resourcePolicy(capability.with, rules)]),
    ...(token.notBefore === undefined ? {} : { notBefore: token.notBefore }),
    expiration: token.expiration,
    name: cid.toString(),
    weight: linkWeight(signed.length),
    ...(twin === undefined
      ? {}
      : { twin: cidOf(yield* wait(settings.backend.sha256(withSignature(token, twin)))).toString() }),
  }
  return { link, key, unverified: { signature, algorithm, signed } }
}

/** A delegation over a resource that is no DID gives that resource and no other of its owner. */
function resourcePolicy(resource: string, { resourceArgument }: Rules): readonly Statement[] {
  if (isDid(resource) || resource === allResources) return []
  return [['==', argumentSelector(resourceArgument), resource]]
}

function invocationOf({ token, cid }: NamedToken, claim: ReadClaim, path: readonly PathStep[]): OpenInvocation {
  const { issuer, audience, nonce = '', notBefore, expiration, signature, signed, bytes } = token
  return {
    envelope: { signature: signature.raw, algorithm: signature.algorithm, signed: signed() },
    fields: {
      issuer,
      subject: claim.owner,
      audience,
      command: claim.command,
      args: claim.args,
      proofs: path.map(({ source }) => source.cid),
      nonce: new TextEncoder().encode(nonce),
      ...(notBefore === undefined ? {} : { notBefore }),
      expiration,
    },
    cid,
    // In 0.9.1 receipts name the invocation itself.
    task: () => bytes,
  }
}
