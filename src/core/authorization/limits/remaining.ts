import type { CID } from 'multiformats/cid'
import { StoreError } from '../../../errors.ts'
import { unlessAborted } from '../../../support/abort.ts'
import type { Timestamp } from '../../../time.ts'
import { isLimit } from '../../capability/policy/limit.ts'
import type { LimitStatement } from '../../capability/policy/statement.ts'
import type { Delegation } from '../../delegation/delegation.ts'
import { openEnvelope } from '../../envelope/open.ts'
import { cidTextOfKey, digestKey } from '../../ipld/cid.ts'
import type { CallOptions, VerificationSettings } from '../settings.ts'
import { type ChainLimit, limitsOf, showAmount } from './chain-limits.ts'
import type { LimitState, LimitStore } from './limit-store.ts'

/** How much is left of a limit. */
export interface RemainingLimit {
  /** The delegation. */
  readonly delegation: CID
  /** Index of the limit in its policy, from 0. */
  readonly statement: number
  readonly limit: LimitStatement
  /** A number of calls; for a sum a decimal with as many places as the maximum. */
  readonly remaining: number | string
  /** For a rate with nothing left: the time at which a call is possible again. */
  readonly freeAt?: Timestamp
}

/** LMT-18: asks a store how much is left of the limits of some delegations. They are not verified. */
export async function remainingOf(
  delegations: readonly Delegation[],
  store: LimitStore,
  settings: VerificationSettings,
  { signal }: CallOptions,
): Promise<readonly RemainingLimit[]> {
  const found = new Map<string, ChainLimit & { readonly delegation: CID }>()
  for (const { bytes, cid: delegation, expiration, policy } of rootFirst(delegations)) {
    if (!policy.some(isLimit)) continue
    const { signed } = openEnvelope(bytes, settings.bounds, settings.accept)
    const payload = cidTextOfKey(digestKey(await settings.backend.sha256(signed)))
    for (const limit of limitsOf({ policy, expiration, payload }, 0, undefined, settings.clockTolerance))
      found.set(limit.entry.key, { ...limit, delegation })
  }
  const limits = [...found.values()].filter(({ entry }) => entry.maximum > 0)
  const entries = limits.map(({ entry }) => entry)
  const states: unknown =
    entries.length === 0 ? [] : await unlessAborted(Promise.resolve(store.remaining(entries, { signal })), signal)
  if (!Array.isArray(states) || states.length !== entries.length || !states.every(isState))
    throw new StoreError('a limit store must answer with the state of each limit')
  const left = new Map(limits.map(({ entry }, index) => [entry.key, states[index] as LimitState]))
  return Object.freeze(
    [...found.values()].map(({ delegation, statement, limit, entry }) => {
      // A limit of 0 is not counted.
      const { remaining, freeAt } = left.get(entry.key) ?? { remaining: 0 }
      const time = freeAt === undefined ? {} : { freeAt }
      return Object.freeze({ delegation, statement, limit, remaining: showAmount(limit, remaining), ...time })
    }),
  )
}

/** A container sorts its tokens. Returns each delegation after those to its issuer. */
function rootFirst(delegations: readonly Delegation[]): readonly Delegation[] {
  const rest = [...delegations]
  const ordered: Delegation[] = []
  while (rest.length > 0) {
    const next = rest.findIndex((one) => rest.every((other) => one === other || other.audience !== one.issuer))
    // Delegations in a circle have no first one.
    ordered.push(...rest.splice(Math.max(next, 0), 1))
  }
  return ordered
}

/** Whether a value has the form of the state of a limit. */
export function isState(value: unknown): value is LimitState {
  const { remaining, freeAt } = Object(value) as Partial<LimitState>
  return Number.isInteger(remaining) && Number(remaining) >= 0 && (freeAt === undefined || Number.isSafeInteger(freeAt))
}
