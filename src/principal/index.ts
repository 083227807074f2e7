/**
 * `procura/signer`: who signs, wherever the key is.
 *
 * @module
 */

export type { Jwk } from '../did/jwk.ts'
export type { CryptoBackend, PreparedKey, SigningBackend, SigningKey } from './backend/backend.ts'
export { type GenerateSignerOptions, generateSigner } from './generate-signer.ts'
export { type ImportSignerOptions, importSigner, type PrivateKeySource } from './import-signer.ts'
export { type RemoteSignerOptions, remoteSigner } from './remote-signer.ts'
export type { Signer } from './signer.ts'
export type { WebCryptoKey, WebCryptoKeyPair } from '../support/web-crypto-key.ts'
export { type WebCryptoSignerOptions, webCryptoSigner } from './web-crypto-signer.ts'
