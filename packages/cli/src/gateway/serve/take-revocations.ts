// node only: works with parts that use files
import type { Delegation, Invocation, IpldValue } from 'procura'
import type { Service } from 'procura/service'
import { openContainer } from 'procura/token'
import { createMutex } from '#support/mutex.ts'
import { createLimiter, type Limiter } from './limiter.ts'

/**
 * Makes the limiter of the revocations of agents: 1,000 of one agent with the agents below it at once, and then one in
 * five seconds. GTW-43
 */
export function revocationLimiter(): Limiter {
  const all = Number.POSITIVE_INFINITY
  return createLimiter({ all, ofOne: all, rate: { atOnce: 1_000, eachMs: 5_000 } })
}

/** Options of {@link createRevocationTaker}. */
export interface RevocationTakerOptions {
  readonly revoke: Service['revoke']
  /** The owners. */
  readonly subjects: readonly string[]
  readonly limiter: Limiter
  /** Called when an owner has revoked a delegation to an agent. The answer waits for it. */
  readonly onRevoked: (agent: string, command: string) => Promise<void>
  /** Receives the errors of `onRevoked`. The revocation applies in any case. */
  readonly onError: (error: unknown) => void
}

/**
 * Takes the revocations that a gateway receives. Those that an owner has signed are always taken. An agent can sign
 * delegations and revoke them without end, so it has a rate, together with the agents below it. Everybody can name the
 * agent, so only those that the service has taken count, one after the other: the keys are in the DIDs, so none waits
 * for a stranger.
 */
export function createRevocationTaker(options: RevocationTakerOptions): Service['revoke'] {
  const { revoke, subjects, limiter, onRevoked, onError } = options
  const inTurn = createMutex()
  return async (container, sending) => {
    const named = await revocationIn(container, subjects)
    // The service refuses it, and says why.
    if (named === undefined) return revoke(container, sending)
    const { target, firstAgent } = named
    if (firstAgent !== undefined)
      return inTurn(async () => {
        if (limiter.isTooFast(firstAgent)) return tooFast
        const result = await revoke(container, sending)
        const place = result.accepted ? limiter.take(firstAgent) : undefined
        if (typeof place === 'function') place()
        return result
      })
    const result = await revoke(container, sending)
    // A gateway that is killed before has not answered, so the revocation is sent again, and the rest is done then.
    if (result.accepted && !isForOneCall(target)) await onRevoked(target.audience, target.command).catch(onError)
    return result
  }
}

/**
 * Whether a delegation is for one list of arguments, as each approval is. The agent may ask for the approval of other
 * calls.
 */
function isForOneCall({ policy }: Delegation): boolean {
  return policy.some(([operator, selector]) => operator === '==' && selector === '.')
}

const tooFast: Awaited<ReturnType<Service['revoke']>> = Object.freeze({
  accepted: false,
  denial: Object.freeze({
    code: 'overloaded',
    message:
      'this agent revokes too fast, together with the agents below it; ask the owner to revoke the delegation, or send the revocation again later',
    requirement: 'GTW-43',
  }),
})

/** The names in a revocation, unverified. */
interface NamedRevocation {
  readonly target: Delegation
  /** The agent to which an owner has delegated the right that is used. Undefined when an owner has signed. */
  readonly firstAgent: string | undefined
}

/** Reads the names. Undefined for a container that is no revocation with its path. */
async function revocationIn(
  container: string | Uint8Array,
  subjects: readonly string[],
): Promise<NamedRevocation | undefined> {
  const { invocations, delegations } = await openContainer(container).catch(() => ({
    invocations: [],
    delegations: [],
  }))
  const [invocation] = invocations
  if (invocation === undefined) return undefined
  const find = (cid: IpldValue | undefined): Delegation | undefined =>
    delegations.find((one) => String(one.cid) === String(cid))
  const target = find(invocation.args['revoke'])
  if (target === undefined) return undefined
  if (subjects.includes(invocation.issuer)) return { target, firstAgent: undefined }
  const firstAgent = chainOf(invocation, subjects)
    .map(find)
    .find((one) => one !== undefined && subjects.includes(one.issuer))?.audience
  return firstAgent === undefined ? undefined : { target, firstAgent }
}

/**
 * The chain that an owner began: of the right to revoke in the name of the owner, or of the revoked delegation. A chain
 * of the right of a delegate begins with that delegate, which can make any number of them.
 */
function chainOf({ args, proofs, subject }: Invocation, subjects: readonly string[]): readonly IpldValue[] {
  if (subjects.includes(subject)) return proofs
  const { path, revoke } = args
  if (Array.isArray(path)) return path as readonly IpldValue[]
  return revoke === undefined ? [] : [revoke]
}
