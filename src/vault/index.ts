/**
 * The vault: releases credentials for calls that are permitted, and lets nobody see them.
 *
 * Vaults over memory, the environment, files and services have entry points of their own, and so have processors. Here is
 * what they have in common, and what one needs to put a vault over another store.
 *
 * @module
 */

export type { BreakerState } from './breaker.ts'
export { type CreateVaultOptions, createVault, type VaultOptions } from './create-vault.ts'
export type { CredentialRules } from './credential.ts'
export type { SecretValue } from './secret-value.ts'
export type {
  DeriveContext,
  DerivedSecret,
  OutgoingRequest,
  PlainValue,
  Processor,
  ProcessorContext,
  ProcessorDescription,
} from './processor.ts'
export { type ReferenceRow, type ReferenceTable, referenceTable } from './reference-table.ts'
export type { RemoteVault } from './remote-vault.ts'
export { type ResilienceOptions, type ResilientSource, resilient } from './resilience.ts'
export { Secret } from './secret.ts'
export type { ReadOptions, SecretKind, SecretReading, SecretSource } from './source.ts'
export type { Lease, LeaseOptions, Recheck, Release, ReleaseOptions, UseRequest, Vault } from './vault.ts'
