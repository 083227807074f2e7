import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { afterAll, beforeAll } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import type { CredentialOptions } from '../../src/vault/rules/credential-rules.ts'
import type { SecretSource } from '../../src/vault/source.ts'
import type { AwsOptions } from '../../src/vault/stores/aws/client.ts'
import type { AwsGrant } from '../../src/vault/stores/aws/session-policy.ts'
import { fixedToken, type OpenBaoLogin } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { generateSealingKey, type SealingKey } from '../../src/vault/stores/sealed/sealed-vault.ts'
import { actor } from '../support/actors.ts'
import { likeBetterSqlite } from '../support/like-better-sqlite.ts'
import { service } from '../support/service.ts'

export const alice: Signer = await actor('alice')
export const sealing: SealingKey = await generateSealingKey()
/** The secret in every wrong option; no message may contain it. */
export const canary = 'kanarie3Kq8Wd'

export const rules: CredentialOptions & { readonly origins: readonly string[] } = {
  origins: ['https://api.example'],
  processor: bearer(),
}
export const source: SecretSource = { name: 'test', read: async () => undefined }
export const write = (): void => undefined
let folder: string
let count = 0
/** A new path in the folder. */
export const place = (name: string): string => join(folder, `${count++}-${name}`)
export const openbao: { readonly address: string; readonly login: OpenBaoLogin } = {
  address: 'https://bao.example',
  login: fixedToken('t'),
}
export const aws: AwsOptions = { region: 'eu-central-1', keys: { accessKeyId: 'AKIA', secretAccessKey: canary } }
export const grants: readonly AwsGrant[] = [
  { command: '/a', statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::bucket/{key}'] }] },
]
export const exchange: { readonly tokenEndpoint: string; readonly clientId: string; readonly clientSecret: string } = {
  tokenEndpoint: 'https://as.example/token',
  clientId: 'c',
  clientSecret: canary,
}

/** Creates the folder for the tests of the calling file: test files can share this module, but not its hooks. */
export function makeFolder(): void {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'procura-configuration-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
}

/** Opens node-sqlite3-wasm with the interface of better-sqlite3. */
export function databaseAt(path: string, options?: { readonly readOnly: boolean }): SqliteDatabase & { close(): void } {
  return likeBetterSqlite(new sqlite.Database(path, options))
}

export function guardOptions(): GuardOptions {
  return {
    audience: service.did,
    subjects: [alice.did],
    commands: [defineCommand({ command: '/a', args: {} })],
    revocations: memoryRevocationStore(),
    replay: memoryReplayStore(),
    audit: { sink: memoryAuditSink() },
  }
}

/** The error of a function, thrown or rejected; undefined if it succeeds. */
export async function faultOf(make: () => unknown): Promise<unknown> {
  try {
    const made = await make()
    await (made as { close?: () => Promise<void> } | undefined)?.close?.()
    return undefined
  } catch (error) {
    return error
  }
}
