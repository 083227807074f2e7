import { describe, expect, it } from 'vitest'
import { createLedger } from '../../src/audit/ledger/create-ledger.ts'
import { findAuthority } from '../../src/audit/ledger/find-authority.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer, encodeContainerBytes } from '../../src/core/container/container.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { ArgumentError, StoreFullError } from '../../src/errors.ts'
import { on } from '../../src/service/on.ts'
import type { ServiceOptions } from '../../src/service/options.ts'
import type { RevocationResult } from '../../src/service/revocation-desk.ts'
import { createService, type Service } from '../../src/service/service.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { never } from '../../src/time.ts'
import { sqliteFile } from '../stores/open-sqlite.ts'
import { actor, clock } from '../support/actors.ts'
import { present } from '../support/present.ts'
import { call, chainOf, delegateRaw, service as self } from '../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const carol = await actor('carol')
const proofs = await chainOf(alice, bob)
const longer = await chainOf(alice, bob, carol)
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const list = defineCommand({ command: '/mail/list', args: {} })

function setUp(change: Partial<ServiceOptions> = {}) {
  const sink = memoryAuditSink()
  const revocations = memoryRevocationStore({ clock })
  const service = createService(
    present({
      audience: self.did,
      subjects: [alice.did],
      handlers: [on(send, ({ args }) => `sent to ${args.to}`), on(list, () => ['one'])],
      revocations,
      replay: memoryReplayStore({ clock }),
      registry: revocations,
      audit: { sink },
      clock,
      ...change,
    }),
  )
  return { service, sink, kinds: () => sink.records().map(({ event }) => event.kind) }
}

const containerOf = async (command = '/mail/send', args = {}, chain = proofs, issuer = bob): Promise<string> =>
  encodeContainer([await call({ issuer, subject: alice.did, proofs: chain, command, args }), ...chain])

describe('a service', () => {
  it('SVC-15 runs the handler of the command of a call, and no other', async () => {
    const { service } = setUp()
    expect(await service.call(await containerOf('/mail/send', { to: 'bob' }))).toMatchObject({ value: 'sent to bob' })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ value: ['one'] })
    const wrong = await service.call(await containerOf('/mail/list'), { command: send })
    expect(wrong).toMatchObject({ allowed: false, denial: { code: 'command_mismatch' } })
    const unknown = await service.call(await containerOf('/mail/read'))
    expect(unknown).toMatchObject({ allowed: false, denial: { code: 'command_unknown' } })
  })

  it('SVC-15 gives the handler the surroundings of the call', async () => {
    const seen: unknown[] = []
    const { service } = setUp({ handlers: [on(list, (_, surroundings) => seen.push(surroundings))] })
    const request = new Request('https://service.example/')
    await service.call(await containerOf('/mail/list'), { request })
    await service.call(await containerOf('/mail/list'))
    expect(seen).toEqual([{ request }, {}])
  })

  it('SVC-19 records the delegations of an allowed call before its handler runs, and received revocations', async () => {
    const steps: string[] = []
    const ledger = {
      used: async () => void steps.push('used'),
      revoked: async () => void steps.push('revoked'),
    }
    const { service } = setUp({ handlers: [on(list, () => steps.push('handler'))], ledger })
    await service.call(await containerOf('/mail/list'))
    await service.call(await containerOf('/mail/read'))
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    await service.revoke(encodeContainer([revocation, ...proofs]))
    expect(steps).toEqual(['used', 'handler', 'revoked'])
  })

  it('SVC-19 LDG-02 has a revocation in a log and in its ledger, also where that is one log, with a pseudonym', async () => {
    const sink = memoryAuditSink()
    const kept = new Map<string, Uint8Array>()
    const archive = {
      put: async (cid: string, bytes: Uint8Array) => void kept.set(cid, bytes),
      get: async (cid: string) => kept.get(cid),
    }
    const ledger = createLedger({ sink, archive, clock })
    const { service } = setUp({ audit: { sink, pseudonymize: async () => 'pseudonym' }, ledger })
    await service.call(await containerOf('/mail/list'))
    const find = () => findAuthority({ records: sink.records(), archive, agent: bob.did, at: clock.now() })
    expect((await find()).authority).toHaveLength(1)
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    await service.revoke(encodeContainer([revocation, ...proofs]))
    const events = sink.records().flatMap(({ event }) => (event.kind === 'revoked' ? [event] : []))
    // The two are not interchangeable: the ledger needs the revoker, and the log has the revocation.
    expect(events.map(({ revoked, issuer, revocation: cid }) => [revoked, issuer, cid])).toEqual([
      [String(proofs[0]?.cid), alice.did, undefined],
      [String(proofs[0]?.cid), 'pseudonym', String(revocation.cid)],
    ])
    expect((await find()).authority).toEqual([])
  })

  it('SVC-19 runs no handler when the ledger fails, and asks for a revocation again, which applies all the same', async () => {
    const fail = () => Promise.reject(new Error('the ledger is full'))
    let ran = false
    const handlers = [
      on(list, () => {
        ran = true
      }),
    ]
    const { service, kinds } = setUp({ handlers, ledger: { used: fail, revoked: fail } })
    await expect(service.call(await containerOf('/mail/list'))).rejects.toThrow('the ledger is full')
    expect(ran).toBe(false)
    expect(kinds()).toEqual(['intent', 'outcome'])
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    const result = await service.revoke(encodeContainer([revocation, ...proofs]))
    expect(result).toMatchObject({ accepted: false, denial: { code: 'revocation_unknown' } })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ denial: { code: 'revoked' } })
  })

  it('passes on the error of a handler, and refuses options that it does not know', async () => {
    const { service } = setUp({ handlers: [on(list, () => Promise.reject(new Error('no')))] })
    await expect(service.call(await containerOf('/mail/list'))).rejects.toThrow('no')
    await expect(service.call('C', { comand: send } as never)).rejects.toThrow(/did you mean `command`/)
    expect(() => setUp({ handlers: [] })).toThrow(/`handlers` must be a non-empty array/)
    expect(() => setUp({ handlers: [send] as never })).toThrow(/make it with `on`/)
    expect(() => setUp({ commands: [send] } as never)).toThrow(/createService has no option `commands`/)
    expect(() => setUp({ audit: undefined as never })).toThrow(/`sink`/)
    expect(() => setUp({ audit: {} as never })).toThrow(/`sink`/)
    const inherited = Object.create({ sink: memoryAuditSink(), argumentKye: new Uint8Array(32) })
    expect(() => setUp({ audit: Object.freeze({ sink: memoryAuditSink() }) })).not.toThrow()
    expect(() => setUp({ audit: inherited })).toThrow('no option `argumentKye`')
    expect(() => on(undefined as never, () => 1)).toThrow(ArgumentError)
    expect(() => on(send, undefined as never)).toThrow(ArgumentError)
  })
})

