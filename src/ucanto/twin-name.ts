import { cidOf } from '../ipld/cid.ts'
import type { CryptoBackend } from '../principal/backend/backend.ts'
import { twinSignature } from '../principal/signature.ts'
import { isPromiseLike } from '../support/promise.ts'
import type { OpenToken } from './open-token.ts'
import { withSignature } from './with-signature.ts'

/** The CID that a token has with its other ECDSA signature; undefined when there is no other. */
export function twinName(
  token: Pick<OpenToken, 'bytes' | 'signature'>,
  backend: Pick<CryptoBackend, 'sha256'>,
): string | undefined | Promise<string> {
  const { signature } = token
  const twin = signature && twinSignature(signature.algorithm, signature.raw)
  if (twin === undefined) return undefined
  const digest = backend.sha256(withSignature(token, twin))
  return isPromiseLike(digest) ? digest.then((bytes) => cidOf(bytes).toString()) : cidOf(digest).toString()
}
