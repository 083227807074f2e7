import { encodeBase64url } from '../../ipld/base.ts'
import { never } from '../../time.ts'
import type { Chain } from '../chain.ts'
import type { Denial } from '../denial.ts'
import type { CallOptions, Settings } from '../options.ts'
import { isPromiseLike, type Steps, wait, waitUnlessAborted } from '../steps.ts'

/**
 * This call has not been made before. The key is the hash of what was signed, without the signature, of which there can
 * be two. Asked last: what is refused for another reason uses nothing up.
 */
export function* checkReplay(chain: Chain, settings: Settings, call: CallOptions): Steps<Denial | undefined> {
  const { envelope, fields } = chain.invocation
  const at = chain.links.length
  try {
    const digest = settings.backend.sha256(envelope.signed)
    const key = encodeBase64url(isPromiseLike(digest) ? yield* wait(digest) : digest)
    const expiration =
      fields.expiration === never ? Number.POSITIVE_INFINITY : fields.expiration + settings.clockTolerance
    const claimed = settings.replay.claim(key, expiration, call)
    const first: unknown = isPromiseLike(claimed) ? yield* waitUnlessAborted(claimed, call.signal) : claimed
    if (first === true) return undefined
    // Anything else than the two answers may be the way in which a store says no.
    if (first !== false) throw new TypeError('a replay store must answer true or false')
  } catch (error) {
    settings.onError(error)
    return { code: 'replay_unknown', message: 'the replay store did not answer', at, requirement: 'RPL-05' }
  }
  return { code: 'replayed', message: 'this invocation was made before', at, requirement: 'RPL-01' }
}
