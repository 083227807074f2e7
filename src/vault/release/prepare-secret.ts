/**
 * Steps 5 to 8 of a release: read the secret, derive the one that is sent, check that the call is still authorized,
 * announce the release.
 *
 * @module
 */

import { unlessAborted } from '../../support/abort.ts'
import type { DerivedSecret } from '../processor.ts'
import type { Secret } from '../secret.ts'
import type { SecretReading } from '../source.ts'
import type { Release, UseOptions } from '../vault.ts'
import { type Admission, checkStillAuthorized, checkTime } from './admit.ts'
import type { FoundCredential, VaultContext } from './context.ts'
import { deriveSecret } from './derive-secret.ts'
import { readSecret, scopeOf } from './read-secret.ts'
import { giveBack } from './reading.ts'
import type { CachedSecret } from './token-cache.ts'

/** A secret that may be used now. */
export interface PreparedSecret {
  /** The announcement. */
  readonly release: Release
  /** The secret that is sent or leased. */
  readonly secret: Secret
  /** All secrets to look for in a response, `secret` included. */
  readonly secrets: readonly Secret[]
  /** Ends the secret at its origin; absent when the origin cannot. */
  readonly revoke?: SecretReading['revoke']
  /**
   * Notes that the upstream has refused the secret, and returns whether it may be asked once more with another one.
   * Absent for a secret that was not derived.
   */
  readonly refuse?: () => boolean
}

/**
 * Prepares the secret of a credential for an admitted call.
 *
 * @throws VaultError; the error of `onRelease`; the reason of the signal when it fires. A secret that was read is given
 *   back before.
 */
export async function prepareSecret(
  found: FoundCredential,
  admission: Admission,
  options: UseOptions,
  context: VaultContext,
): Promise<PreparedSecret> {
  const scope = scopeOf(found, admission.authorization)
  // Before the reading: a secret that was read before it was forgotten makes no token for later calls.
  const forgotten = found.source.forgotten?.(found.reference) ?? 0
  // 5
  const reading = await readSecret(found, { scope, signal: options.signal }, context)
  const secrets = [reading.secret]
  try {
    // 6
    const derived = await derive(found, reading, { scope, forgotten }, admission, options, context)
    if (derived !== undefined) secrets.unshift(derived.secret)
    // 7
    await checkStillAuthorized(admission, context.clock, options)
    // 8
    const release = describeRelease(found, reading, derived, Math.floor(context.clock.now()))
    await options.onRelease?.(release)
    // The signal may have fired while the release was being recorded.
    options.signal?.throwIfAborted()
    // The record may have taken long as well.
    checkTime(admission, context.clock)
    const secret = derived?.secret ?? reading.secret
    return {
      ...{ release, secret, secrets },
      ...(reading.revoke !== undefined && { revoke: reading.revoke }),
      ...(derived !== undefined && { refuse: derived.refuse }),
    }
  } catch (error) {
    for (const secret of secrets) secret.dispose()
    await unlessAborted(giveBack(reading), options.signal).catch(() => undefined)
    throw error
  }
}

async function derive(
  found: FoundCredential,
  reading: SecretReading,
  { scope, forgotten }: { readonly scope: string; readonly forgotten: number },
  { authorization: { command } }: Admission,
  { signal }: UseOptions,
  context: VaultContext,
): Promise<(DerivedSecret & Required<Pick<PreparedSecret, 'refuse'>>) | undefined> {
  const { reference } = found
  const { processor, description } = found.rules
  if (processor?.derive === undefined) return undefined
  const request = { derive: processor.derive.bind(processor), command, scope }
  // The scope of the source too: under one version it may give each subject a secret of their own.
  const key = JSON.stringify([reference, forgotten, description, scope, processor.scope?.(command) ?? ''])
  const make = (): Promise<CachedSecret> => deriveSecret(found, reading, request, context)
  const now = (): number => Math.floor(context.clock.now())
  const derived = await unlessAborted(context.tokens.get(key, reading.version, now(), make), signal)
  return { ...derived, secret: derived.secret.copy(), refuse: () => context.tokens.refuse(key, derived, now()) }
}

function describeRelease(
  { reference, source }: FoundCredential,
  reading: SecretReading,
  derived: DerivedSecret | undefined,
  now: number,
): Release {
  const ends = [reading.expiresAt, derived?.expiresAt].filter((end) => end !== undefined)
  return Object.freeze({
    reference,
    adapter: source.name,
    kind: derived === undefined ? reading.kind : 'derived',
    version: reading.version,
    downscoped: reading.downscoped || derived?.downscoped === true,
    stale: reading.stale === true,
    ageSeconds: Math.max(0, now - reading.readAt),
    ...(ends.length > 0 && { expiresAt: Math.min(...ends) }),
  })
}
