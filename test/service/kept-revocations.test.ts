import { closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { on } from '../../src/service/on.ts'
import { type FileServiceOptions, openFileService } from '../../src/service/open-file-service.ts'
import type { Service } from '../../src/service/service.ts'
import { type Faults, faultyFiles } from '../audit/jsonl/faulty-files.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { actor } from '../support/actors.ts'

const [owner, agent, signer] = [await actor('owner'), await actor('agent'), await actor('service')]
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
let directory: string
let faults: Faults
const fileOf = (): string => join(directory, 'audit.revocations')

beforeEach(() => {
  directory = temporaryDirectory()
  faults = {}
})

const open = (change: Partial<FileServiceOptions> = {}): Promise<Service> =>
  openFileService({
    signer,
    subjects: [owner.did],
    handlers: [on(send, () => 'sent')],
    audit: { sink: { directory, files: faultyFiles(faults) } },
    ...memoryStores(),
    registry: true,
    ...change,
  })

const grantOf = (): Promise<Delegation> => delegate({ issuer: owner, audience: agent.did, command: send })

async function revocationOf(grant: Delegation): Promise<string> {
  return encodeContainer([await revoke({ issuer: owner, delegation: grant }), grant])
}

/** The code of the denial of a call; undefined when it is allowed. */
async function codeOf(service: Service, grant: Delegation): Promise<string | undefined> {
  const call = { issuer: agent, audience: signer.did, command: send, args: { to: 'bob' }, proofs: [grant] }
  const result = await service.call(encodeContainer([await invoke(call), grant]))
  return result.allowed ? undefined : result.denial.code
}

describe('the file of revocations beside the log of a service', () => {
  it('SVC-16 SVC-30 a full disk: no copy of a revocation is said to apply before it is in the file [attack 19]', async () => {
    const [grant, service] = [await grantOf(), await open()]
    const revocation = await revocationOf(grant)
    for (const room of [0, 20, 0, 40]) {
      for (let copies = 0; copies < 5; copies++) {
        faults.room = room
        expect(await service.revoke(revocation)).toMatchObject({ denial: { code: 'revocation_unknown' } })
      }
    }
    // It applies in this process, because the registry has it.
    faults.room = undefined as never
    expect(await codeOf(service, grant)).toBe('revoked')
    expect(await service.revoke(revocation)).toMatchObject({ accepted: true })
    await service.close()
    const again = await open()
    expect(await codeOf(again, grant)).toBe('revoked')
    await again.close()
  })

  it('SVC-25 a torn line that cannot be cut off damages no later one', async () => {
    const [torn, unsynced, kept] = [await grantOf(), await grantOf(), await grantOf()]
    const service = await open()
    Object.assign(faults, { room: 20, truncate: 'EIO' })
    expect(await service.revoke(await revocationOf(torn))).toMatchObject({ denial: { code: 'revocation_unknown' } })
    // The end of the file is unknown until it can be cut off.
    faults.room = undefined as never
    expect(await service.revoke(await revocationOf(torn))).toMatchObject({ denial: { code: 'revocation_unknown' } })
    Object.assign(faults, { truncate: undefined, sync: 'EIO' })
    expect(await service.revoke(await revocationOf(unsynced))).toMatchObject({ denial: { code: 'revocation_unknown' } })
    faults.sync = undefined as never
    expect(await service.revoke(await revocationOf(kept))).toMatchObject({ accepted: true })
    await service.close()
    const again = await open()
    expect(await codeOf(again, torn)).toBeUndefined()
    expect(await codeOf(again, unsynced)).toBeUndefined()
    expect(await codeOf(again, kept)).toBe('revoked')
    await again.close()
  })

  it.each([
    ['a mark of the byte order', Buffer.from('\ufeff'), 0],
    ['a byte that is not UTF-8', Buffer.from([0xff]), 20],
    ['a character that is not ASCII', Buffer.from('é'), 20],
  ])('SVC-25 %s keeps the service closed, and the file as it is', async (_, bytes, at) => {
    const service = await open()
    expect(await service.revoke(await revocationOf(await grantOf()))).toMatchObject({ accepted: true })
    await service.close()
    const content = readFileSync(fileOf())
    const damaged = Buffer.concat([content.subarray(0, at), bytes, content.subarray(at)])
    writeFileSync(fileOf(), damaged)
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_AUDIT_INTEGRITY',
      message: expect.stringContaining('line 1'),
    })
    expect(readFileSync(fileOf())).toEqual(damaged)
  })

  it.each([
    ['moved away', () => renameSync(fileOf(), `${fileOf()}.1`)],
    ['emptied', () => writeFileSync(fileOf(), '')],
  ])('SVC-30 no revocation is confirmed when the file was %s', async (_, change) => {
    const service = await open()
    expect(await service.revoke(await revocationOf(await grantOf()))).toMatchObject({ accepted: true })
    change()
    expect(await service.revoke(await revocationOf(await grantOf()))).toMatchObject({
      denial: { code: 'revocation_unknown' },
    })
    await service.close()
  })

  it('SVC-30 a service that has lost the lock of its log confirms none, and cuts off none of the next one', async () => {
    const [late, kept] = [await grantOf(), await grantOf()]
    const paused = await open()
    await rm(join(directory, 'audit.lock'), { recursive: true })
    const next = await open()
    expect(await next.revoke(await revocationOf(kept))).toMatchObject({ accepted: true })
    expect(await paused.revoke(await revocationOf(late))).toMatchObject({ denial: { code: 'revocation_unknown' } })
    faults.sync = 'EIO'
    expect(await paused.revoke(await revocationOf(late))).toMatchObject({ denial: { code: 'revocation_unknown' } })
    faults.sync = undefined as never
    await Promise.allSettled([paused.close(), next.close()])
    const again = await open()
    expect(await codeOf(again, kept)).toBe('revoked')
    await again.close()
  })

  it('SVC-18 SVC-25 writes nothing after the end of the service: its descriptor may be that of another file', async () => {
    const memory = memoryStores()
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let added: Promise<void> | undefined
    const registry = {
      findRevocations: memory.revocations.findRevocations,
      add(...entry: Parameters<typeof memory.revocations.add>): Promise<void> {
        added = held.then(() => memory.revocations.add(...entry))
        return added
      },
    }
    const service = await open({ ...memory, registry, deadlines: { decisionMs: 50 } })
    expect(await service.revoke(await revocationOf(await grantOf()))).toMatchObject({
      denial: { code: 'revocation_unknown' },
    })
    await service.close()
    const paths = Array.from({ length: 20 }, (_, n) => join(directory, `other-${n}`))
    const others = paths.map((path) => openSync(path, 'a'))
    release()
    await added
    await new Promise((resolve) => setImmediate(resolve))
    expect(paths.map((path) => statSync(path).size)).toEqual(paths.map(() => 0))
    for (const other of others) closeSync(other)
  })

  it('SVC-25 the name of the file lasts when the service is opened, also after a start that failed', async () => {
    faults.syncDirectory = 'EIO'
    await expect(open()).rejects.toMatchObject({ code: 'ERR_AUDIT_CONFIGURATION' })
    await expect(open()).rejects.toMatchObject({ code: 'ERR_AUDIT_CONFIGURATION' })
  })
})
