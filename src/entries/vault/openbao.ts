/**
 * `procura/vault/openbao`: a vault over OpenBao or HashiCorp Vault.
 *
 * @module
 */

export {
  type AppRoleParameters,
  appRole,
  type DatabaseSecret,
  fixedToken,
  type JwtLoginParameters,
  jwtLogin,
  type KvSecret,
  type OpenBaoCredential,
  type OpenBaoLogin,
  type OpenBaoSourceOptions,
  type OpenBaoVaultOptions,
  openbaoSource,
  openbaoVault,
  type WrappedAppRoleParameters,
  wrappedAppRole,
} from '../../vault/stores/openbao/openbao-vault.ts'
