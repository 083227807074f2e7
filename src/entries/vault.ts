/**
 * The vault: releases credentials for calls that are permitted, and lets nobody see them.
 *
 * Vaults over memory, the environment, files and services have entry points of their own, and so have processors. Here is
 * what they have in common, and what one needs to put a vault over another store.
 *
 * @module
 */

export { createVault, type VaultOptions } from '../vault/create-vault.ts'
export type { DeriveContext, DerivedSecret, OutgoingRequest, Processor, ProcessorContext } from '../vault/processor.ts'
export type { RemoteVault } from '../vault/resilience/remote-vault.ts'
export { type ResilientSource, resilient } from '../vault/resilience/resilient.ts'
export type { CredentialOptions } from '../vault/rules/credential-rules.ts'
export { type ReferenceTable, referenceTable } from '../vault/rules/reference-table.ts'
export { Secret, type SecretValue } from '../vault/secret.ts'
export type { SecretReading, SecretSource } from '../vault/source.ts'
export type { Lease, Release, Vault } from '../vault/vault.ts'
