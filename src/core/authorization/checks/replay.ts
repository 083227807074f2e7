import { withLazySignal } from '../../../support/lazy-signal.ts'
import { isPromiseLike } from '../../../support/promise.ts'
import { never, type Timestamp } from '../../../time.ts'
import { encodeBase64url } from '../../ipld/base.ts'
import type { CallClaim } from '../call-store.ts'
import type { Chain } from '../chain.ts'
import { type Steps, wait, waitUnlessAborted } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { ClaimOptions } from '../replay-store.ts'
import type { CallOptions, Settings } from '../settings.ts'

/**
 * This call was not used before. The key is the hash of the signed bytes, without the signature, because a token can
 * have two valid signatures. Checked last: a call that is refused for another reason is not used up.
 */
export function* checkReplay(chain: Chain, settings: Settings, call: CallOptions): Steps<Refusal | undefined> {
  const at = chain.links.length
  try {
    const { key, expiration, acceptedFrom } = yield* claimOf(chain, settings)
    const claim = settings.replay.claim(key, expiration, claimOptions(call, acceptedFrom))
    const first: unknown = isPromiseLike(claim) ? yield* waitUnlessAborted(claim, call) : claim
    if (first === true) return undefined
    // Some stores may refuse by another answer.
    if (first !== false) throw new TypeError('a replay store must answer true or false')
  } catch (error) {
    settings.onError(error)
    return { code: 'replay_unknown', at, requirement: 'RPL-05' }
  }
  return { code: 'replayed', at, requirement: 'RPL-01' }
}

/** The claim of a call. */
export function* claimOf({ invocation }: Chain, { backend, clockTolerance }: Settings): Steps<CallClaim> {
  const { envelope, fields } = invocation
  return {
    key: backend.sha256Base64url?.(envelope.signed) ?? encodeBase64url(yield* wait(backend.sha256(envelope.signed))),
    expiration: fields.expiration === never ? Number.POSITIVE_INFINITY : fields.expiration + clockTolerance,
    acceptedFrom: fields.issuedAt === undefined ? undefined : fields.issuedAt - clockTolerance,
  }
}

function claimOptions(call: CallOptions, acceptedFrom: Timestamp | undefined): ClaimOptions {
  if (!('signal' in call)) return { acceptedFrom }
  // It may be made when it is read.
  return withLazySignal({ acceptedFrom }, () => call.signal)
}
