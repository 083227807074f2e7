/**
 * A vault over a source of secrets: the two verbs, and in which order they ask what.
 *
 * @module
 */

import { VaultError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { startDeadline } from '../support/deadline.ts'
import {
  abortSignal,
  anything,
  callback,
  maybe,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { type Clock, systemClock } from '../time.ts'
import { vaultChecks } from './configuration.ts'
import type { Processor } from './processor.ts'
import { admit, checkCall, checkStillStands } from './release/admit.ts'
import { type CredentialDirectory, configuredDirectory, type FoundCredential } from './release/credential-directory.ts'
import { type PreparedSecret, release, type VaultContext } from './release/prepare-secret.ts'
import { endAtOrigin } from './release/reading.ts'
import { createTokenCache } from './release/token-cache.ts'
import { checkDestination } from './request/destination.ts'
import { encodedForms } from './request/encoded-forms.ts'
import { scrubResponse } from './request/scrub.ts'
import { copyRequest, sendWithCredential } from './request/send.ts'
import type { CredentialOptions, CredentialRules } from './rules/credential-rules.ts'
import type { SecretSource } from './source.ts'
import type { Lease, Release, UseOptions, Vault } from './vault.ts'

/** Options that every vault has. */
export interface VaultOptions {
  /** Default: the clock of the host. */
  readonly clock?: Clock
  /** Default: the host's `fetch`. */
  readonly fetch?: typeof fetch
  /** Milliseconds in which the store must give a secret, or end one, and an issuer a token. Default 10,000. */
  readonly readTimeoutMs?: number
  /** Milliseconds until an upstream must have begun to answer. Default 30,000. */
  readonly upstreamTimeoutMs?: number
  /**
   * Milliseconds for which nobody may read from the body of a response: then it is broken off, and a secret that was made
   * for the call is ended. Waiting for an upstream that sends nothing counts as reading. Default 60,000.
   */
  readonly bodyTimeoutMs?: number
  /** Redirects within its origin that an upstream may make. Default 5. */
  readonly redirects?: number
  /**
   * Told when a secret could not be ended at its origin after `Vault.use`. It ends by itself when its lease does; an
   * operator may want to know before. What it throws, or rejects with, is ignored.
   */
  readonly onRevokeFailure?: (release: Release, error: unknown) => void
}

/** Options of {@link createVault}. */
export interface CreateVaultOptions extends VaultOptions {
  readonly source: SecretSource
  /** The rules of each credential, by its name. */
  readonly credentials: Readonly<Record<string, CredentialOptions>>
}

/**
 * Makes a vault over a source of secrets.
 *
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { createVault, resilient } from 'procura/vault'
 * import { bearer } from 'procura/vault/processors'
 *
 * const vault = createVault({
 *   source: resilient(source),
 *   credentials: { mail: { origins: ['https://api.example.com'], processor: bearer() } },
 * })
 * ```
 */
export function createVault(options: CreateVaultOptions): Vault {
  const { source, credentials, ...settings } = readOptions('vault', options, {
    ...vaultChecks,
    source: withMethod('read'),
    credentials: objectValue,
  })
  const vault = vaultOver(configuredDirectory(source, credentials), settings)
  return Object.freeze({ ...vault, references: Object.freeze(Object.keys(credentials)) })
}

/** Makes a vault over any directory of credentials. Its maker has checked the options. */
export function vaultOver(directory: CredentialDirectory, options: VaultOptions): Vault {
  const clock = options.clock ?? systemClock
  const context: VaultContext = {
    adapter: directory.adapter,
    clock,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    tokens: createTokenCache(1_000),
    pending: new Map(),
    timeoutMs: options.readTimeoutMs ?? 10_000,
  }
  const { upstreamTimeoutMs = 30_000, bodyTimeoutMs = 60_000, redirects = 5, onRevokeFailure } = options

  async function find(reference: string, signal: AbortSignal | undefined): Promise<FoundCredential> {
    const deadline = startDeadline([signal], context.timeoutMs)
    let found: FoundCredential | undefined
    try {
      found = await unlessAborted(() => directory.find(reference, deadline.signal), deadline.signal)
    } catch (error) {
      signal?.throwIfAborted()
      if (!deadline.signal.aborted) throw error
      throw new VaultError('ERR_VAULT_UNAVAILABLE', `the vault did not answer within ${context.timeoutMs} ms`)
    } finally {
      deadline.end()
    }
    if (found === undefined) {
      throw new VaultError('ERR_VAULT_UNKNOWN_REFERENCE', 'there is no credential of this name; see the configuration')
    }
    return found
  }

  return Object.freeze({
    async use(request, options = {}) {
      const plain = copyRequest(request)
      const useOptions = readOptions('use', options, releaseChecks)
      const admission = admit(request.authorization, clock)
      const { signal } = useOptions
      const found = await find(request.reference, signal)
      checkCall(found.credential, admission)
      const credential = sendable(found.credential)
      // Before the secret is read: a target that is not allowed costs the store nothing.
      checkDestination(credential, plain.target, plain.method)
      const released = await release(found, admission, useOptions, context)
      const forms = encodedForms(released.secrets)
      const deadline = startDeadline([signal], upstreamTimeoutMs)
      const done = once(() => {
        deadline.end()
        for (const form of forms) form.fill(0)
        endAtOrigin(released.revoke, context.timeoutMs).catch((error: unknown) => {
          quietly(() => onRevokeFailure?.(released.prepareSecret, error))
        })
      })
      try {
        const response = await sendWithCredential(plain, credential, released.secret, {
          clock,
          fetch: context.fetch,
          signal,
          deadline,
          redirects,
          stillStands: (during) => checkStillStands(admission, clock, { ...useOptions, signal: during }),
        })
        return scrubResponse(response, forms, done, { signal: deadline.signal, unreadMs: bodyTimeoutMs })
      } catch (error) {
        done()
        throw error
      } finally {
        for (const secret of released.secrets) secret.dispose()
      }
    },

    async lease(reference, options) {
      const leaseOptions = readOptions('lease', options, { ...releaseChecks, authorization: anything })
      const admission = admit(leaseOptions.authorization, clock)
      const found = await find(reference, leaseOptions.signal)
      checkCall(found.credential, admission)
      // VLT-08
      if (!found.credential.leasable) {
        throw new VaultError(
          'ERR_VAULT_CONFIGURATION',
          'the credential is for Vault.use; make it `leasable` to hand it out',
        )
      }
      return leaseOf(await release(found, admission, leaseOptions, context), context.timeoutMs)
    },
  } satisfies Vault)
}

function leaseOf(released: PreparedSecret, timeoutMs: number): Lease {
  let ended = false
  const revoke = async (): Promise<void> => {
    for (const secret of released.secrets) secret.dispose()
    if (ended) return
    // VLT-12
    await endAtOrigin(released.revoke, timeoutMs)
    ended = true
  }
  return Object.freeze({ ...released.prepareSecret, secret: released.secret, revoke, [Symbol.asyncDispose]: revoke })
}

function sendable(credential: CredentialRules): CredentialRules & { readonly processor: Processor } {
  const { processor } = credential
  if (processor === undefined) {
    throw new VaultError('ERR_VAULT_CONFIGURATION', 'the credential has no `origins`, so that it can only be leased')
  }
  return { ...credential, processor }
}

function once(task: () => void): () => void {
  let open = true
  return () => {
    if (open) task()
    open = false
  }
}

const releaseChecks: OptionChecks<UseOptions> = Object.freeze({
  signal: maybe(abortSignal),
  recheck: maybe(callback),
  onRelease: maybe(callback),
})
