/**
 * Principals, services and verifiers of the ucanto libraries.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { type API, Delegation } from '@ucanto/core'
import { ed25519, Verifier } from '@ucanto/principal'
import { access, capability, Schema } from '@ucanto/validator'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { systemClock } from '../../src/time.ts'
import { archive } from '../../src/ucanto/archive.ts'
import type { UcantoToken } from '../../src/ucanto/token.ts'
import { type UcantoFormatOptions, ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { serviceOptions, verdict } from '../support/service.ts'

/** The principal with the same key as `actor(name)`, in the form of the ucanto libraries. */
export async function peer(name: string): Promise<ed25519.EdSigner> {
  const seed = createHash('sha256').update(`procura test actor ${name} Ed25519`).digest()
  return ed25519.derive(new Uint8Array(seed))
}

/** The definition of `mail/send` in the service of these tests, for `@ucanto/validator`. */
export const mailSend: object = capability({
  can: 'mail/send',
  with: Schema.did(),
  nb: Schema.struct({ to: Schema.string().optional(), size: Schema.number().optional() }),
})

/** Further options of `@ucanto/validator`. */
export interface ForeignOptions {
  readonly definition?: unknown
  /** Keys of DIDs other than did:key. */
  readonly keys?: Readonly<Record<string, string>>
  /** CIDs of revoked delegations. */
  readonly revoked?: readonly string[]
}

/** The verdict of `@ucanto/validator` about an archive: `allowed`, or its reasons. */
export async function foreignVerdict(
  bytes: Uint8Array,
  service: API.Signer,
  { definition = mailSend, keys = {}, revoked = [] }: ForeignOptions = {},
): Promise<string> {
  const extracted = await Delegation.extract(bytes)
  if (extracted.error) return `unreadable: ${extracted.error.message}`
  const result = await access(extracted.ok as unknown as API.Invocation<never>, {
    capability: definition as never,
    authority: service as API.Verifier,
    principal: Verifier,
    resolveDIDKey: (did: string) =>
      (Object.hasOwn(keys, did) ? { ok: [keys[did]] } : { error: new Error(did) }) as never,
    validateAuthorization: (authorization) => {
      const used = namesIn(authorization as unknown as Used)
      return used.some((name) => revoked.includes(name)) ? { error: new Error('revoked') as never } : { ok: {} }
    },
  })
  return result.error ? result.error.message : 'allowed'
}

interface Used {
  readonly delegation: { readonly cid: unknown }
  readonly proofs: readonly Used[]
}

function namesIn({ delegation, proofs }: Used): readonly string[] {
  return [String(delegation.cid), ...proofs.flatMap(namesIn)]
}

/** The archive of a token by `@ucanto/core`. */
export async function archiveOf(delegation: API.Delegation | API.IssuedInvocationView): Promise<Uint8Array> {
  const view = await delegation.delegate()
  const { ok: bytes, error } = await view.archive()
  if (bytes === undefined) throw error
  return bytes
}

/** Options of a service of this library that reads 0.9.1. */
export function ownOptions(
  change: Partial<AuthorizeOptions> = {},
  options: UcantoFormatOptions = {},
): AuthorizeOptions {
  return serviceOptions({
    clock: systemClock,
    replay: memoryReplayStore(),
    revocations: memoryRevocationStore(),
    formats: [ucantoFormat(options)],
    ...change,
  })
}

/** The verdict of a service of this library about an archive, its text, or a token of this library. */
export async function ownVerdict(
  container: string | Uint8Array | UcantoToken,
  change: Partial<AuthorizeOptions> = {},
  options: UcantoFormatOptions = {},
): Promise<string> {
  const bytes = typeof container === 'string' || container instanceof Uint8Array ? container : await archive(container)
  return verdict(await createAuthorizer(ownOptions(change, options)).authorize(bytes))
}
