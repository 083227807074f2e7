/**
 * `procura/vault/openbao`: a vault over OpenBao or HashiCorp Vault.
 *
 * @module
 */

export { type AppRoleParameters, appRole, fixedToken, type JwtLoginParameters, jwtLogin, type OpenBaoLogin, type WrappedAppRoleParameters, wrappedAppRole, openbaoSource, openbaoVault, type DatabaseSecret, type KvSecret, type OpenBaoCredential, type OpenBaoSourceOptions, type OpenBaoVaultOptions } from '../../vault/stores/openbao/openbao-vault.ts'
