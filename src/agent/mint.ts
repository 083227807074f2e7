import type { Ledger } from '../audit/ledger/create-ledger.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { Policy } from '../core/capability/policy/statement.ts'
import { encodeContainer } from '../core/container/container.ts'
import { attenuate } from '../core/delegation/attenuate.ts'
import { delegate } from '../core/delegation/delegate.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import { type Did, parseDid } from '../core/did/did.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError, AttenuationError } from '../errors.ts'
import type { GuardedCommand } from '../guard/command.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  didString,
  integerFrom,
  maybe,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  readOptions,
} from '../support/options.ts'
import { parsedDid } from '../support/parsed-did.ts'
import { quote } from '../support/quote.ts'
import { secondsOf } from '../support/seconds-of.ts'
import { never } from '../time.ts'
import type { AgentCeilings, AgentTask, DelegationRecord, Handover, TaskCommand } from './agent.ts'
import { describeChain } from './capability.ts'
import { chainsTo, covers, expirationOf, type HeldChain } from './chains.ts'
import { isWithin, pathOf } from './command-path.ts'
import type { Holder } from './permission.ts'

/** An agent that passes authority on. */
export interface Minter extends Holder {
  readonly signer: Signer
  readonly ceilings: AgentCeilings
  readonly onDelegation: ((record: DelegationRecord) => unknown) | undefined
  readonly ledger: Pick<Ledger, 'issued' | 'used'> | undefined
}

/** Most tokens of a container that a reader takes by default. */
const mostTokens = 64

/**
 * Delegates a part of the agent's authority, for a child that receives a container.
 *
 * @throws AttenuationError as {@link passOn} does, and when no container can hold the delegations with their proofs.
 */
export async function delegateTo(child: string, task: AgentTask, minter: Minter): Promise<Handover> {
  const { delegations, proofs } = await passOn(child, task, minter, 'delegateTo')
  const tokens = [...proofs, ...delegations]
  return Object.freeze({ delegations, proofs, container: encodeContainer(tokens) })
}

/**
 * Signs delegations of a part of the agent's authority. AGT-07: no delegation exceeds a proof or a ceiling. If one
 * command of the task is refused, no delegation is handed out.
 *
 * @param method - the method of the agent, for messages.
 */
export async function passOn(
  child: string,
  task: AgentTask,
  minter: Minter,
  method: 'attenuateFor' | 'delegateTo',
): Promise<Omit<Handover, 'container'>> {
  const audience = parsedDid(parseDid, 'child', child)
  const given = readOptions(method, task, taskChecks)
  const commands = given.commands.map(readCommand)
  const end = expirationWithin(given, minter)
  const plans = commands.map((one) => ({ ...one, chains: chainsFor(one, given.subject, minter) }))
  const made: Made[] = []
  for (const plan of plans) made.push(...(await mintAll(plan, audience, end, given.signal, minter)))
  const delegations = made.map(({ delegation }) => delegation)
  const proofs = [...new Set(made.flatMap(({ chain }) => chain.proofs))]
  const count = proofs.length + delegations.length
  // The child could not read more, and a part of them would be less than the task.
  if (method === 'delegateTo' && count > mostTokens)
    throw new AttenuationError(
      `the task needs ${count} tokens, and a container has at most ${mostTokens}; narrow its \`policy\`, or pass on fewer commands at a time`,
    )
  // AGT-08: a delegation is handed out only after it was recorded.
  for (const { delegation, chain } of made) await record(delegation, chain, given.purpose, minter)
  return { delegations: Object.freeze(delegations), proofs: Object.freeze(proofs) }
}

interface Made {
  readonly delegation: Delegation
  readonly chain: HeldChain
}

interface Plan extends TaskCommand {
  readonly policy: Policy
  readonly chains: readonly HeldChain[]
}

const commandItem: OptionCheck = (value) =>
  typeof value === 'string' || (typeof value === 'object' && value !== null) ? undefined : 'must be a command'

const taskChecks: OptionChecks<AgentTask> = Object.freeze({
  commands: nonEmptyArrayOf(commandItem),
  subject: maybe(didString),
  expiresIn: maybe(integerFrom(1)),
  purpose: maybe(nonEmptyString),
  signal: abortSignal,
})

/** The checks of {@link AgentCeilings}. */
export const ceilingChecks: OptionChecks<AgentCeilings> = Object.freeze({
  depth: maybe(integerFrom(0, 16)),
  lifetime: maybe(integerFrom(1)),
  commands: maybe(arrayOf(commandItem)),
})

function readCommand(item: AgentTask['commands'][number]): Required<TaskCommand> {
  if (typeof item === 'string') return { command: item, policy: [] }
  // A policy beside the parts of a definition is refused, also a misspelled one: it must not be left out.
  if ('args' in item) {
    readOptions<GuardedCommand>('an item of `commands`', item as GuardedCommand, definitionChecks)
    return { command: item as CommandDefinition, policy: [] }
  }
  const { command, policy = [] } = readOptions<TaskCommand>('an item of `commands`', item as TaskCommand, {
    command: commandItem,
    policy: anything,
  })
  return { command, policy }
}

