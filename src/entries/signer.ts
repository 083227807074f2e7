/**
 * `procura/signer`: who signs, wherever the key is.
 *
 * @module
 */

export type { Jwk } from '../did/jwk.ts'
export type { CryptoBackend, PreparedKey, SigningBackend, SigningKey } from '../principal/backend/backend.ts'
export { type GenerateSignerOptions, generateSigner } from '../principal/generate-signer.ts'
export { type ImportSignerOptions, importSigner, type PrivateKeySource } from '../principal/import-signer.ts'
export { type RemoteSignerOptions, remoteSigner } from '../principal/remote-signer.ts'
export type { Signer } from '../principal/signer.ts'
export { type WebCryptoSignerOptions, webCryptoSigner } from '../principal/web-crypto-signer.ts'
export type { WebCryptoKey, WebCryptoKeyPair } from '../support/web-crypto-key.ts'
