import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { verifyReceipt } from '../../src/core/receipt/verify-receipt.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { ArgumentError, AuditError, VaultError } from '../../src/errors.ts'
import { on } from '../../src/service/on.ts'
import { type FileServiceOptions, openFileService } from '../../src/service/open-file-service.ts'
import type { Service } from '../../src/service/service.ts'
import { createSignerFile, openSignerFile, rotateSignerFile } from '../../src/signers/file/signer-file.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { actor } from '../support/actors.ts'
import { present } from '../support/present.ts'

const [owner, agent] = [await actor('owner'), await actor('agent')]
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const key = { bytes: new Uint8Array(32).fill(9) }
const secret = 'sk-live-of-a-test'
const seen: (string | undefined)[] = []
const upstream = createServer((request, response) => {
  seen.push(request.headers.authorization)
  response.end('sent')
})
let api: string
let folder: string
let counter = 0
let logs: string
const at = (name: string): string => join(folder, name)

beforeAll(async () => {
  await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening))
  api = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  folder = await mkdtemp(join(tmpdir(), 'procura-file-service-'))
  await createSignerFile({ path: at('service.key') })
  const vault = await openFileVault({ path: at('vault'), key, create: true })
  await vault.put('mail', { secret, origins: [api], processor: bearer() })
})
beforeEach(() => {
  logs = at(`log-${counter++}`)
})
afterEach(() => void seen.splice(0))
afterAll(async () => {
  upstream.close()
  await rm(folder, { recursive: true })
})

const options = (change: Partial<FileServiceOptions> = {}): FileServiceOptions =>
  present({
    signer: at('service.key'),
    subjects: [owner.did],
    handlers: [
      on({ ...send, credential: 'mail' }, async ({ args, fetch }) => (await fetch(`${api}/${args.to}`)).text()),
    ],
    vault: { path: at('vault'), key },
    audit: { sink: logs },
    ...memoryStores(),
    ...change,
  })

async function callTo(audience: string) {
  const grant = await delegate({ issuer: owner, audience: agent.did, command: send })
  const call = await invoke({ issuer: agent, audience, command: send, args: { to: 'bob' }, proofs: [grant] })
  return { task: call.task, container: encodeContainer([call, grant]) }
}

const didOf = async (path: string): Promise<string> => (await openSignerFile({ path })).did

