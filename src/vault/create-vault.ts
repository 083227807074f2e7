/**
 * A vault over a source of secrets. The order of a release is an argument:
 *
 * 1. copy the request: later changes by the caller are neither checked nor sent;
 * 2. use up the authorization, before anything is awaited: two uses that race for it cannot both pass;
 * 3. find the credential: its name is in the configuration, with its rules;
 * 4. compare the call and the target with the rules: a call that is refused causes no request to the store;
 * 5. read the secret, and check that it is the requested one;
 * 6. derive the secret that is sent, where the processor derives one;
 * 7. check that the call is still authorized: meanwhile it may have expired, or been revoked;
 * 8. announce the release: it is on record before it has an effect;
 * 9. send: the processor puts the secret into the request, and each hop of a redirect passes 4 and 7 again. A derived
 *    secret that the upstream refuses begins at 5 once more. A lease ends here: the handler gets the secret;
 * 10. redact the secret in the response;
 * 11. revoke the secret in its store, when the body has ended.
 *
 * `release/` has the steps 2 and 5 to 8, `request/` the steps 1, 4, 9 and 10.
 *
 * @module
 */

import { ArgumentError, VaultError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { startDeadline } from '../support/deadline.ts'
import {
  abortSignal,
  anything,
  callback,
  maybe,
  type OptionChecks,
  objectValue,
  orEmpty,
  readOptions,
  withMethod,
} from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { quote } from '../support/quote.ts'
import { type VaultOptions, type VaultSettings, vaultChecks } from './configuration.ts'
import type { Processor } from './processor.ts'
import { type Admission, admit, checkCall, checkStillAuthorized } from './release/admit.ts'
import { createContext, type FindCredential, type FoundCredential, type VaultContext } from './release/context.ts'
import { type PreparedSecret, prepareSecret } from './release/prepare-secret.ts'
import { notInTime } from './release/read-secret.ts'
import { revokeInStore } from './release/reading.ts'
import { checkDestination } from './request/destination.ts'
import { encodedForms, withCredential } from './request/encoded-forms.ts'
import { scrubResponse } from './request/scrub.ts'
import { copyRequest, sendWithCredential, type TargetedRequest } from './request/send.ts'
import { type CredentialOptions, type CredentialRules, isReference, parseRules } from './rules/credential-rules.ts'
import type { SecretSource } from './source.ts'
import type { Lease, LeaseOptions, UseOptions, UseRequest, Vault } from './vault.ts'

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
  const { source, credentials, ...settings } = readOptions('createVault', options, {
    ...vaultChecks,
    source: withMethod('read'),
    credentials: objectValue,
  })
  const found = new Map<string, FoundCredential>()
  for (const [reference, rules] of Object.entries(credentials)) {
    found.set(reference, { reference, rules: parseRules(reference, rules), source })
  }
  if (found.size === 0) throw new ArgumentError('the vault has no credentials; name at least one')
  // VLT-06: the map contains the configured names, so no other name reaches the store.
  const vault = vaultOver((reference) => found.get(reference), settings)
  return Object.freeze({ ...vault, references: Object.freeze([...found.keys()]) })
}

/** Makes a vault over any way to find a credential. */
export function vaultOver(find: FindCredential, options: VaultOptions): Vault {
  const settings: VaultSettings = readOptions('vault', options, vaultChecks)
  const context = createContext(settings)
  return Object.freeze({
    use: (request, options = {}) => use(request, options, find, settings, context),
    lease: (reference, options) => lease(reference, options, find, context),
  } satisfies Vault)
}

async function use(
  given: UseRequest,
  options: UseOptions,
  find: FindCredential,
  settings: VaultSettings,
  context: VaultContext,
): Promise<Response> {
  // 1
  const request = copyRequest(given)
  const useOptions = readOptions('use', options, useChecks)
  // 2
  const admission = admit(request.authorization, context.clock)
  // 3
  const found = await findCredential(find, request.reference, useOptions.signal, context)
  // 4
  checkCall(found.rules, admission)
  const rules = sendable(found.rules)
  const url = checkDestination(rules, request.target, request.method)
  const send = (mayRepeat: boolean): Promise<Response | undefined> =>
    release({ ...request, url }, { ...found, rules }, admission, { ...useOptions, mayRepeat }, settings, context)
  // VLT-53
  return (await send(true)) ?? ((await send(false)) as Response)
}

/**
 * Steps 5 to 11.
 *
 * @param options - `mayRepeat`: whether the request may be sent once more with another secret.
 * @returns undefined when it is to be sent once more.
 */
