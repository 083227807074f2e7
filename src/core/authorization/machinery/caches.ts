import { type BoundedMap, createBoundedMap } from '../../../support/bounded-map.ts'
import { type Command, parseCommand } from '../../capability/command.ts'
import { type Did, parseDid } from '../../did/did.ts'
import { createTextCache, type TextCache } from '../../ipld/text-cache.ts'
import type { Link } from '../chain.ts'
import { createTextReader } from '../text-reader.ts'
import { createKeyRing, type KeyRing } from './key-ring.ts'
import { createKnownTokens, type KnownTokens } from './known-tokens.ts'
import { createPolicyPool, type PolicyPool } from './policy-pool.ts'

/** The caches for reading tokens. They change the cost of a decision, and never its result. */
export interface ReadingCaches {
  /**
   * Links whose signature was verified before, by {@link ChainLink.key}. A link that is found there needs no
   * `unverified`.
   */
  readonly links: Pick<BoundedMap<Link>, 'get'>
  /** The hashes of tokens that are in `links`. */
  readonly tokens: KnownTokens
  /** `parseDid`, with a memory. */
  readonly parseDid: (text: string) => Did
  /** `parseCommand`, with a memory. */
  readonly parseCommand: (text: string) => Command
  /** Strings that are in most tokens. */
  readonly texts: TextCache
  /** Compiled policies. */
  readonly policies: PolicyPool
}

/** The caches of an authorizer. */
export interface Caches extends ReadingCaches {
  readonly links: BoundedMap<Link>
  readonly keys: KeyRing
}

/** Most DIDs, and most commands, that are remembered as read: 2 MB each. */
const maxTexts = 10_000

/** Most policies that are shared between delegations. */
const maxPolicies = 1_000

/**
 * Makes empty caches.
 *
 * @param maxDelegations - the most verified delegations, by weight; 0 remembers none.
 */
export function createCaches(maxDelegations: number): Caches {
  return {
    links: createBoundedMap<Link>(maxDelegations, ({ weight = 1 }) => weight),
    tokens: createKnownTokens(),
    keys: createKeyRing(),
    parseDid: createTextReader(parseDid, maxTexts),
    parseCommand: createTextReader((text) => parseCommand(text), maxTexts),
    texts: createTextCache(),
    policies: createPolicyPool(maxPolicies),
  }
}
