import { encodeBase64url } from '../../core/ipld/base.ts'
import {
  anything,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { type Clock, secondsOf, systemClock } from '../../time.ts'
import type { JoseSigner } from '../jose.ts'
import { compress, isStatusBits, packStatuses, type StatusBits } from './status-bits.ts'

/** Options of {@link statusListToken}. */
export interface StatusListTokenOptions {
  /** The module `jose`. */
  readonly jose: JoseSigner
  /** The private key, as `SignJWT.sign` of `jose` takes it. */
  readonly key: unknown
  /** The algorithm of the key, for example `ES256` or `EdDSA`. */
  readonly algorithm: string
  /** The `kid` of the key, if its readers choose among keys. Default: the token has no `kid`. */
  readonly keyId?: string
  /** The address at which the token is published: its `sub`. */
  readonly uri: string
  /** The number of entries of the list. */
  readonly size: number
  /** Index and status of each entry that is not valid: 1 for revoked, 2 for suspended. */
  readonly statuses: Iterable<readonly [index: number, status: number]>
  /** Bits of a status. Default 1: valid or revoked. */
  readonly bits?: StatusBits
  /** Seconds for which readers may keep it. Default 300. */
  readonly ttl?: number
  /** Seconds after which it expires. Default 86,400. */
  readonly lifetime?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const optionChecks = Object.freeze({
  jose: (value: unknown) =>
    typeof Object(value).SignJWT === 'function' ? undefined : 'must be the module `jose`, with its `SignJWT`',
  key: anything,
  algorithm: nonEmptyString,
  keyId: maybe(nonEmptyString),
  uri: nonEmptyString,
  size: integerFrom(1, 2 ** 27),
  statuses: objectValueOrList,
  bits: withDefault((value: unknown) => (isStatusBits(value) ? undefined : 'must be 1, 2, 4 or 8'), 1),
  ttl: withDefault(integerFrom(1), 300),
  lifetime: withDefault(integerFrom(1), 86_400),
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<StatusListTokenOptions>

function objectValueOrList(value: unknown): string | undefined {
  return Array.isArray(value) ? undefined : objectValue(value)
}

/** The media type of the token, which is also its `typ` behind `application/`. */
export const statusListType = 'statuslist+jwt'

/**
 * Makes a Status List Token (draft-ietf-oauth-status-list-21). Serve it at `uri` with the content type
 * `application/statuslist+jwt`, and make a new one before the bound of its readers on the age has passed.
 *
 * @throws ArgumentError when an option is missing or invalid. Rejects with the error of `jose`.
 * @example
 * ```ts
 * import * as jose from 'jose'
 * import { statusListToken } from 'procura/revocation/status-list'
 *
 * const token = await statusListToken({
 *   jose,
 *   key: privateKey,
 *   algorithm: 'ES256',
 *   uri: 'https://authority.example/agents/1',
 *   size: 100_000,
 *   statuses: [[42, 1]],
 * })
 * ```
 */
export async function statusListToken(options: StatusListTokenOptions): Promise<string> {
  const given = readOptions('statusListToken', options, optionChecks)
  const { jose, key, algorithm, keyId, uri, size, statuses, bits, ttl, lifetime, clock } = given
  const iat = secondsOf(clock)
  const lst = encodeBase64url(await compress(packStatuses(statuses, size, bits)))
  return new jose.SignJWT({ sub: uri, iat, exp: iat + lifetime, ttl, status_list: { bits, lst } })
    .setProtectedHeader({ alg: algorithm, typ: statusListType, ...(keyId !== undefined && { kid: keyId }) })
    .sign(key as never)
}
