/**
 * `procura/vault/openbao`: a vault over OpenBao or HashiCorp Vault.
 *
 * @module
 */

export {
  appRole,
  fixedToken,
  jwtLogin,
  type OpenBaoLogin,
  openbaoSource,
  openbaoVault,
  wrappedAppRole,
} from '../../vault/stores/openbao/openbao-vault.ts'