describe('the revocations that a service receives', () => {
  it('SVC-16 are added to the store of revocations with `registry: true`, which a store without `add` is not', async () => {
    const { service } = setUp({ registry: true })
    expect(service.takesRevocations).toBe(true)
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    expect(await service.revoke(encodeContainer([revocation, ...proofs]))).toMatchObject({ accepted: true })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ denial: { code: 'revoked' } })
    const copy = { findRevocations: () => [] }
    expect(() => setUp({ registry: true, revocations: copy })).toThrow(/`revocations` has no method `add`/)
    expect(() => setUp({ registry: copy as never })).toThrow(/`registry` must be true/)
    expect(() => setUp({ registry: false as never })).toThrow(/`registry` must be true/)
  })

  it('SVC-16 are verified, stored and recorded, and end the chain', async () => {
    const { service, sink } = setUp()
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    const result = await service.revoke(encodeContainer([revocation, ...proofs]))
    expect(result).toEqual({ accepted: true, revoked: String(proofs[0]?.cid), recorded: true })
    expect(sink.records().at(-1)?.event).toMatchObject({
      kind: 'revoked',
      revoked: String(proofs[0]?.cid),
      revocation: String(revocation.cid),
      issuer: alice.did,
    })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ denial: { code: 'revoked' } })
  })

  it('SVC-27 are recorded a few times a minute when copies of one arrive, which anybody can send [attack 81]', async () => {
    const recorded: unknown[] = []
    const ledger = { used: async () => undefined, revoked: async (entry: unknown) => void recorded.push(entry) }
    const { service, kinds } = setUp({ ledger })
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    const container = encodeContainer([revocation, ...proofs])
    for (let at = 0; at < 11; at++)
      expect(await service.revoke(container)).toMatchObject({ accepted: true, recorded: true })
    for (let at = 0; at < 50; at++)
      expect(await service.revoke(container)).toMatchObject({ accepted: false, denial: { code: 'overloaded' } })
    expect([kinds().length, recorded.length]).toEqual([11, 11])
    // Another one is taken, and all of them apply.
    const other = encodeContainer([await revoke({ issuer: alice, delegation: longer[0] as never }), ...longer])
    expect(await service.revoke(other)).toMatchObject({ accepted: true, recorded: true })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ denial: { code: 'revoked' } })
  })

  it('SVC-27 are recorded a few times when thousands of copies of one arrive at once [attack 81]', async () => {
    const { service, kinds } = setUp()
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    const container = encodeContainer([revocation, ...proofs])
    const results = await Promise.all(Array.from({ length: 500 }, () => service.revoke(container)))
    expect(results.filter(({ accepted }) => accepted)).toHaveLength(11)
    expect(kinds()).toHaveLength(11)
  })

  it('SVC-16 are stored by a copy that waits if the store fails for the first one', async () => {
    const store = memoryRevocationStore({ clock })
    let fails = 1
    const add = async (...entry: Parameters<typeof store.add>): Promise<void> => {
      if (fails-- > 0) throw new Error('down')
      await store.add(...entry)
    }
    const { service } = setUp({ registry: { ...store, add }, revocations: store })
    const container = encodeContainer([await revoke({ issuer: alice, delegation: proofs[0] as never }), ...proofs])
    const results = await Promise.all([1, 2].map(() => service.revoke(container)))
    expect(results.map(({ accepted }) => accepted)).toEqual([false, true])
    expect(store.size).toBe(1)
  })

  it('SVC-17 RVK-07 leave the places of owners free where everybody is one', async () => {
    const revocations = memoryRevocationStore({ clock, maxEntries: 20 })
    const { service } = setUp({ subjects: anySubject, revocations, registry: true })
    let accepted = 0
    for (let at = 0; at < 25; at++) {
      const own = await delegateRaw(bob, bob)
      const result = await service.revoke(encodeContainer([await revoke({ issuer: bob, delegation: own }), own]))
      if (result.accepted) accepted += 1
    }
    expect(accepted).toBe(18)
    await revocations.add({ ids: [bob.did], expiration: never })
    expect(revocations.size).toBe(19)
  })

  it('SVC-27 are no copies when another principal has revoked the delegation, and after a minute', async () => {
    let time = clock.now()
    const { service } = setUp({ clock: { now: () => time } })
    const second = longer[1] as Delegation
    const by = async (issuer: typeof alice): Promise<string> =>
      encodeContainer([await revoke({ issuer, delegation: second, path: longer }), ...longer])
    const copy = await by(bob)
    const send = async (container: string): Promise<unknown> => Object(await service.revoke(container)).accepted
    for (let minute = 0; minute < 2; minute++, time += 61) {
      for (let at = 0; at < 10; at++) expect(await send(copy)).toBe(true)
      // The first one was not a copy.
      expect(await send(copy)).toBe(minute === 0)
      expect(await send(copy)).toBe(false)
      if (minute === 0) expect(await send(await by(alice))).toBe(true)
    }
  })

  it('SVC-27 are copies also of those in a store that several processes share [attack 81]', async () => {
    const file = sqliteFile()
    const secret = new Uint8Array(32).fill(7)
    prepareSqliteStores({ database: file.open(), secret, clock })
    const { revocations } = sqliteStores({ database: file.open(), secret, clock })
    const { service, kinds } = setUp({ revocations, registry: revocations })
    const container = encodeContainer([await revoke({ issuer: alice, delegation: proofs[0] as Delegation }), ...proofs])
    for (let at = 0; at < 15; at++) await service.revoke(container)
    expect(kinds()).toHaveLength(11)
    file.close()
  })

  it('SVC-16 are refused without an error when they are malformed, cannot be stored, or there is no registry', async () => {
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
    const container = encodeContainer([revocation, ...proofs])
    const errors: unknown[] = []
    const codeOf = async (change: object, given: string = container): Promise<unknown> => {
      errors.length = 0
      const { service } = setUp({ onError: (error) => errors.push(error), deadlines: { decisionMs: 50 }, ...change })
      const result = await service.revoke(given)
      return [result.accepted ? result.recorded : result.denial.code, errors.length]
    }
    expect(await codeOf({}, 'garbage')).toEqual(['unsupported', 0])
    expect(await codeOf({}, await containerOf())).toEqual(['malformed', 0])
    expect(await codeOf({ registry: undefined })).toEqual(['unsupported', 0])
    const failing = { findRevocations: () => [], add: () => Promise.reject(new Error('full')) }
    expect(await codeOf({ registry: failing })).toEqual(['revocation_unknown', 1])
    const hanging = { findRevocations: () => [], add: () => new Promise<never>(() => undefined) }
    expect(await codeOf({ registry: hanging })).toEqual(['revocation_unknown', 1])
    expect(String(errors[0])).toContain('a revocation was not verified and stored within 50 ms')
    const sink: AuditSink = { ...memoryAuditSink(), append: () => Promise.reject(new Error('no disk')) }
    expect(await codeOf({ audit: { sink } })).toEqual([false, 1])
    const { service } = setUp()
    await service.close()
    expect(await service.revoke(container)).toMatchObject({ denial: { code: 'closed' } })
  })

  it('SVC-17 are of chains that begin with an owner of the service; strangers cannot fill the store', async () => {
    const mallory = await actor('mallory')
    const added: unknown[] = []
    const registry = { findRevocations: () => [], add: (entry: unknown) => void added.push(entry) }
    const own = await chainOf(mallory, bob)
    const [, second] = longer
    const strangers = [
      encodeContainer([await revoke({ issuer: mallory, delegation: own[0] as never }), ...own]),
      // A delegation of a stranger over the authority of the owner.
      ...(await Promise.all(
        [await chainOf(alice, mallory)].map(async ([root]) =>
          encodeContainer([await revoke({ issuer: mallory, delegation: root as never }), root as never]),
        ),
      )),
      // A path that does not begin with the owner.
      encodeContainer([await revoke({ issuer: bob, delegation: second as never }), second as never]),
    ]
    const subjects = async (did: string): Promise<boolean> => did === alice.did
    for (const container of strangers) {
      for (const accepting of [[alice.did], subjects]) {
        const { service } = setUp({ registry, subjects: accepting })
        expect(await service.revoke(container)).toMatchObject({ accepted: false })
      }
    }
    expect(added).toEqual([])
    const path = encodeContainer([await revoke({ issuer: bob, delegation: second as never, path: longer }), ...longer])
    for (const accepting of [[alice.did], subjects, anySubject] as const) {
      const { service } = setUp({ registry, subjects: accepting })
      expect(await service.revoke(path)).toMatchObject({ accepted: true })
    }
    expect(added).toHaveLength(3)
  })
})

