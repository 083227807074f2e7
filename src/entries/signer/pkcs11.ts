// node only: uses node:worker_threads
/**
 * `procura/signer/pkcs11`: a key in a hardware module or another token of PKCS#11.
 *
 * @module
 */

export { openPkcs11Signer, type Pkcs11Signer } from '../../signers/pkcs11/open-pkcs11-signer.ts'
