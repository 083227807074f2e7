// node only: keeps private keys in a file
/**
 * `procura/signer/file`: keys that last, in a file.
 *
 * @module
 */

export {
  changeSignerFileKey,
  createSignerFile,
  describeSignerFile,
  openSignerFile,
  rotateSignerFile,
  type SignerFile,
  type SignerFileEntry,
} from '../../signers/file/signer-file.ts'
