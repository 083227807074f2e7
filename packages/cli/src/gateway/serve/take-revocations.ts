// node only: works with parts that use files
import type { Delegation, Invocation, IpldValue } from 'procura'
import type { Service } from 'procura/service'
import { openContainer } from 'procura/token'
import { createMutex } from '#support/mutex.ts'
import type { AgentNotes } from './state/agent-notes.ts'

/** Most revocations that apply, of one agent with the agents below it. GTW-43 */
export const mostOfBranch = 10_000

/** Options of {@link createRevocationTaker}. */
export interface RevocationTakerOptions {
  readonly revoke: Service['revoke']
  /** The owners. */
  readonly subjects: readonly string[]
  readonly notes: Pick<AgentNotes, 'add' | 'countOf' | 'has' | 'noteRevoked'>
  /** Receives the errors of the notes. The revocation applies in any case. */
  readonly onError: (error: unknown) => void
}

/**
 * Takes the revocations that a gateway receives. Those that an owner has signed are always taken. An agent can sign
 * delegations and revoke them without end, so it has a bounded number of them, together with the agents below it.
 */
export function createRevocationTaker({ revoke, subjects, notes, onError }: RevocationTakerOptions): Service['revoke'] {
  const inTurn = createMutex()
  const attempt = async (task: () => Promise<void> | void): Promise<void> => {
    try {
      await task()
    } catch (error) {
      onError(error)
    }
  }
  return async (container, options) => {
    const named = await revocationIn(container, subjects)
    // The service refuses it, and says why.
    if (named === undefined) return revoke(container, options)
    const { target, revocation, branch } = named
    if (branch === undefined) {
      const result = await revoke(container, options)
      // A gateway that is killed before has not answered, so the revocation is sent again, and the rest is done then.
      if (result.accepted && !isForOneCall(target))
        await attempt(() => notes.noteRevoked(target.audience, target.command))
      return result
    }
    return inTurn(async () => {
      if (!notes.has(branch, revocation) && notes.countOf(branch) >= mostOfBranch) return tooMany
      const result = await revoke(container, options)
      if (result.accepted) await attempt(() => notes.add(branch, revocation, target.expiration))
      return result
    })
  }
}

/**
 * Whether a delegation is for one list of arguments, as each approval is. The agent may ask for the approval of other
 * calls.
 */
function isForOneCall({ policy }: Delegation): boolean {
  return policy.some(([operator, selector]) => operator === '==' && selector === '.')
}

const tooMany: Awaited<ReturnType<Service['revoke']>> = Object.freeze({
  accepted: false,
  denial: Object.freeze({
    code: 'overloaded',
    message: `this agent has ${mostOfBranch} revocations together with the agents below it, which is the most; ask the owner to revoke the delegation, or wait until revoked delegations have expired`,
    requirement: 'GTW-43',
  }),
})

/** The names in a revocation, unverified. */
interface NamedRevocation {
  readonly target: Delegation
  /** The same for each copy. */
  readonly revocation: string
  /** The agent to which an owner has delegated the right that is used. Undefined when an owner has signed. */
  readonly branch: string | undefined
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
  const revocation = `${target.cid} ${invocation.subject}`
  if (subjects.includes(invocation.issuer)) return { target, revocation, branch: undefined }
  const branch = chainOf(invocation, subjects)
    .map(find)
    .find((one) => one !== undefined && subjects.includes(one.issuer))?.audience
  return branch === undefined ? undefined : { target, revocation, branch }
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
