/**
 * `procura/signer`: principals that sign, with keys in this process or elsewhere.
 *
 * @module
 */

export type { Jwk } from '../did/jwk.ts'
export type { CryptoBackend, PreparedKey, SigningBackend, SigningKey } from '../principal/backend/backend.ts'
export { generateSigner } from '../principal/generate-signer.ts'
export { importSigner } from '../principal/import-signer.ts'
export { remoteSigner } from '../principal/remote-signer.ts'
export type { Signer } from '../principal/signer.ts'
export { webCryptoSigner } from '../principal/web-crypto-signer.ts'
