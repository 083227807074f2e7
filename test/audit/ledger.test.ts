import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base16 } from 'multiformats/bases/base16'
import { base58btc } from 'multiformats/bases/base58'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLedger } from '../../src/audit/ledger/create-ledger.ts'
import type { DelegationArchive } from '../../src/audit/ledger/delegation-archive.ts'
import { fileArchive } from '../../src/audit/ledger/file-archive.ts'
import { findAuthority } from '../../src/audit/ledger/find-authority.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq, like, maxUses } from '../../src/core/capability/policy/build.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer, encodeContainerBytes } from '../../src/core/container/container.ts'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { type DidResolver, keyResolver } from '../../src/core/did/resolver.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { never } from '../../src/time.ts'
import { actor, now } from '../support/actors.ts'
import { delegateRaw, service } from '../support/service.ts'
import { stoppedClock } from './events.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'procura-ledger-'))
})
afterEach(() => rm(directory, { recursive: true }))

const owner = await actor('owner')
const agent = await actor('agent')
const child = await actor('child')
const clock = stoppedClock(now)
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail', expiration: now + 1_000, clock })
const narrow = await attenuate(grant, {
  ...{ issuer: agent, audience: child.did, command: '/mail/send', clock, expiration: now + 500 },
  policy: [like('.to', '*@example.com')],
})
const call = await invoke({
  issuer: child,
  audience: service.did,
  command: '/mail/send',
  proofs: [grant, narrow],
  clock,
})

function open() {
  clock.set(now)
  const sink = memoryAuditSink()
  const archive = fileArchive({ directory })
  const ledger = createLedger({ sink, archive, clock })
  const find = (who: { readonly did: string }, at: number) =>
    findAuthority({ records: sink.records(), archive, agent: who.did, at })
  const kinds = (): string[] => sink.records().map(({ event }) => event.kind)
  return { sink, archive, ledger, find, kinds }
}

