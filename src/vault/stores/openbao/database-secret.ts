import { encodeHex } from '../../../core/ipld/hex.ts'
import { VaultError } from '../../../errors.ts'
import { sha256Bytes } from '../../../support/digest.ts'
import type { Timestamp } from '../../../time.ts'
import { Secret } from '../../secret.ts'
import type { SecretReading } from '../../source.ts'
import { asObject } from '../http-backend.ts'
import type { Session } from './session.ts'

/** Credentials that the database engine creates for one call, and removes after it. */
export interface DatabaseSecret {
  readonly engine: 'database'
  /** The mount path of the engine. Default `database`. */
  readonly mount?: string
  readonly role: string
}

/**
 * Has the engine create credentials, which it removes when the reading is revoked.
 *
 * @throws VaultError `ERR_VAULT_INTEGRITY` when the answer is malformed or about another role.
 */
export async function readDatabase(
  session: Session,
  reference: string,
  place: DatabaseSecret,
  now: () => Timestamp,
  signal: AbortSignal | undefined,
): Promise<SecretReading | undefined> {
  const path = `${place.mount ?? 'database'}/creds/${place.role}`
  const asked = now()
  const answer = await session.call({ method: 'GET', path, signal })
  if (answer === undefined) return undefined
  const data = asObject(answer.get('data'))
  const username = data?.get('username')
  const password = data?.get('password')
  const lease = answer.get('lease_id')
  const seconds = answer.get('lease_duration')
  if (
    typeof username !== 'string' ||
    typeof password !== 'string' ||
    typeof lease !== 'string' ||
    typeof seconds !== 'number'
  ) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao returned no database credentials')
  }
  const revoke = async (options: { readonly signal?: AbortSignal | undefined }): Promise<void> => {
    const body = { lease_id: lease, sync: true }
    await session.call({ method: 'POST', path: 'sys/leases/revoke', body, ...options })
  }
  // A lease of another role gives other rights. It was made for this request, so nobody else uses it.
  if (!lease.startsWith(`${path}/`)) {
    await revoke({}).catch(() => undefined)
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao returned credentials of a role other than the requested one')
  }
  return {
    reference,
    secret: Secret.ofFields({ username, password }),
    // The user name is half of the secret, so the version is made from the lease, which an operator can look up.
    version: encodeHex(await sha256Bytes(new TextEncoder().encode(lease))).slice(0, 16),
    kind: 'dynamic',
    downscoped: false,
    readAt: asked,
    expiresAt: asked + Math.floor(seconds),
    revoke,
  }
}
