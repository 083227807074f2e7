import { parseDid } from '../did/did.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import { parseTokenCid } from '../ipld/cid.ts'

/**
 * The text by which a delegation or a principal is looked up: of a CID its lower-case base32, whichever of its spellings
 * was given, and a DID as it is.
 *
 * @throws ArgumentError when the text is neither the CID of a token nor a DID.
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

/** The usual case, in which there is nothing to decode: base32 of 36 bytes that begin as the CID of a token does. */
function isPlain(text: unknown): boolean {
  return typeof text === 'string' && /^bafyrei[a-h][a-z2-7]{50}[aeimquy4]$/.test(text)
}
