/**
 * The vault: releases credentials for calls that are permitted, and lets nobody see them.
 *
 * @module
 */

export { type CreateVaultOptions, createVault, type VaultOptions } from './create-vault.ts'
export type { CredentialRules } from './credential.ts'
export { type MemoryCredential, memoryVault, type SecretValue } from './memory.ts'
export type {
  DeriveContext,
  DerivedSecret,
  OutgoingRequest,
  PlainValue,
  Processor,
  ProcessorContext,
  ProcessorDescription,
} from './processor.ts'
export { type BasicParameters, basic } from './processors/basic.ts'
export { bearer } from './processors/bearer.ts'
export { type ClientCredentialsParameters, clientCredentials } from './processors/client-credentials.ts'
export type { FieldParameter } from './processors/field.ts'
export { type HeaderParameters, header } from './processors/header.ts'
export { type HmacParameters, hmac, type SignedPart } from './processors/hmac.ts'
export { type QueryParameters, query } from './processors/query.ts'
export { type RefreshTokenParameters, refreshToken } from './processors/refresh-token.ts'
export { type SigV4Parameters, sigV4 } from './processors/sigv4.ts'
export { type ReferenceRow, type ReferenceTable, referenceTable } from './reference-table.ts'
export { type ResilienceOptions, type ResilientSource, resilient } from './resilience.ts'
export { Secret } from './secret.ts'
export type { ReadOptions, SecretKind, SecretReading, SecretSource } from './source.ts'
export type { Lease, LeaseOptions, Recheck, Release, ReleaseOptions, UseRequest, Vault } from './vault.ts'