describe('the bytes of a revocation', () => {
  it('CTN-12 SVC-16 SVC-17 are those that were sent, though the caller uses their memory for another one meanwhile', async () => {
    const mallory = await actor('mallory')
    const [root] = proofs as [Delegation]
    const [own] = (await chainOf(mallory, bob)) as [Delegation]
    const byOwner = await revoke({ issuer: alice, delegation: root })
    const ofOwner = encodeContainerBytes([byOwner, root])
    const ofStranger = encodeContainerBytes([await revoke({ issuer: mallory, delegation: own }), own])
    expect(ofStranger).toHaveLength(ofOwner.length)
    const revocations = memoryRevocationStore({ clock })
    const { service, sink } = setUp({ revocations, registry: true })
    const send = async (sent: Uint8Array, later: Uint8Array) => {
      const memory = new Uint8Array(sent)
      const result = service.revoke(memory)
      memory.set(later)
      return result
    }
    expect(await send(ofStranger, ofOwner)).toMatchObject({ accepted: false, denial: { requirement: 'SVC-17' } })
    expect(revocations.size).toBe(0)
    expect(await send(ofOwner, ofStranger)).toMatchObject({ accepted: true, revoked: String(root.cid) })
    expect(sink.records()).toMatchObject([{ event: { kind: 'revoked', revocation: String(byOwner.cid) } }])
  })
})

