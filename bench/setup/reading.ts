import { createHash } from 'node:crypto'
import { code as dagCbor, decode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Contender } from '../harness/measure.ts'
import { cycle } from '../peers/peer.ts'
import type { Chain } from './chain.ts'
import type { Raw } from './raw.ts'

/** Name of the contender of {@link readingBeside}. */
export const besideReading = 'one raw verification, and the tokens read by @ipld/dag-cbor'

/**
 * One raw verification, and then other libraries read a call and its proofs: the container and each of its tokens are
 * decoded, and the CID of each token is computed. Nothing is checked.
 *
 * The reading shows how long this processor takes for JavaScript like ours. It follows a verification, as in a
 * decision, because a verification takes the caches of the processor.
 */
export function readingBeside({ verifyOne }: Raw, { containers }: Chain): Contender {
  const next = cycle(containers)
  return {
    name: besideReading,
    run: () => {
      verifyOne()
      return read(next())
    },
  }
}

/** The first byte of a container names its encoding; the rest is a map of the list of tokens. */
function read(container: Uint8Array): readonly CID[] {
  const { 'ctn-v1': tokens } = decode<{ 'ctn-v1': readonly Uint8Array[] }>(container.subarray(1))
  return tokens.map((token) => {
    decode(token)
    const digest = createHash('sha256').update(token).digest()
    return CID.createV1(dagCbor, Digest.create(sha256.code, digest))
  })
}
