import type { Denial, DenialCode } from '../core/authorization/denial.ts'
import { explainCall } from '../core/authorization/explain-call.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Did } from '../core/did/did.ts'
import type { invoke } from '../core/invocation/invoke.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import { findProofs } from '../core/proof/find-proofs.ts'
import { ArgumentError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import { secondsOf } from '../support/seconds-of.ts'
import type { Clock } from '../time.ts'
import type { AgentAnswer, AgentRefusal } from './agent.ts'
import { chainsTo, covers, expirationOf, type HeldChain } from './chains.ts'
import { pathOf } from './command-path.ts'
import type { Holdings } from './holdings.ts'

/** A call that an agent would make. */
export interface Intended {
  readonly command: string | CommandDefinition
  /** Undefined asks about the command alone. */
  readonly args: IpldMap | undefined
  readonly subject: Did | undefined
  readonly signal: AbortSignal | undefined
}

/** Bounds of the services that are called. */
export type CallBounds = NonNullable<Parameters<typeof invoke>[0]['bounds']>

/** The holder of the delegations. */
export interface Holder {
  readonly did: Did
  readonly held: Holdings
  readonly clock: Clock
  /** The bounds of the services that are called. */
  readonly bounds: CallBounds
}

/** Most delegations that a search examines; the default of a store. */
const maxSteps = 10_000

/**
 * Finds a chain that permits a call, or the reason for a refusal. AGT-01
 *
 * @throws ArgumentError when chains of several subjects permit it: an agent does not guess whose authority it uses.
 */
export async function findPermission(holder: Holder, call: Intended): Promise<AgentAnswer> {
  const { did, held, clock, bounds } = holder
  const { signal, args } = call
  const command = pathOf(call.command)
  const found: HeldChain[] = []
  for (const subject of call.subject === undefined ? held.subjects() : [call.subject]) {
    const search = {
      invoker: did,
      subject,
      command,
      bounds,
      clock,
      maxSteps,
      signal,
      ...(args !== undefined && { args }),
    }
    const proofs = await findProofs(held, search)
    if (proofs !== undefined) found.push({ subject, proofs })
  }
  const [chain, another] = found
  // AGT-03
  if (another !== undefined) {
    throw new ArgumentError(
      `${found.length} subjects have delegated ${quote(command)} to this agent; pass the \`subject\` whose authority is to be used`,
    )
  }
  if (chain === undefined) return refusal(holder, call)
  const denial = await explain(holder, chain, call)
  if (denial !== undefined) return { ok: false, denial, closest: chain.proofs }
  return Object.freeze({ ok: true, ...chain, expiration: expirationOf(chain.proofs) })
}

function explain(
  { did, clock, bounds }: Holder,
  { subject, proofs }: HeldChain,
  call: Intended,
): Promise<Denial | undefined> {
  const { command, args } = call
  // Without arguments, neither schemas nor policies are evaluated.
  if (args === undefined) {
    const bare = proofs.map((proof) => ({ ...proof, policy: [] }))
    return explainCall({ invoker: did, subject, command: pathOf(command), proofs: bare, clock })
  }
  return explainCall({ invoker: did, subject, command, args, bounds, proofs, clock })
}

/** How far a call came, by the code of its denial: a later check is a closer miss. */
const order: readonly DenialCode[] = [
  'root_not_subject',
  'subject_misaligned',
  'principal_misaligned',
  'command_not_covered',
  'not_yet_valid',
  'expired',
  'arguments_invalid',
  'policy_over_budget',
  'policy_unsatisfied',
]

/** Most chains that are compared for the reason of a refusal. */
const maxMisses = 512

interface Miss {
  readonly denial: Denial
  readonly proofs: readonly Delegation[]
}

/** AGT-02: the refusal names the chain that came closest. */
async function refusal(holder: Holder, call: Intended): Promise<AgentRefusal> {
  const { did, held, clock } = holder
  const valid = chainsTo(did, held, call.subject, secondsOf(clock))
  const command = pathOf(call.command)
  const misses: Miss[] = []
  const all = [...valid, ...chainsTo(did, held, call.subject, undefined)]
  // Those of other commands are further away, and of many that cover it, the reasons are alike.
  const near = all.filter((chain) => covers(chain, command))
  for (const chain of [...near, ...all].slice(0, maxMisses)) {
    const denial = await explain(holder, chain, call)
    if (denial !== undefined) misses.push({ denial, proofs: chain.proofs })
  }
  const closeness = ({ denial, proofs }: Miss): number =>
    order.indexOf(denial.code) * 32 + sharedSegments(proofs.at(-1)?.command ?? '/', command)
  const [closest] = misses.sort((a, b) => closeness(b) - closeness(a))
  if (closest === undefined) return Object.freeze({ ok: false, denial: await nothingHeld(holder, call) })
  return Object.freeze({ ok: false, denial: closest.denial, closest: closest.proofs })
}

/** The denial for an agent without a chain. */
async function nothingHeld({ did, clock }: Holder, call: Intended): Promise<Denial> {
  const { subject } = call
  const whose = subject === undefined ? 'any subject' : subject
  const message = `this agent holds no delegation that leads from ${whose} to ${did}; ask the owner for one, and pass it to \`receive\``
  const bare = { invoker: did, command: pathOf(call.command), proofs: [], clock }
  const known = subject === undefined ? undefined : await explainCall({ ...bare, subject })
  if (known !== undefined) return Object.freeze({ ...known, message })
  return Object.freeze({ code: 'root_not_subject', message, at: 0, requirement: 'AGT-02' })
}

/** How many leading segments two commands have in common. */
function sharedSegments(one: string, other: string): number {
  const [a, b] = [one.split('/'), other.split('/')]
  const different = a.findIndex((segment, at) => segment !== b[at])
  return different < 0 ? a.length : different
}
