import { ArgumentError } from '../../errors.ts'
import {
  arrayOf,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  readOptions,
} from '../../support/options.ts'
import { never } from '../../time.ts'
import { didOption } from '../did/did-option.ts'
import { revocationId } from './revocation-id.ts'
import type { RevocationEntry } from './revocation-store.ts'

const time: OptionCheck = (value) =>
  value === never || (typeof value === 'number' && !Number.isNaN(value)) ? undefined : 'must be in seconds, or `never`'

/** In bytes or characters. */
const maxTokenLength = 65_536

const entryForms: OptionChecks<RevocationEntry> = Object.freeze({
  ids: arrayOf(nonEmptyString),
  revoker: maybe(nonEmptyString),
  expiration: time,
  token: maybe((value) =>
    (typeof value === 'string' || value instanceof Uint8Array) && value.length <= maxTokenLength
      ? undefined
      : `must be a container of at most ${maxTokenLength} bytes or characters`,
  ),
})

function noEntry(what: string): ArgumentError {
  return new ArgumentError(
    `invalid revocation: ${what}; add the \`entry\` that \`verifyRevocation\` returns, or an object of that form`,
  )
}

/**
 * Reads an entry before it is stored: each id once, CIDs in lower-case base32. For authors of revocation stores.
 *
 * @throws ArgumentError when the entry is not of this form, or could not have an effect: it names neither a delegation
 *   nor a principal, or its revoker is not a DID.
 */
export function readRevocationEntry(entry: RevocationEntry): RevocationEntry {
  const given = readOptions('the entry', entry, entryForms, noEntry)
  const ids = Object.freeze([...new Set(given.ids.map(revocationId))])
  if (ids.length === 0) throw noEntry('`ids` is empty')
  const revoker = given.revoker === undefined ? undefined : didOption('revoker', given.revoker)
  const token = given.token instanceof Uint8Array ? new Uint8Array(given.token) : given.token
  return Object.freeze({
    ids,
    ...(revoker !== undefined && { revoker }),
    expiration: given.expiration,
    ...(token !== undefined && { token }),
  })
}
