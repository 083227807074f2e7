import { anySubject } from '../core/capability/subject.ts'
import { decodeDelegation } from '../core/delegation/decode-delegation.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Did } from '../core/did/did.ts'
import type { DelegationStore } from '../core/proof/delegation-store.ts'
import type { ProofStore } from '../core/proof/proof-store.ts'
import { MalformedError, StoreError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { never } from '../time.ts'

/** Delegations by their principals. */
export interface Delegations extends ProofStore {
  /** All of them; the longest-lived first. */
  all(): readonly Delegation[]
  /** Those for a principal; the longest-lived first. */
  delegationsTo(audience: Did): readonly Delegation[]
  /** The principals that delegated their own authority. */
  subjects(): readonly Did[]
}

/** The delegations of an agent, as it read or changed them last. */
export interface Holdings extends Delegations {
  /** Reads the store again. */
  refresh(signal?: AbortSignal): Promise<void>
  /** Changes the store, and then these delegations. */
  change(add: Iterable<Delegation>, remove: readonly string[], signal?: AbortSignal): Promise<void>
}

/**
 * Opens a store.
 *
 * @throws StoreError when it returns something other than delegations; errors of the store.
 */
export async function openHoldings(store: DelegationStore): Promise<Holdings> {
  let held = indexDelegations([])

  async function refresh(signal?: AbortSignal): Promise<void> {
    const stored = await unlessAborted(() => store.load({ signal }), signal)
    if (!Array.isArray(stored)) throw notDelegations()
    held = indexDelegations(await Promise.all(stored.map(decode)))
  }

  await refresh()
  return {
    all: () => held.all(),
    delegationsTo: (audience) => held.delegationsTo(audience),
    subjects: () => held.subjects(),
    refresh,
    async change(add, remove, signal) {
      const added = new Map(Array.from(add, (one) => [String(one.cid), one.bytes] as const))
      await unlessAborted(() => store.change({ add: added, remove }, { signal }), signal)
      await refresh(signal)
    },
  }
}

async function decode(bytes: Uint8Array): Promise<Delegation> {
  try {
    return await decodeDelegation(bytes)
  } catch (cause) {
    if (cause instanceof MalformedError) throw notDelegations(cause)
    throw notDelegations()
  }
}

function notDelegations(cause?: unknown): StoreError {
  return new StoreError('the delegation store returned something other than delegations', { cause })
}

/** Sorts delegations, each once: the longest-lived first. */
export function indexDelegations(delegations: Iterable<Delegation>): Delegations {
  const unique = new Map(Array.from(delegations, (one) => [String(one.cid), one]))
  const all = [...unique.values()].sort((a, b) => lifeOf(b) - lifeOf(a))
  const byAudience = new Map<Did, Delegation[]>()
  for (const one of all) {
    const held = byAudience.get(one.audience)
    if (held === undefined) byAudience.set(one.audience, [one])
    else held.push(one)
  }
  const roots = all.flatMap(({ issuer, subject }) => (subject !== anySubject && issuer === subject ? [subject] : []))
  const subjects = [...new Set(roots)]
  return {
    all: () => all,
    delegationsTo: (audience) => byAudience.get(audience) ?? [],
    subjects: () => subjects,
  }
}

function lifeOf({ expiration }: Delegation): number {
  return expiration === never ? Number.MAX_VALUE : expiration
}
