/**
 * `procura/signer`: principals that sign, with keys in this process or elsewhere.
 *
 * @module
 */

export type { CryptoBackend, SigningBackend } from '../core/principal/backend/backend.ts'
export { generateSigner } from '../core/principal/generate-signer.ts'
export { importSigner } from '../core/principal/import-signer.ts'
export { remoteSigner } from '../core/principal/remote-signer.ts'
export type { Signer } from '../core/principal/signer.ts'
export { webCryptoSigner } from '../core/principal/web-crypto-signer.ts'
