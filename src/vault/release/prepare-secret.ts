/**
 * From a name to a secret that may be used: read, checked against what was asked for, narrowed, and announced.
 *
 * @module
 */

import type { Authorization } from '../../authorization/authorization.ts'
import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { startDeadline } from '../../support/deadline.ts'
import type { Timestamp } from '../../time.ts'
import type { DerivedSecret } from '../processor.ts'
import { Secret } from '../secret.ts'
import type { SecretReading } from '../source.ts'
import type { Release, UseOptions } from '../vault.ts'
import { type Admission, checkStillStands } from './admit.ts'
import type { FoundCredential } from './credential-directory.ts'
import { type DeriveSurroundings, deriveSecret } from './derive-secret.ts'
import { vaultFailure } from './failure.ts'
import { giveBack, giveBackLate } from './reading.ts'
import type { CachedSecret, TokenCache } from './token-cache.ts'

/** What {@link prepareSecret} needs of its surroundings. */
export interface VaultContext extends DeriveSurroundings {
  readonly adapter: string
  readonly tokens: TokenCache
}

/** A secret that may be used now, and what is said about it. */
export interface PreparedSecret {
  readonly prepareSecret: Release
  /** What is sent or leased. */
  readonly secret: Secret
  /** Everything to look for in a response, `secret` included. */
  readonly secrets: readonly Secret[]
  /** Ends the secret at its origin; absent when it is not of that kind. */
  readonly revoke?: SecretReading['revoke']
}

/**
 * Reads the secret of a credential for an admitted call.
 *
 * @throws VaultError; a secret that was read is given back before, or meanwhile when the signal has fired.
 */
export async function release(
  found: FoundCredential,
  admission: Admission,
  options: UseOptions,
  context: VaultContext,
): Promise<PreparedSecret> {
  const reading = await readSecret(found, scopeOf(found, admission.authorization), options, context)
  const secrets = [reading.secret]
  try {
    const derived = await derive(found, reading, admission, options, context)
    if (derived !== undefined) secrets.unshift(derived.secret)
    await checkStillStands(admission, context.clock, options)
    const described = describe(found, reading, derived, context)
    await options.onRelease?.(described)
    const secret = secrets[0] ?? reading.secret
    return {
      prepareSecret: described,
      secret,
      secrets,
      ...(reading.revoke !== undefined && { revoke: reading.revoke }),
    }
  } catch (error) {
    for (const secret of secrets) secret.dispose()
    await unlessAborted(giveBack(reading), options.signal).catch(() => undefined)
    throw error
  }
}

async function readSecret(
  found: FoundCredential,
  scope: string,
  { signal }: { readonly signal?: AbortSignal | undefined },
  context: VaultContext,
  fresh = false,
): Promise<SecretReading> {
  signal?.throwIfAborted()
  const deadline = startDeadline([signal], context.timeoutMs)
  // A source that throws at once, in place of a promise, is one that fails.
  const work = (async () => found.read({ scope, fresh, signal: deadline.signal }))()
  let waiting = true
  giveBackLate(work, () => !waiting)
  try {
    const reading = await unlessAborted(work, deadline.signal)
    try {
      return checkReading(found, reading, Math.floor(context.clock.now()))
    } catch (error) {
      if (Secret.is(reading?.secret)) {
        await unlessAborted(giveBack(reading as SecretReading), deadline.signal).catch(() => undefined)
      }
      throw error
    }
  } catch (error) {
    if (error instanceof VaultError) throw error
    signal?.throwIfAborted()
    if (deadline.signal.aborted) {
      throw new VaultError('ERR_VAULT_UNAVAILABLE', `the vault did not answer within ${context.timeoutMs} ms`)
    }
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', 'the source of the secret failed', error)
  } finally {
    waiting = false
    deadline.end()
  }
}

function scopeOf(found: FoundCredential, authorization: Authorization): string {
  try {
    return found.scope(authorization)
  } catch (error) {
    if (error instanceof VaultError) throw error
    throw vaultFailure('ERR_VAULT_DOWNSCOPE', 'the source could not say how the secret is narrowed', error)
  }
}

function checkReading(found: FoundCredential, reading: SecretReading | undefined, now: Timestamp): SecretReading {
  if (reading === undefined) {
    throw new VaultError('ERR_VAULT_UNKNOWN_REFERENCE', 'the vault holds no secret under the configured reference')
  }
  if (!Secret.is(reading.secret)) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the source of the secret answered without a `Secret`')
  }
  // VLT-09
  if (reading.reference !== found.reference) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the vault answered with another secret than the one asked for')
  }
  // VLT-10
  if (reading.expiresAt !== undefined && !(now < reading.expiresAt)) {
    throw new VaultError('ERR_VAULT_EXPIRED', 'the secret in the vault has expired')
  }
  return reading
}

async function derive(
  found: FoundCredential,
  reading: SecretReading,
  { authorization }: Admission,
  options: UseOptions,
  context: VaultContext,
): Promise<DerivedSecret | undefined> {
  const { processor, description } = found.credential
  if (processor?.derive === undefined) return undefined
  const { command } = authorization
  const scope = scopeOf(found, authorization)
  // The scope of the source too: under one version it may give each subject a secret of their own.
  const key = JSON.stringify([found.reference, description, scope, processor.scope?.(command) ?? ''])
  const read = (signal: AbortSignal): Promise<SecretReading> => readSecret(found, scope, { signal }, context, true)
  const make = (): Promise<CachedSecret> => deriveSecret(found, reading, command, read, context)
  const derived = context.tokens.get(key, reading.version, Math.floor(context.clock.now()), make)
  const { secret, ...rest } = await unlessAborted(derived, options.signal)
  return { ...rest, secret: secret.copy() }
}

function describe(
  found: FoundCredential,
  reading: SecretReading,
  derived: DerivedSecret | undefined,
  context: VaultContext,
): Release {
  const ends = [reading.expiresAt, derived?.expiresAt].filter((end) => end !== undefined)
  return Object.freeze({
    reference: found.reference,
    adapter: context.adapter,
    kind: derived === undefined ? reading.kind : 'derived',
    version: reading.version,
    downscoped: reading.downscoped || derived?.downscoped === true,
    stale: reading.stale === true,
    ageSeconds: Math.max(0, Math.floor(context.clock.now()) - reading.readAt),
    ...(ends.length > 0 && { expiresAt: Math.min(...ends) }),
  })
}
