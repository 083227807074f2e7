import { encodeBase64url } from '../../../ipld/base.ts'
import { sha256Bytes } from '../../../support/digest.ts'

/** Most characters of a session name that are not of the hash; with a hyphen and 22 of the hash there are 64. */
const shownLength = 41

/**
 * An invoker as a session name of AWS, which has 2 to 64 of `A-Z a-z 0-9 + = , . @ _ -`: the beginning of the DID with
 * other characters replaced by `-`, a hyphen, and the first 22 characters (132 bits) of the SHA-256 of the whole DID in
 * base64url. Several DIDs have the same beginning; the hash tells them apart.
 */
export async function sessionName(did: string): Promise<string> {
  const shown = did.replace(/[^A-Za-z0-9+=,.@_-]/g, '-').slice(0, shownLength)
  const hash = encodeBase64url(await sha256Bytes(new TextEncoder().encode(did)))
  return `${shown}-${hash.slice(0, 22)}`
}
