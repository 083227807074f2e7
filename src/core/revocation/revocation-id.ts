import { ArgumentError, MalformedError } from '../../errors.ts'
import { parseDid } from '../did/did.ts'
import { parseTokenCid } from '../ipld/parse-cid.ts'

/**
 * Returns the key by which a delegation or a principal is looked up: a CID in lower-case base32, whatever its spelling,
 * or an unchanged DID.
 *
 * @throws ArgumentError when the string is neither the CID of a token nor a DID.
 */
export function revocationId(text: string): string {
  // RVK-10
  if (isPlain(text)) return text
  try {
    return typeof text === 'string' && text.startsWith('did:') ? parseDid(text) : parseTokenCid(text).toString()
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new ArgumentError(`a revocation names the CID of a delegation or the DID of a principal: ${cause.message}`, {
      cause,
    })
  }
}

/** The usual case, which needs no decoding: base32 of 36 bytes with the first bytes of a CID of a token. */
function isPlain(text: unknown): boolean {
  return typeof text === 'string' && /^bafyrei[a-h][a-z2-7]{50}[aeimquy4]$/.test(text)
}
