/**
 * `procura/vault`: the vault, which releases credentials for authorized calls and does not show them.
 *
 * Vaults over memory, the environment, files and services have their own import paths, and so have the processors. This
 * one has their common types, and `createVault` for a source of your own.
 *
 * @module
 */

export { createVault } from '../vault/create-vault.ts'
export type { OutgoingRequest, Processor } from '../vault/processor.ts'
export { createRedactor, type Redactor } from '../vault/redactor.ts'
export type { RemoteVault } from '../vault/resilience/remote-vault.ts'
export { type ResilientSource, resilient } from '../vault/resilience/resilient.ts'
export type { CredentialOptions } from '../vault/rules/credential-rules.ts'
export { type ReferenceTable, referenceTable } from '../vault/rules/reference-table.ts'
export { Secret } from '../vault/secret.ts'
export type { SecretReading, SecretSource } from '../vault/source.ts'
export type { Vault } from '../vault/vault.ts'