describe('a delegate that fills the store of revocations', () => {
  const [root] = proofs as [Delegation]

  /** A delegation of the delegate, and its revocation, as it can sign them without end; the store never forgets it. */
  async function flood(service: Service, issuer = bob, upstream = [root]): Promise<RevocationResult> {
    const made = await delegateRaw(issuer, await generateSigner(), { subject: alice.did, expiration: never })
    const path = [...upstream, made]
    return service.revoke(encodeContainer([await revoke({ issuer, delegation: made, path }), ...path]))
  }

  it('SVC-17 RVK-14 can still revoke what it issued when it is revoked itself, until the operator revokes its DID', async () => {
    const revocations = memoryRevocationStore({ clock })
    const { service } = setUp({ revocations, registry: true })
    const revocation = encodeContainer([await revoke({ issuer: alice, delegation: root }), root])
    expect(await service.revoke(revocation)).toMatchObject({ accepted: true })
    expect(await flood(service)).toMatchObject({ accepted: true })
    await revocations.add({ ids: [bob.did], expiration: never })
    const before = revocations.size
    expect(await flood(service)).toMatchObject({ denial: { code: 'revoked' } })
    expect(revocations.size).toBe(before)
    // Another key of the delegate is another principal.
    const key = await generateSigner()
    const toKey = await delegateRaw(bob, key, { subject: alice.did })
    expect(await flood(service, key, [root, toKey])).toMatchObject({ accepted: true })
  })

  it('SVC-17 RVK-07 cannot keep the owner from revoking it [attack 86]', async () => {
    const revocations = memoryRevocationStore({ maxEntries: 20, clock })
    const { service } = setUp({ revocations, registry: true })
    for (let at = 0; at < 18; at++) expect(await flood(service)).toMatchObject({ accepted: true })
    expect(await flood(service)).toMatchObject({ denial: { code: 'revocation_unknown' } })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ allowed: true })
    const revocation = encodeContainer([await revoke({ issuer: alice, delegation: root }), root])
    expect(await service.revoke(revocation)).toMatchObject({ accepted: true })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ denial: { code: 'revoked' } })
    // The operator can end the delegate, too.
    await revocations.add({ ids: [bob.did], expiration: never })
    expect(revocations.size).toBe(20)
    expect(() => revocations.add({ ids: [alice.did], expiration: never })).toThrow(StoreFullError)
  })
})

