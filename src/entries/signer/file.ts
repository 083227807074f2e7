// node only: keeps private keys in a file
/**
 * `procura/signer/file`: keys that last, in a file.
 *
 * @module
 */

export {
  type ChangeSignerFileKeyOptions,
  changeSignerFileKey,
  createSignerFile,
  describeSignerFile,
  openSignerFile,
  rotateSignerFile,
  type SignerFile,
  type SignerFileEntry,
  type SignerFileOptions,
} from '../../signers/file/signer-file.ts'
