/**
 * `procura/signer/indexed-db`: a non-extractable key in a browser.
 *
 * @module
 */

export {
  type IndexedDbPlace,
  type IndexedDbSigner,
  type IndexedDbSignerOptions,
  openIndexedDbSigner,
  removeIndexedDbSigner,
} from '../../custody/indexed-db/indexed-db-signer.ts'
