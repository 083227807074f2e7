/**
 * Who gets a credential: the evidence of a permission, used up once, that still stands when it is acted on.
 *
 * @module
 */

import { Authorization } from '../../authorization/authorization.ts'
import { AuthorizationError, VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { type Clock, never, type Timestamp } from '../../time.ts'
import { type CredentialRules, mayUse } from '../rules/credential-rules.ts'
import type { UseOptions } from '../vault.ts'
import { vaultFailure } from './failure.ts'

/** An authorization that was used up for the work at hand. */
export interface Admission {
  readonly authorization: Authorization
  /** When it was used up. */
  readonly at: Timestamp
}

/**
 * Uses an authorization up. Call it in the turn in which the work begins, before anything is awaited: two uses that
 * race for one authorization cannot both pass.
 *
 * @throws AuthorizationError when it is none, was used, or has expired.
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

/** Refuses unless the rules of the credential name this call. */
export function checkCall(credential: CredentialRules, { authorization }: Admission): void {
  // VLT-07
  if (!mayUse(credential, authorization)) {
    throw new VaultError(
      'ERR_VAULT_UNKNOWN_REFERENCE',
      'the `commands` or `subjects` of the credential exclude this call',
    )
  }
}

/**
 * Refuses when the permission has ended while the work waited: by time, or by a revocation that `recheck` finds.
 *
 * @throws VaultError `ERR_VAULT_EXPIRED`, `ERR_VAULT_REVOKED` or `ERR_VAULT_UNAVAILABLE`; the reason of the signal
 *   when it fires.
 */
export async function checkStillStands(admission: Admission, clock: Clock, options: UseOptions): Promise<void> {
  const { authorization } = admission
  const { recheck, signal } = options
  if (recheck !== undefined) {
    let stands: boolean
    try {
      stands = await unlessAborted(() => recheck(authorization, { signal }), signal)
    } catch (cause) {
      signal?.throwIfAborted()
      throw vaultFailure(
        'ERR_VAULT_UNAVAILABLE',
        '`recheck` failed, so it is unknown whether the call is still authorized',
        cause,
      )
    }
    // VLT-04
    if (stands !== true)
      throw new VaultError('ERR_VAULT_REVOKED', 'the call was revoked before the credential was released')
  }
  // VLT-03: what the clock tolerance let pass at the beginning passes still, time that went by since does not
  const { expiration } = authorization
  if (expiration !== never && !(Math.floor(clock.now()) <= Math.max(expiration, admission.at))) {
    throw new VaultError('ERR_VAULT_EXPIRED', 'the authorization expired before the credential was released')
  }
}
