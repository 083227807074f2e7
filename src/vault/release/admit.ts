/**
 * Admission of a call: its authorization is used up once, and checked again before the release.
 *
 * @module
 */

import { Authorization } from '../../core/authorization/authorization.ts'
import { AuthorizationError, VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import { type Clock, never, type Timestamp } from '../../time.ts'
import { type CredentialRules, mayUse } from '../rules/credential-rules.ts'
import type { UseOptions } from '../vault.ts'

/** An authorization that was used up for this call. */
export interface Admission {
  readonly authorization: Authorization
  /** The time at which it was used up. */
  readonly at: Timestamp
}

/**
 * Uses an authorization up. Call it before anything is awaited: then two uses that race for one authorization cannot
 * both pass.
 *
 * @throws AuthorizationError when it is not genuine, already used, or expired.
 */
export function admit(authorization: Authorization, clock: Clock): Admission {
  // VLT-01
  if (!Authorization.is(authorization)) {
    throw new AuthorizationError('`authorization` must be an Authorization that `authorize` returned')
  }
  const at = Math.floor(clock.now())
  // VLT-02
  authorization.consume(at)
  return { authorization, at }
}

/** Refuses a call whose command or subject the rules of the credential exclude. */
export function checkCall(rules: CredentialRules, { authorization }: Admission): void {
  // VLT-07
  if (!mayUse(rules, authorization)) {
    throw new VaultError(
      'ERR_VAULT_UNKNOWN_REFERENCE',
      'the `commands` or `subjects` of the credential exclude this call',
    )
  }
}

/**
 * Refuses when the authorization has ended meanwhile: by its time, or by a revocation that `recheck` finds.
 *
 * @throws VaultError `ERR_VAULT_EXPIRED`, `ERR_VAULT_REVOKED` or `ERR_VAULT_UNAVAILABLE`; the reason of the signal
 *   when it fires.
 */
export async function checkStillAuthorized(admission: Admission, clock: Clock, options: UseOptions): Promise<void> {
  const { authorization } = admission
  const { recheck, signal } = options
  // An expired call is not reported as revoked.
  checkTime(admission, clock)
  if (recheck !== undefined) {
    let isValid: boolean
    try {
      isValid = await unlessAborted(() => recheck(authorization, { signal }), signal)
    } catch (cause) {
      signal?.throwIfAborted()
      throw vaultFailure(
        'ERR_VAULT_UNAVAILABLE',
        'it is unknown whether the call was revoked, because `recheck` failed, so nothing was released',
        cause,
      )
    }
    // VLT-04
    if (isValid !== true)
      throw new VaultError('ERR_VAULT_REVOKED', 'the call was revoked before the credential was released')
  }
  checkTime(admission, clock)
}

/**
 * Refuses when the authorization has expired meanwhile.
 *
 * @throws VaultError `ERR_VAULT_EXPIRED`.
 */
export function checkTime({ authorization: { expiration }, at }: Admission, clock: Clock): void {
  // VLT-03: the clock tolerance that admitted the call still counts, the time that has passed since then does not.
  if (expiration !== never && !(Math.floor(clock.now()) <= Math.max(expiration, at))) {
    throw new VaultError('ERR_VAULT_EXPIRED', 'the authorization expired before the credential was released')
  }
}