describe('a ledger', () => {
  it('LDG-02 finds a revocation of the operator in whatever spelling its CID was given', async () => {
    const cid = grant.cid
    const spellings = [cid.toString(base58btc), cid.toString(base16), cid.toString()]
    for (const spelling of spellings) {
      const { ledger, sink, archive } = open()
      await ledger.issued([grant])
      clock.set(now + 10)
      await ledger.revoked({ ids: [spelling], expiration: never })
      const records = sink.records()
      const before = await findAuthority({ records, archive, agent: agent.did, at: now + 9 })
      const after = await findAuthority({ records, archive, agent: agent.did, at: now + 10 })
      expect([before.authority.length, after.authority.length], spelling).toEqual([1, 0])
    }
    const { ledger, kinds } = open()
    for (const entry of [{ ids: [] }, { ids: ['garbage'] }, { ids: 'bafy' }, undefined]) {
      const given = entry && { ...entry, expiration: never }
      await expect(ledger.revoked(given as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    }
    expect(kinds()).toEqual([])
  })

  it('LDG-01 records the chains of principals that its resolver knows', async () => {
    const { sink, archive } = open()
    const did = parseDid('did:web:owner.example')
    const { algorithm, publicKey: bytes } = owner
    const resolver: DidResolver = {
      resolve: (asked, options) =>
        asked === did ? { keys: [{ did, algorithm, bytes }] } : keyResolver().resolve(asked, options),
    }
    const granted = await delegate({ issuer: { ...owner, did }, audience: agent.did, command: '/mail', clock })
    const ledger = createLedger({ sink, archive, resolver, clock })
    expect(await ledger.seen(encodeContainer([granted]))).toEqual([granted.cid.toString()])
    const found = await findAuthority({ records: sink.records(), archive, resolver, agent: agent.did, at: now })
    expect(found.authority).toMatchObject([{ subject: did, command: '/mail' }])
    expect(found.unresolved).toEqual([])
    const without = await findAuthority({ records: sink.records(), archive, agent: agent.did, at: now })
    expect(without).toMatchObject({ authority: [], unresolved: [granted.cid.toString()] })
  })

  it('LDG-01 archives a delegation before its event, with the hash of its policy and not the policy', async () => {
    const { sink, ledger, kinds } = open()
    await ledger.issued([grant, narrow])
    expect(kinds()).toEqual(['seen', 'issued'])
    const cid = narrow.cid.toString()
    expect(sink.records()[1]?.event).toMatchObject({
      ...{ delegation: cid, issuer: agent.did, audience: child.did, subject: owner.did, command: '/mail/send' },
      ...{ chain: [grant.cid.toString()], expiration: now + 500, policyHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
    expect(sink.lines().join('')).not.toContain('example.com')
    expect(await readdir(directory)).toEqual([`${grant.cid}.ucan`, `${cid}.ucan`].sort())
    expect((await stat(join(directory, `${cid}.ucan`))).mode & 0o777).toBe(0o600)
    await ledger.issued([grant, narrow])
    expect(kinds()).toEqual(['seen', 'issued', 'issued'])

    const failing: DelegationArchive = { put: () => Promise.reject(new Error('full')), get: async () => undefined }
    const empty = memoryAuditSink()
    await expect(createLedger({ sink: empty, archive: failing, clock }).issued([grant])).rejects.toThrow('full')
    expect(empty.records()).toEqual([])
    const closed = memoryAuditSink()
    await closed.close()
    await expect(createLedger({ sink: closed, archive: fileArchive({ directory }) }).issued([grant])).rejects.toThrow()
  })

  it('LDG-01 records the chains of a container once, if they verify, and nothing else of it', async () => {
    const { ledger, kinds } = open()
    const stray = await delegate({ issuer: child, audience: agent.did, command: '/stray', clock })
    const container = encodeContainer([call, grant, narrow, stray])
    expect(await ledger.seen(container)).toEqual([grant, narrow].map(({ cid }) => cid.toString()))
    expect(await ledger.seen(container)).toEqual([])
    expect(kinds()).toEqual(['seen', 'seen'])
    const forged = { ...grant, bytes: Uint8Array.from(grant.bytes, (byte, at) => (at === 40 ? byte ^ 1 : byte)) }
    expect(await ledger.seen(encodeContainer([forged]))).toEqual([])
    expect(await ledger.seen(encodeContainer([call, grant]))).toEqual([])
    expect(await ledger.seen(encodeContainer([stray]))).toEqual([stray.cid.toString()])
    await expect(ledger.seen('nothing')).rejects.toMatchObject({ code: 'ERR_MALFORMED' })
  })

  it('CTN-12 LDG-01 records the chain in the given bytes, though the caller uses their memory for another meanwhile', async () => {
    const { ledger } = open()
    const memory = encodeContainerBytes([grant, narrow])
    const recorded = ledger.seen(memory)
    memory.fill(0x5a)
    expect(await recorded).toEqual([grant, narrow].map(({ cid }) => cid.toString()))
  })

  describe('of a guard', () => {
    const send = defineCommand({ command: '/mail/send', args: { to: text() } })
    const web = parseDid('did:web:owner.example')
    /** The owner under another DID, which the resolver of the guard alone can resolve. */
    const webOwner = { ...owner, did: web }
    const resolver: DidResolver = {
      resolve: (did) =>
        did === web
          ? { keys: [{ did, algorithm: owner.algorithm, bytes: owner.publicKey }] }
          : keyResolver().resolve(did, {}),
    }

    function guarded(change: Partial<GuardOptions> = {}) {
      const { sink, archive, ledger, find } = open()
      const guard = createGuard({
        ...{ audience: service.did, subjects: [owner.did, web], commands: [send], ...memoryStores({ clock }), clock },
        ...{ audit: { sink }, ledger, ...change },
      })
      const containerOf = async (proofs: readonly Delegation[], more: readonly Delegation[] = []) => {
        const asking = { issuer: child, audience: service.did, command: send, args: { to: 'b@example.com' }, clock }
        return encodeContainer([await invoke({ ...asking, proofs }), ...proofs, ...more])
      }
      const seen = () => sink.records().flatMap(({ event }) => (event.kind === 'seen' ? [event.delegation] : []))
      return { archive, guard, sink, containerOf, seen, find }
    }

    const namesOf = (chain: readonly Delegation[]) => chain.map(({ cid }) => cid.toString())

    it('LDG-01 GRD-20 has the chain before the handler runs, and nothing else of the container', async () => {
      const { guard, sink, containerOf, seen, find } = guarded()
      const other = await delegateRaw(owner, child)
      const result = await guard.use(await containerOf([grant, narrow], [other]), () => seen())
      expect(result).toMatchObject({ allowed: true, value: namesOf([grant, narrow]) })
      expect(sink.records().map(({ event }) => event.kind)).toEqual(['intent', 'seen', 'seen', 'outcome'])
      expect((await find(child, now)).authority).toMatchObject([{ command: '/mail/send' }])
    })

    it('LDG-01 has no approval, unless it is in the chain', async () => {
      const args = { to: 'b@example.com' }
      const commands = [{ ...send, approvals: { approvers: [agent.did], threshold: 1 } }]
      const policy = [eq('.', args), maxUses(1)]
      const approval = await attenuate(grant, { issuer: agent, audience: child.did, command: send, policy, clock })
      for (const [chain, beside] of [
        [[await delegateRaw(owner, child)], [approval]],
        [[grant, approval], []],
      ]) {
        const { guard, containerOf, seen } = guarded({ commands })
        const result = await guard.use(await containerOf(chain ?? [], beside), () => 1)
        expect(result.allowed ? 'allowed' : result.denial.message).toBe('allowed')
        expect(seen()).toEqual(namesOf(chain ?? []))
      }
    })

    it('LDG-01 GRD-20 fails the call when it fails', async () => {
      const { archive, ...rest } = open()
      const broken = { ...archive, put: () => Promise.reject(new Error('full')) }
      const { guard, sink, containerOf } = guarded({
        ledger: createLedger({ sink: rest.sink, archive: broken, clock }),
      })
      await expect(guard.use(await containerOf([grant, narrow]), () => 'sent')).rejects.toThrow('full')
      expect(sink.records().at(-1)?.event).toMatchObject({ kind: 'outcome', status: 'error' })
    })

    it('GRD-20 has delegations that are valid by the tolerance of the guard alone', async () => {
      const { guard, containerOf, seen } = guarded({ clockTolerance: 120 })
      const expired = await delegateRaw(owner, child, { expiration: now - 90 })
      const container = await containerOf([expired])
      expect(await guard.use(container, () => 1)).toMatchObject({ allowed: true })
      expect(seen()).toEqual(namesOf([expired]))
    })

    it('GRD-20 has delegations of DIDs that the resolver of the guard alone can resolve', async () => {
      for (const way of ['use', 'authorize'] as const) {
        const { guard, containerOf, seen } = guarded({ resolver })
        const ofWeb = await delegateRaw(webOwner, child)
        const container = await containerOf([ofWeb])
        const result = way === 'use' ? guard.use(container, () => 1) : guard.authorize(container)
        expect(await result).toMatchObject({ allowed: true })
        expect(seen()).toEqual(namesOf([ofWeb]))
      }
    })

    it('GRD-20 has chains of every form of token, also where the archive writes to their memory', async () => {
      const ecdsa = await actor('ecdsa', 'ES256')
      const kept = new Map<string, Uint8Array>()
      const archive: DelegationArchive = {
        async put(cid, bytes) {
          kept.set(cid, new Uint8Array(bytes))
          bytes.fill(0)
        },
        get: async (cid) => kept.get(cid),
      }
      const sink = memoryAuditSink()
      const { guard, containerOf } = guarded({ ledger: createLedger({ sink, archive, clock }) })
      const chains = [
        [await delegate({ issuer: owner, audience: child.did, command: '/mail', clock, policy: [maxUses(9)] })],
        [await delegateRaw(owner, ecdsa), await delegateRaw(ecdsa, child, { subject: owner.did })],
        [
          await delegateRaw(owner, agent, { expiration: never }),
          await delegateRaw(agent, child, { subject: anySubject }),
        ],
      ]
      for (const chain of [...chains, ...chains]) {
        const result = await guard.use(await containerOf(chain), () => 1)
        expect(result.allowed ? 'allowed' : result.denial.message).toBe('allowed')
      }
      expect([...kept.keys()]).toEqual(namesOf(chains.flat()))
      for (const { cid, bytes } of chains.flat()) expect(kept.get(String(cid))).toEqual(bytes)
    })

    it('GRD-20 confirms before each handler, also of calls with one chain at the same time', async () => {
      const { archive, sink } = open()
      let go = (): void => undefined
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const slow = { ...archive, put: (cid: string, bytes: Uint8Array) => gate.then(() => archive.put(cid, bytes)) }
      const { guard, containerOf } = guarded({ ledger: createLedger({ sink, archive: slow, clock }) })
      const seen = () => sink.records().flatMap(({ event }) => (event.kind === 'seen' ? [event.delegation] : []))
      let ran = 0
      const uses = Array.from({ length: 20 }, async () =>
        guard.use(await containerOf([grant, narrow]), () => {
          ran += 1
          return seen()
        }),
      )
      await expect.poll(() => guard.health().calls).toBe(20)
      expect(ran).toBe(0)
      go()
      for (const result of await Promise.all(uses))
        expect(result).toMatchObject({ value: expect.arrayContaining(namesOf([grant, narrow])) })
      const before = seen().length
      await guard.use(await containerOf([grant, narrow]), () => 1)
      expect(seen()).toHaveLength(before)
    })

    it('GRD-20 has the chain of the first call after a failure of the archive', async () => {
      const { archive, sink } = open()
      let isFull = true
      const failing = {
        ...archive,
        put: async (cid: string, bytes: Uint8Array) => {
          if (isFull) throw new Error('full')
          await archive.put(cid, bytes)
        },
      }
      const { guard, containerOf } = guarded({ ledger: createLedger({ sink, archive: failing, clock }) })
      const seen = () => sink.records().flatMap(({ event }) => (event.kind === 'seen' ? [event.delegation] : []))
      const use = async () => guard.use(await containerOf([grant, narrow]), seen)
      for (const one of await Promise.allSettled([use(), use(), use()]))
        expect(one).toMatchObject({ status: 'rejected', reason: { message: 'full' } })
      expect(seen()).toEqual([])
      isFull = false
      expect(await use()).toMatchObject({ allowed: true, value: namesOf([grant, narrow]) })
    })

    it('GRD-20 is refused together with `rememberProofs`, whose calls come without delegations', () => {
      expect(() => guarded({ rememberProofs: true })).toThrow(/`rememberProofs`.*leave out one of the two/)
    })

    it('GRD-20 has nothing to record for a call of the subject itself', async () => {
      const { guard, seen } = guarded({ subjects: [child.did] })
      const { containerOf } = guarded()
      expect(await guard.use(await containerOf([]), () => 1)).toMatchObject({ allowed: true })
      expect(seen()).toEqual([])
    })
  })

  it('LDG-02 finds what an agent could do at a moment, by time, issue and revocation', async () => {
    const { ledger, find } = open()
    await ledger.issued([grant, narrow])
    clock.set(now + 100)
    await ledger.revoked({ ids: [grant.cid.toString()], revoker: owner.did, expiration: never })
    expect(await find(child, now + 50)).toMatchObject({
      authority: [
        {
          ...{ delegation: narrow.cid.toString(), subject: owner.did, command: '/mail/send', expiration: now + 500 },
          ...{
            policy: [['like', '.to', '*@example.com']],
            recorded: now,
            chain: [grant, narrow].map(({ cid }) => `${cid}`),
          },
        },
      ],
      missing: [],
      isCut: false,
    })
    expect((await find(agent, now + 50)).authority).toMatchObject([{ command: '/mail', policy: [] }])
    expect((await find(child, now + 100)).authority).toEqual([])
    expect((await find(agent, now + 100)).authority).toEqual([])
    expect((await find(owner, now + 50)).authority).toEqual([])
    expect((await find(child, now - 1)).authority).toEqual([])
    clock.set(now + 300)
    await ledger.issued([narrow])
    expect((await find(child, now + 50)).authority).toHaveLength(1)

    const seen = open()
    await seen.ledger.seen(encodeContainer([call, grant, narrow]))
    expect((await seen.find(child, now - 10)).authority).toMatchObject([{ recorded: now }])
    expect((await seen.find(child, now + 501)).authority).toEqual([])
    expect((await seen.find(agent, now + 501)).authority).toHaveLength(1)
    // A stranger cannot revoke, and an operator can.
    await seen.ledger.revoked({ ids: [grant.cid.toString()], revoker: child.did, expiration: never })
    expect((await seen.find(agent, now)).authority).toHaveLength(1)
    await seen.ledger.revoked({ ids: [agent.did], expiration: never })
    expect((await seen.find(agent, now)).authority).toEqual([])
    expect((await seen.find(child, now)).authority).toEqual([])
  })

  it('LDG-02 gives no authority for a chain that does not verify', async () => {
    const { sink, archive, find } = open()
    const ledger = createLedger({ sink, archive, clock })
    const wider = await delegateRaw(agent, child, { subject: owner.did, command: '/files' })
    const foreign = await delegateRaw(child, agent, { subject: owner.did })
    await ledger.issued([grant, wider])
    await ledger.issued([foreign])
    expect((await find(child, now)).authority).toEqual([])
    expect((await find(agent, now)).authority).toMatchObject([{ command: '/mail' }])
  })

  it('LDG-03 takes nothing from the archive that has another CID, and reports it', async () => {
    const { ledger, find } = open()
    await ledger.issued([grant, narrow])
    const path = join(directory, `${narrow.cid}.ucan`)
    for (const bytes of [grant.bytes, narrow.bytes.slice(1), new Uint8Array()]) {
      await writeFile(path, bytes)
      expect(await find(child, now)).toMatchObject({ authority: [], missing: [narrow.cid.toString()] })
    }
    await rm(path)
    expect((await find(child, now)).missing).toEqual([narrow.cid.toString()])
    expect((await find(agent, now)).authority).toHaveLength(1)
    await expect(fileArchive({ directory }).get('../x')).rejects.toThrow(/the CID is not in base32/)
    await expect(fileArchive({ directory: `${path}/x/y` }).get(`${grant.cid}`)).resolves.toBeUndefined()
  })

  it('bounds the chains that it examines', async () => {
    const { sink, archive, ledger } = open()
    const principals = await Promise.all(['a', 'b', 'c'].map((name) => actor(name)))
    for (const issuer of principals)
      for (const audience of principals)
        await ledger.issued([await delegateRaw(issuer, audience, { subject: owner.did })])
    const options = { records: sink.records(), archive, agent: principals[0]?.did ?? '', at: now, maxChains: 50 }
    expect(await findAuthority(options)).toMatchObject({ authority: [], isCut: true })
  })
})
