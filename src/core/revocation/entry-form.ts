/**
 * Revocations as data: between services, and encrypted in stores.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import { objectValue } from '../../support/options.ts'
import { never } from '../../time.ts'
import type { IpldMap, IpldValue } from '../ipld/value.ts'
import { readRevocationEntry } from './revocation-entry.ts'
import type { RevocationEntry } from './revocation-store.ts'

/** Returns an entry as data, with `null` for an entry that applies for ever. A fraction of a second is rounded up. */
export function entryToData({ ids, revoker, expiration, token }: RevocationEntry): IpldMap {
  const last = expiration === never ? Number.POSITIVE_INFINITY : Math.ceil(expiration)
  return {
    ids: [...ids],
    // A time that no date has is as far away as no time.
    expiration: Number.isSafeInteger(last) ? last : null,
    ...(revoker !== undefined && { revoker }),
    ...(token !== undefined && { token }),
  }
}

/**
 * Reads an entry from data, which may be untrusted.
 *
 * @throws ArgumentError when it is not an entry, or has a further field.
 */
export function entryFromData(data: IpldValue | undefined): RevocationEntry {
  if (objectValue(data) !== undefined) throw new ArgumentError('invalid revocation: it must be an object')
  const given = { ...(data as IpldMap) }
  const { expiration } = given
  return readRevocationEntry({ ...given, expiration: expiration === null ? never : expiration } as never)
}
