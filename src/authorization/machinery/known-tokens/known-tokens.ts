import type { BoundedMap } from '../../../support/bounded-map.ts'
import type { ChainLink, Link } from '../../chain.ts'

/**
 * A memory of hashes: the `digestKey` of tokens that most calls contain, by all of their bytes. Comparing bytes takes
 * a fifth of the time of hashing them. It does not decide whether a token is valid: only the cache of the key does.
 */
export interface KnownTokens {
  /** The key of the bytes, if {@link KnownTokens.add} was called with equal bytes. */
  find(bytes: Uint8Array): string | undefined
  /**
   * Remembers the key of a token that is added for the second time, and may forget the key of another token. The bytes
   * are copied.
   *
   * @param key - the `digestKey` of the hash of these bytes.
   */
  add(bytes: Uint8Array, key: string): void
}

/** The tokens of a container, each with its link if its bytes and their signature are known. */
export interface OwnTokens {
  /** In memory that the caller cannot change, unless there is a link. */
  readonly bytes: readonly Uint8Array[]
  readonly links: readonly (ChainLink | undefined)[]
}

/** Recognizes the tokens of a container. On platforms without a memory of tokens it returns them as they are. */
export type Recognize = (
  tokens: readonly Uint8Array[],
  container: string | Uint8Array,
  caches: RecognizingCaches,
) => OwnTokens

/** The caches by which tokens are recognized. */
export interface RecognizingCaches {
  readonly tokens: KnownTokens
  readonly links: Pick<BoundedMap<Link>, 'get'>
}