const definitionChecks: OptionChecks<GuardedCommand> = Object.freeze({
  command: anything,
  args: anything,
  others: anything,
  description: anything,
  idempotent: anything,
  approvals: anything,
  credential: anything,
  requests: anything,
  show: anything,
  personal: anything,
})

interface End {
  /** The last second; undefined for the default. */
  readonly expiration: number | undefined
  /** Whether the task names it. Then a proof that expires earlier is refused, and does not shorten it. */
  readonly isFixed: boolean
}

function expirationWithin({ expiresIn }: AgentTask, { ceilings: { lifetime }, clock }: Minter): End {
  if (expiresIn !== undefined && lifetime !== undefined && expiresIn > lifetime) {
    throw new AttenuationError(
      `the agent passes authority on for at most ${lifetime} s, not for ${expiresIn} s; choose a shorter \`expiresIn\``,
    )
  }
  const seconds = expiresIn ?? (lifetime === undefined ? undefined : Math.min(lifetime, 3_600))
  return {
    expiration: seconds === undefined ? undefined : secondsOf(clock) + seconds,
    isFixed: expiresIn !== undefined,
  }
}

/** The chains whose authority is passed on. An empty chain is the authority of the agent itself. */
function chainsFor({ command: given }: TaskCommand, subject: string | undefined, minter: Minter): readonly HeldChain[] {
  const { did, held, clock, ceilings } = minter
  const command = pathOf(given)
  const { commands, depth = 16 } = ceilings
  if (commands !== undefined && !commands.some((one) => isWithin(command, pathOf(one)))) {
    throw new AttenuationError(
      `this agent may not pass on ${quote(command)}; add it to \`ceilings.commands\` of openAgent`,
    )
  }
  if (depth === 0) throw new AttenuationError('the agent does not pass authority on; its ceiling for `depth` is 0')
  if (subject === did) return [{ subject: did, proofs: [] }]
  const wanted = subject === undefined ? undefined : parsedDid(parseDid, 'subject', subject)
  const chains = chainsTo(did, held, wanted, secondsOf(clock)).filter((chain) => covers(chain, command))
  const subjects = new Set(chains.map((chain) => chain.subject))
  if (subjects.size > 1) {
    throw new ArgumentError(
      `${subjects.size} subjects have delegated ${quote(command)} to this agent; pass the \`subject\` whose authority is passed on`,
    )
  }
  if (chains.length === 0) {
    const untimely = chainsTo(did, held, wanted, undefined).some((chain) => covers(chain, command))
    throw new AttenuationError(
      `the agent holds no delegation that covers ${quote(command)}${untimely ? ' now: it is expired or not yet valid' : ''}, so it cannot pass it on; ask its owner for ${untimely ? 'a new ' : ''}one`,
    )
  }
  const short = chains.filter(({ proofs }) => proofs.length < depth)
  if (short.length > 0) return short
  throw new AttenuationError(
    `the agent passes on chains of at most ${depth} delegations, and ${quote(command)} would have ${(chains[0]?.proofs.length ?? 0) + 1}`,
  )
}

/** Leaves out the chains that do not permit the conditions. Throws if all of them are refused. */
async function mintAll(
  plan: Plan,
  audience: Did,
  { expiration, isFixed }: End,
  signal: AbortSignal | undefined,
  { signer, clock }: Minter,
): Promise<readonly Made[]> {
  const made: Made[] = []
  let refused: unknown
  for (const chain of plan.chains) {
    const { command, policy } = plan
    const limit = expirationOf(chain.proofs)
    const fits = expiration === undefined || isFixed || limit === never || expiration <= limit
    const end = fits ? expiration : limit
    const options: Parameters<typeof delegate>[0] = {
      issuer: signer,
      audience,
      command,
      policy,
      clock,
      signal,
      ...(end !== undefined && { expiration: end }),
    }
    try {
      const delegation = chain.proofs.length === 0 ? await delegate(options) : await attenuate(chain.proofs, options)
      made.push({ delegation, chain })
    } catch (error) {
      if (!(error instanceof AttenuationError)) throw error
      refused = error
    }
  }
  if (made.length === 0) throw refused
  return made
}

async function record(
  delegation: Delegation,
  chain: HeldChain,
  purpose: string | undefined,
  minter: Minter,
): Promise<void> {
  const { onDelegation, ledger, clock } = minter
  // AGT-29
  await ledger?.issued([...chain.proofs, delegation])
  if (onDelegation === undefined) return
  await onDelegation(
    Object.freeze({
      delegation,
      proofs: Object.freeze(chain.proofs.map(({ cid }) => String(cid))),
      words: describeChain({ subject: chain.subject, proofs: [...chain.proofs, delegation] }).words,
      ...(purpose !== undefined && { purpose }),
      time: secondsOf(clock),
    }),
  )
}
