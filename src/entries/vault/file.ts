// node only: keeps credentials in an encrypted file
/**
 * `procura/vault/file`: a vault in an encrypted file.
 *
 * @module
 */

export { type FileVault, openFileVault } from '../../vault/stores/file/file-vault.ts'
export { createKeyFile, type FileKey } from '../../vault/stores/file/key.ts'
export { revealCredentials } from '../../vault/stores/file/reveal.ts'
