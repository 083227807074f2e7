import { type Bounds, completeBounds } from '../../bounds.ts'
import {
  anything,
  arrayOf,
  integerFrom,
  maybe,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import { type Clock, secondsOf, systemClock } from '../../time.ts'
import { type CommandDefinition, commandOf, commandTable } from '../capability/definition.ts'
import { parsePolicy } from '../capability/policy/parse-policy.ts'
import { readyPolicy } from '../capability/policy/ready-policy.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { didOption } from '../did/did-option.ts'
import type { InvocationFields } from '../invocation/invocation.ts'
import { isTokenCid } from '../ipld/cid.ts'
import { copyIpld } from '../ipld/copy.ts'
import { deepFreeze, type IpldMap, isCid } from '../ipld/value.ts'
import type { Link, UnsignedChain } from './chain.ts'
import { checkAlignment } from './checks/alignment.ts'
import { checkArguments } from './checks/arguments.ts'
import { checkPolicies } from './checks/policy.ts'
import { checkTimeBounds } from './checks/time-bounds.ts'
import type { Denial } from './denial.ts'
import { withSentence } from './explain-denial.ts'
import { runAsync } from './machinery/steps.ts'

/** A call that is not signed yet. */
export interface UnsignedCall {
  /** The DID of the principal that would sign it. */
  readonly invoker: string
  /** The DID of the owner of the authority. */
  readonly subject: string
  /** The command. With a definition, the arguments are compared with it as well. */
  readonly command: string | CommandDefinition
  /** The arguments. Default: none. */
  readonly args?: IpldMap
  /** The chain that would prove the authority, root first. Their signatures are not verified. */
  readonly proofs: readonly Delegation[]
  /** The bounds of the service, if they are not the default ones: `tokenBytes`, `depth` and `items` of the call. */
  readonly bounds?: Partial<Bounds>
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Seconds by which the clock of the service may differ. Default 0. */
  readonly clockTolerance?: number
}

/**
 * Explains whether a service would refuse a call, before the call is signed: by the rules of `authorize` about the
 * chain, the time, the arguments and the policies, in their order and with their words. A service also verifies the
 * signatures, and looks up revocations, used calls and limits, which are not examined here.
 *
 * @returns the denial; undefined when none of these rules refuses the call.
 * @throws ArgumentError when an option is missing or invalid.
 * @throws MalformedError when `command`, `args` or a policy is malformed.
 *
 * @example
 * ```ts
 * import { explainCall } from 'procura/authorization'
 *
 * const denial = await explainCall({
 *   invoker: agent.did,
 *   subject: owner.did,
 *   command: send,
 *   args: { to: 'eve@evil.test' },
 *   proofs: [grant],
 * })
 * console.log(denial?.message ?? 'permitted')
 * ```
 */
export async function explainCall(call: UnsignedCall): Promise<Denial | undefined> {
  const given = readOptions('explainCall', call, callChecks)
  const { clock = systemClock, clockTolerance = 0 } = given
  const now = secondsOf(clock)
  const args = copyIpld(given.args ?? {}, 'args', completeBounds(given.bounds)) as IpldMap
  deepFreeze(args)
  const fields: InvocationFields = {
    issuer: didOption('invoker', given.invoker),
    subject: didOption('subject', given.subject),
    command: commandOf(given.command),
    args,
    proofs: given.proofs.map(({ cid }) => cid),
    nonce: new Uint8Array(),
    expiration: now,
  }
  const chain: UnsignedChain = { links: given.proofs.map((proof) => ({ link: linkOf(proof) })), invocation: { fields } }
  const commands = typeof given.command === 'object' ? commandTable([given.command]) : undefined
  // PRF-14
  const denial =
    checkAlignment(chain) ??
    checkTimeBounds(chain, now, { clockTolerance, maxInvocationLifetime: 0 }) ??
    (await runAsync(checkArguments(chain, { commands }))) ??
    checkPolicies(chain)
  return denial && Object.freeze(withSentence(denial, chain, {}))
}

/** A delegation with the name under which an invocation lists it. */
const wholeDelegation: OptionCheck = (value) => {
  const { kind, cid, bytes } = Object(value) as { kind?: unknown; cid?: unknown; bytes?: unknown }
  return kind === 'delegation' && isCid(cid) && isTokenCid(cid) && bytes instanceof Uint8Array
    ? undefined
    : 'must be a delegation'
}

const callChecks: OptionChecks<UnsignedCall> = Object.freeze({
  invoker: anything,
  subject: anything,
  command: anything,
  args: maybe(objectValue),
  bounds: maybe(objectValue),
  proofs: arrayOf(wholeDelegation),
  clock: maybe(withMethod('now')),
  clockTolerance: maybe(integerFrom(0, 300)),
})

function linkOf({ issuer, audience, subject, command, policy, notBefore, expiration, cid }: Delegation): Link {
  return {
    issuer,
    audience,
    subject,
    command,
    policy: readyPolicy(parsePolicy(policy)),
    ...(notBefore !== undefined && { notBefore }),
    expiration,
    name: String(cid),
  }
}