describe('a service whose key, vault and log are in files', () => {
  it('is for the DID of its key, uses the credential, and records', async () => {
    const service = await openFileService(options())
    const { container } = await callTo(await didOf(at('service.key')))
    const result = await service.call(container)
    expect(result).toMatchObject({ allowed: true, value: 'sent', recorded: true })
    expect(Object(result).receipt).toBeUndefined()
    expect(seen).toEqual([`Bearer ${secret}`])
    await service.close()
    const lines: string[] = []
    for await (const line of readJsonlLines({ directory: logs })) lines.push(line)
    expect(lines.join()).not.toContain(secret)
    expect(lines.map((line) => JSON.parse(line).event.kind)).toEqual(['intent', 'released', 'outcome'])
    expect((await verifyAuditLog(lines)).valid).toBe(true)
  })

  it('SVC-21 takes calls to a previous DID of its key after a rotation, with a receipt of that key', async () => {
    const path = at('rotated.key')
    const { did: former } = await createSignerFile({ path })
    const { did: present } = await rotateSignerFile({ path })
    const stranger = (await actor('stranger')).did
    const service = await openFileService(options({ signer: { path }, receipts: true }))
    for (const did of [former, present]) {
      const { task, container } = await callTo(did)
      const result = await service.call(container)
      if (!result.allowed || result.receipt === undefined) throw new Error('no receipt')
      expect(await verifyReceipt(result.receipt.bytes, { executor: did, task })).toMatchObject({ verified: true })
    }
    const wrong = await service.call((await callTo(stranger)).container)
    expect(wrong).toMatchObject({ allowed: false, denial: { code: 'audience_mismatch' } })
    await service.close()
    const only = await openFileService(options({ signer: { path }, audience: present }))
    const old = await only.call((await callTo(former)).container)
    expect(old).toMatchObject({ allowed: false, denial: { code: 'audience_mismatch' } })
    await only.close()
  })

  it('SVC-25 SVC-26 remembers revocations and used calls when it is opened again, with its stores in memory', async () => {
    const grant = await delegate({ issuer: owner, audience: agent.did, command: send })
    const audience = await didOf(at('service.key'))
    const call = async (): Promise<string> => {
      const args = { to: 'bob' }
      return encodeContainer([await invoke({ issuer: agent, audience, command: send, args, proofs: [grant] }), grant])
    }
    const open = (): Promise<Service> => openFileService(options({ ...memoryStores(), registry: true }))
    const [used, other] = [await call(), await callTo(audience)]
    const first = await open()
    expect(await first.call(used)).toMatchObject({ allowed: true })
    await first.close()
    const second = await open()
    expect(await second.call(used)).toMatchObject({ denial: { code: 'replayed' } })
    expect(await second.call(await call())).toMatchObject({ allowed: true })
    const revocation = encodeContainer([await revoke({ issuer: owner, delegation: grant }), grant])
    expect(await second.revoke(revocation)).toMatchObject({ accepted: true })
    await second.close()
    for (let n = 0; n < 2; n++) {
      const again = await open()
      expect(await again.call(await call())).toMatchObject({ denial: { code: 'revoked' } })
      expect(await again.call(other.container)).toMatchObject(
        n === 0 ? { allowed: true } : { denial: { code: 'replayed' } },
      )
      await again.close()
    }
  })

  it('SVC-25 SVC-26 RVK-13 remembers them where its clock is ahead when it is opened, and corrected later', async () => {
    const start = Math.floor(Date.now() / 1000)
    const clock = { time: start, now: () => clock.time }
    const expiration = start + 3_600
    const delegated = () => delegate({ issuer: owner, audience: agent.did, command: send, expiration })
    const [grant, kept] = [await delegated(), await delegated()]
    const audience = await didOf(at('service.key'))
    const callOver = async (proof = grant): Promise<string> => {
      const args = { to: 'bob' }
      return encodeContainer([await invoke({ issuer: agent, audience, command: send, args, proofs: [proof] }), proof])
    }
    const open = (): Promise<Service> => openFileService(options({ ...memoryStores({ clock }), registry: true, clock }))
    const used = await callOver(kept)
    const first = await open()
    expect(await first.call(used)).toMatchObject({ allowed: true })
    const revocation = encodeContainer([await revoke({ issuer: owner, delegation: grant }), grant])
    expect(await first.revoke(revocation)).toMatchObject({ accepted: true })
    await first.close()
    clock.time = start + 86_400
    const second = await open()
    clock.time = start
    expect(await second.call(await callOver())).toMatchObject({ denial: { code: 'revoked' } })
    expect(await second.call(used)).toMatchObject({ denial: { code: 'replayed' } })
    await second.close()
  })

  it('SVC-25 continues after a torn line, and does not start with a line that is not a revocation', async () => {
    const open = (): Promise<Service> => openFileService(options({ ...memoryStores(), registry: true }))
    await (await open()).close()
    const path = join(logs, 'audit.revocations')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    writeFileSync(path, '{"ids":["did:key:z6Mk')
    await (await open()).close()
    expect(readFileSync(path, 'utf8')).toBe('')
    writeFileSync(path, '{"ids":[]}\n')
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_AUDIT_INTEGRITY',
      message: expect.stringContaining('line 1'),
    })
    chmodSync(path, 0o644)
    await expect(open()).rejects.toMatchObject({ code: 'ERR_AUDIT_CONFIGURATION' })
  })

  it('takes parts that are open already', async () => {
    const sink = memoryAuditSink()
    const { signer } = await openSignerFile({ path: at('service.key') })
    const vault = memoryVault({ mail: { secret, origins: [api], processor: bearer() } })
    const service = await openFileService(options({ signer, vault, audit: { sink }, receipts: signer }))
    const result = await service.call((await callTo(signer.did)).container)
    expect(result).toMatchObject({ allowed: true, receipt: { executor: signer.did } })
    await service.close()
    expect(sink.records()).toHaveLength(3)
  })

  it('has the receipts of another signer, and no vault where none is given', async () => {
    const other = await actor('signer of receipts')
    const handlers = [on(send, () => 'kept')]
    const service = await openFileService(options({ handlers, vault: undefined as never, receipts: other }))
    const result = await service.call((await callTo(await didOf(at('service.key')))).container)
    expect(result).toMatchObject({ allowed: true, value: 'kept', receipt: { executor: other.did } })
    await service.close()
  })

  it('passes the options of the log and of its records on', async () => {
    const audit = { sink: { directory: logs, prefix: 'mail' }, recoverIntents: true }
    const service = await openFileService(options({ audit }))
    await expect(openJsonlAuditSink({ directory: logs, prefix: 'mail' })).rejects.toThrow(AuditError)
    await service.close()
    const { history } = await openJsonlAuditSink({ directory: logs, prefix: 'mail' })
    expect(history).toBeDefined()
  })

  it('makes no log for invalid options, and leaves none open that it made', async () => {
    const refused = (change: object) => expect(openFileService(options(change as never))).rejects
    await refused({ sinks: logs }).toThrow(/openFileService has no option `sinks`/)
    await refused({ handlers: [] }).toThrow(/`handlers` must be a non-empty array/)
    await refused({ signer: at('missing.key') }).toThrow(VaultError)
    await refused({ vault: { path: at('missing'), key } }).toThrow(VaultError)
    await refused({ vault: { path: at('vault'), key: { bytes: new Uint8Array(32) } } }).toThrow(VaultError)
    for (const wrong of [undefined, '', logs, {}, { sink: 1 }, { sink: '' }, memoryAuditSink()])
      await refused({ audit: wrong }).toThrow(/`audit` must (?:be an object with|have) a `sink`/)
    for (const wrong of [undefined, '', 1, openSignerFile({ path: at('service.key') })])
      await refused({ signer: wrong }).toThrow(/`signer` (?:must be the path|is a promise)/)
    for (const wrong of [false, [], 'key']) await refused({ receipts: wrong }).toThrow(/`receipts` must be/)
    await refused({ vault: 'vault' }).toThrow(/`vault` must be an object/)
    expect(existsSync(logs)).toBe(false)
    const unknown = on({ ...send, credential: 'mial' }, () => 'sent')
    await refused({ handlers: [unknown] }).toThrow(/did you mean `mail`/)
    await refused({ audit: { sink: logs, deadlineMS: 5 } }).toThrow(/no option `deadlineMS`/)
    await refused({ audit: Object.create({ sink: logs, deadlineMS: 5 }) }).toThrow(ArgumentError)
    await refused({ audience: null }).toThrow(ArgumentError)
    const service = await openFileService(options())
    await service.close()
  })
})