describe('the end of a service', () => {
  it('SVC-18 waits for calls and revocations, and closes sink and resources, also when one fails', async () => {
    const order: string[] = []
    const memory = memoryAuditSink()
    const sink: AuditSink = {
      ...memory,
      append: (event, options) => {
        order.push(event.kind)
        return memory.append(event, options)
      },
      close: async () => void order.push('sink'),
    }
    let finish: (() => void) | undefined
    const ended = new Promise<void>((resolve) => {
      finish = resolve
    })
    let stored: (() => void) | undefined
    const storing = new Promise<void>((resolve) => {
      stored = resolve
    })
    const { service } = setUp({
      audit: { sink },
      registry: { findRevocations: () => [], add: () => storing },
      handlers: [on(list, () => ended)],
      resources: [{ close: () => Promise.reject(new Error('pool')) }, { close: () => void order.push('store') }],
    })
    const work = service.call(await containerOf('/mail/list'))
    const revocation = service.revoke(
      encodeContainer([await revoke({ issuer: alice, delegation: proofs[0] as never }), ...proofs]),
    )
    await expect.poll(() => order).toContain('intent')
    const closing = service.close().then(
      () => undefined,
      (error: Error) => error.message,
    )
    finish?.()
    expect(await work).toMatchObject({ allowed: true, recorded: true })
    // The store of the revocation is slower than the call.
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
    expect(order).toEqual(['intent', 'outcome'])
    stored?.()
    expect(await revocation).toMatchObject({ accepted: true, recorded: true })
    expect(await closing).toBe('pool')
    expect(order.slice(-2)).toEqual(['sink', 'store'])
    expect(order.slice(0, -2).sort()).toEqual(['intent', 'outcome', 'revoked'])
    expect(service.health()).toMatchObject({ status: 'closed', healthy: false })
    expect(await service.call(await containerOf('/mail/list'))).toMatchObject({ denial: { code: 'closed' } })
  })

  it('reports its health', async () => {
    const { service } = setUp()
    expect(service.health()).toMatchObject({ status: 'open', healthy: true, calls: 0, audit: { confirmed: 0 } })
    await service.call(await containerOf('/mail/list'))
    expect(service.health()).toMatchObject({ healthy: true, audit: { confirmed: 2, failed: 0 } })
    const failing: AuditSink = { ...memoryAuditSink(), append: () => Promise.reject(new Error('no disk')) }
    const broken = setUp({ audit: { sink: failing } }).service
    expect(await broken.call(await containerOf('/mail/list'))).toMatchObject({ denial: { code: 'audit_unavailable' } })
    expect(broken.health()).toMatchObject({ status: 'open', healthy: false })
  })
})
