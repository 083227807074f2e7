/**
 * `procura/signer/indexed-db`: a non-extractable key in a browser.
 *
 * @module
 */

export {
  type IndexedDbSigner,
  openIndexedDbSigner,
  removeIndexedDbSigner,
} from '../../signers/indexed-db/indexed-db-signer.ts'