async function release(
  request: TargetedRequest,
  found: FoundCredential & { readonly rules: CredentialRules & { readonly processor: Processor } },
  admission: Admission,
  { mayRepeat, ...useOptions }: UseOptions & { readonly mayRepeat: boolean },
  settings: VaultSettings,
  context: VaultContext,
): Promise<Response | undefined> {
  // 5 to 8
  const prepared = await prepareSecret(found, admission, useOptions, context)
  // 9 to 11
  let hops = 0
  let forms = encodedForms(prepared.secrets)
  const deadline = startDeadline([useOptions.signal], settings.upstreamTimeoutMs)
  const done = once(() => {
    deadline.end()
    for (const form of forms) form.fill(0)
    revokeInStore(prepared.revoke, context.readTimeoutMs).catch((error: unknown) => {
      quietly(() => settings.onRevokeFailure?.(prepared.release, error))
    })
  })
  try {
    const response = await sendWithCredential(request, found.rules, prepared.secret, {
      clock: context.clock,
      fetch: context.fetch,
      signal: useOptions.signal,
      deadline,
      redirects: settings.redirects,
      beforeRedirect: (signal) => checkStillAuthorized(admission, context.clock, { ...useOptions, signal }),
      onSigned: ({ headers }) => {
        hops += 1
        // A custom processor may have made other headers than those of its type.
        if (headers instanceof Headers) forms = withCredential(forms, headers.get('authorization'))
      },
    })
    // After a redirect, the first hop may have had an effect.
    if (response.status === 401 && hops === 1 && prepared.refuse?.() === true && mayRepeat) {
      response.body?.cancel().catch(() => undefined)
      done()
      return undefined
    }
    return scrubResponse(response, forms, done, { signal: deadline.signal, unreadMs: settings.bodyTimeoutMs })
  } catch (error) {
    done()
    throw error
  } finally {
    for (const secret of prepared.secrets) secret.dispose()
  }
}

async function lease(
  reference: string,
  options: LeaseOptions,
  find: FindCredential,
  context: VaultContext,
): Promise<Lease> {
  const leaseOptions = readOptions('lease', options, { ...useChecks, authorization: orEmpty(anything) })
  const admission = admit(leaseOptions.authorization, context.clock)
  const found = await findCredential(find, reference, leaseOptions.signal, context)
  checkCall(found.rules, admission)
  // VLT-08
  if (!found.rules.leasable) {
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      'the credential is for `Vault.use`; set `leasable: true` in its rules to hand it to handlers',
    )
  }
  return leaseOf(await prepareSecret(found, admission, leaseOptions, context), context.readTimeoutMs)
}

async function findCredential(
  find: FindCredential,
  reference: string,
  signal: AbortSignal | undefined,
  { readTimeoutMs }: VaultContext,
): Promise<FoundCredential> {
  const deadline = startDeadline([signal], readTimeoutMs)
  let found: FoundCredential | undefined
  try {
    found = await unlessAborted(() => find(reference, deadline.signal), deadline.signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw deadline.signal.aborted ? notInTime(readTimeoutMs) : error
  } finally {
    deadline.end()
  }
  if (found === undefined) {
    // A sealed text that is presented is not shown.
    const shown = isReference(reference) ? quote(reference) : 'of this name'
    throw new VaultError(
      'ERR_VAULT_UNKNOWN_REFERENCE',
      `the vault has no credential ${shown}; add it to the vault, or correct the \`credential\` of the command`,
    )
  }
  return found
}

function leaseOf(prepared: PreparedSecret, timeoutMs: number): Lease {
  let revoking: Promise<void> | undefined
  async function revoke(): Promise<void> {
    for (const secret of prepared.secrets) secret.dispose()
    // VLT-12: after a failure it can be called again.
    revoking ??= revokeInStore(prepared.revoke, timeoutMs)
    const present = revoking
    try {
      await present
    } catch (error) {
      if (revoking === present) revoking = undefined
      throw error
    }
  }
  return Object.freeze({ ...prepared.release, secret: prepared.secret, revoke, [Symbol.asyncDispose]: revoke })
}

function sendable(rules: CredentialRules): CredentialRules & { readonly processor: Processor } {
  const { processor } = rules
  if (processor === undefined) {
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      'the credential has no `origins`; use `Vault.lease`, or set `origins` and a `processor` in its rules',
    )
  }
  return { ...rules, processor }
}

function once(task: () => void): () => void {
  let open = true
  return () => {
    if (open) task()
    open = false
  }
}

const useChecks: OptionChecks<UseOptions> = Object.freeze({
  signal: abortSignal,
  recheck: maybe(callback),
  onRelease: maybe(callback),
})
