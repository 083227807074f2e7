import { createBoundedMap } from '../../../support/bounded-map.ts'
import { parsePolicy } from '../../capability/policy/parse-policy.ts'
import { type ReadyPolicy, readyPolicy } from '../../capability/policy/ready-policy.ts'
import { digestKey } from '../../ipld/cid.ts'
import type { IpldValue } from '../../ipld/value.ts'

/** Compiles policies, once for the same bytes: most delegations have one of a few policies. */
export interface PolicyPool {
  /**
   * Reads and compiles, unless it has before.
   *
   * @param bytes - the policy as received.
   * @param value - the same, decoded.
   * @throws MalformedError when the policy is malformed.
   */
  compile(bytes: Uint8Array, value: IpldValue | undefined): ReadyPolicy
}

/** Longest policy that is shared, in bytes. */
const maxBytes = 512

/** Makes a pool of at most `max` policies. */
export function createPolicyPool(max: number): PolicyPool {
  const pool = createBoundedMap<ReadyPolicy>(max)
  return {
    compile(bytes, value) {
      if (bytes.length > maxBytes) return readyPolicy(parsePolicy(value))
      const key = digestKey(bytes)
      const known = pool.get(key)
      if (known !== undefined) return known
      const policy = readyPolicy(parsePolicy(value))
      pool.set(key, policy)
      return policy
    },
  }
}
