import type { Authorization } from '../../authorization/authorization.ts'
import { ArgumentError } from '../../errors.ts'
import { createMutex } from '../../support/mutex.ts'
import { type CredentialOptions, type CredentialRules, parseRules } from '../rules/credential-rules.ts'
import type { Secret } from '../secret.ts'
import type { ReadOptions, SecretReading, SecretSource } from '../source.ts'

/** A credential that was found by name: its rules, and the ways to its secret. */
export interface FoundCredential {
  /** The name under which it is recorded. */
  readonly reference: string
  readonly credential: CredentialRules
  /** What the secret depends on, as text. */
  readonly scope: (authorization: Authorization) => string
  readonly read: (options: ReadOptions) => Promise<SecretReading | undefined>
  readonly replace?: (secret: Secret, expectedVersion: string, signal: AbortSignal) => Promise<string>
  readonly exclusively?: <T>(task: () => Promise<T>) => Promise<T>
}

/** Where a vault looks credentials up. */
export interface CredentialDirectory {
  /** The kind of store, for records. */
  readonly adapter: string
  /** Resolves `undefined` when there is none of that name. */
  find(
    reference: string,
    signal: AbortSignal | undefined,
  ): FoundCredential | undefined | Promise<FoundCredential | undefined>
}

/**
 * A directory with fixed rules beside a source of secrets.
 *
 * @throws ArgumentError when the rules of a credential are invalid.
 */
export function configuredDirectory(
  source: SecretSource,
  credentials: Readonly<Record<string, CredentialOptions>>,
): CredentialDirectory {
  const found = new Map<string, FoundCredential>()
  for (const [reference, rules] of Object.entries(credentials)) {
    found.set(reference, connect(source, reference, parseRules(reference, rules)))
  }
  if (found.size === 0) {
    throw new ArgumentError('no credentials are configured; name at least one')
  }
  // VLT-06: a Map of what is configured; no name from elsewhere reaches the store
  return { adapter: source.name, find: (reference) => found.get(reference) }
}

function connect(source: SecretSource, reference: string, credential: CredentialRules): FoundCredential {
  return {
    reference,
    credential,
    scope: (authorization) => source.scope?.(reference, authorization) ?? '',
    read: (options) => source.read(reference, options),
    ...(source.replace !== undefined && {
      replace: async (secret: Secret, expectedVersion: string, signal: AbortSignal) =>
        (await source.replace?.(reference, { secret, expectedVersion, signal })) ?? expectedVersion,
    }),
    ...exclusivelyOf(source, reference),
  }
}

/** Where a secret is replaced and the store has no lock, the calls of this process take turns at least. */
function exclusivelyOf(source: SecretSource, reference: string): Pick<FoundCredential, 'exclusively'> {
  if (source.exclusively !== undefined) {
    return { exclusively: <T>(task: () => Promise<T>) => source.exclusively?.(reference, task) ?? task() }
  }
  return source.replace === undefined ? {} : { exclusively: createMutex() }
}
