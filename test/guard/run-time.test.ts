import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { optional, text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { maxUses } from '../../src/core/capability/policy/build.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer, encodeContainerBytes } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Did } from '../../src/core/did/did.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError, AuthorizationError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { never } from '../../src/time.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { actor, clock } from '../support/actors.ts'
import { invocationPayload, sealRaw } from '../support/raw-token.ts'
import { call, chainOf, service } from '../support/service.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const secret = 'canary-52e0b7'
const alice = await actor('alice')
const bob = await actor('bob')
const carol = await actor('carol')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: text(), note: optional(text()) } })
const read = defineCommand({ command: '/mail/read', args: {} })
let upstream: Upstream

beforeAll(async () => {
  upstream = await startUpstream(secret)
})
afterAll(() => upstream.close())

function setUp(change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const errors: unknown[] = []
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did, carol.did],
    commands: [{ ...send, credential: 'mail' }, read],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    vault: memoryVault(
      { mail: { secret, origins: [upstream.origin], processor: bearer(), leasable: true, methods: ['GET'] } },
      { clock },
    ),
    audit: { sink },
    clock,
    onError: (error) => errors.push(error),
    ...change,
  })
  return { guard, errors, kinds: () => sink.records().map(({ event }) => event.kind) }
}

const containerOf = async (args: Record<string, string> = { to: 'bob' }, command = '/mail/send'): Promise<string> =>
  encodeContainer([await call({ issuer: bob, proofs, command, args }), ...proofs])

async function codeOf(result: Promise<{ allowed: boolean; denial?: { code: string } }>): Promise<string> {
  const { allowed, denial } = await result
  return allowed ? 'allowed' : (denial?.code ?? '')
}

/** Functions of a service that fail, or do not answer. */
const failures = [
  () => Promise.reject(new Error('no database')),
  () => {
    throw new Error('no database')
  },
  () => new Promise<never>(() => undefined),
]

describe('a call and its request', () => {
  it('SVC-10 refuses a call of another command, without an intent, and the call can still be used', async () => {
    const { guard, kinds } = setUp()
    const container = await containerOf()
    let ran = 0
    for (const method of ['use', 'authorize', 'dryRun'] as const) {
      const options = { command: read }
      const given = method === 'use' ? guard.use(container, () => ran++, options) : guard[method](container, options)
      expect(await codeOf(given), method).toBe('command_mismatch')
    }
    expect({ ran, kinds: kinds() }).toEqual({ ran: 0, kinds: ['denied', 'denied', 'denied'] })
    expect(await codeOf(guard.use(container, ({ args }) => args.to, { command: send }))).toBe('allowed')
    await expect(guard.use(container, () => 1, { command: '/mail' })).rejects.toThrow(ArgumentError)
    await expect(guard.use(container, () => 1, { comand: read } as never)).rejects.toThrow(/did you mean `command`/)
  })

  it('SVC-11 refuses a call whose arguments are not those of the request, without an intent', async () => {
    const { guard, kinds } = setUp()
    const container = await containerOf({ to: 'bob', note: 'x' })
    const wrong = [
      { to: 'eve' },
      { to: undefined },
      { other: 'x' },
      { to: 'bob', note: undefined },
      { to: 0 },
      { to: null },
    ]
    for (const args of wrong)
      expect(await codeOf(guard.use(container, () => 1, { args })), JSON.stringify(args)).toBe('request_mismatch')
    // An argument with the name of an inherited property is absent.
    expect(await codeOf(guard.use(container, () => 1, { args: { toString: 'x' } }))).toBe('request_mismatch')
    expect(kinds()).toEqual(Array(7).fill('denied'))
    const args = { to: 'bob', note: 'x', other: undefined }
    expect(await codeOf(guard.use(container, () => 1, { args }))).toBe('allowed')
  })
})

describe('owners at run time', () => {
  it('SVC-20 asks about the audience of genuine calls alone, before the subject, and accepts no answer but true', async () => {
    const asked: string[] = []
    let answer: unknown = true
    const { guard, kinds } = setUp({
      audience: async (did) => {
        asked.push(`audience ${did}`)
        return answer as boolean
      },
      subjects: (did) => {
        asked.push(`subject ${did}`)
        return true
      },
    })
    const container = await containerOf()
    for (answer of [false, undefined, 1, 'true', {}]) {
      const result = await guard.use(container, () => 1)
      expect(result.allowed ? '' : result.denial, String(answer)).toMatchObject({
        code: 'audience_mismatch',
        requirement: 'SVC-20',
        detail: { kind: 'principal', expected: [], found: service.did },
      })
    }
    expect(asked).toEqual(Array(5).fill(`audience ${service.did}`))
    answer = true
    const result = await guard.use(container, (given) => given.audience)
    expect(result).toMatchObject({ allowed: true, value: service.did })
    expect(asked.slice(5)).toEqual([`audience ${service.did}`, `subject ${alice.did}`])
    // A forged call, one that its chain does not permit, and one for another request.
    const forged = `${container.slice(0, 200)}${container[200] === 'A' ? 'B' : 'A'}${container.slice(201)}`
    await guard.use(forged, () => 1)
    await guard.use(encodeContainer([await call({ issuer: bob, subject: carol.did, proofs }), ...proofs]), () => 1)
    await guard.use(await containerOf(), () => 1, { command: read })
    // The last one is authenticated, if its subject is served.
    expect(asked.slice(7)).toEqual([`subject ${alice.did}`])
    expect(kinds().filter((kind) => kind === 'intent')).toHaveLength(1)
  })

  it('SVC-20 serves a tenant that is added while the guard runs, each call at its own address alone', async () => {
    const tenants = new Set<string>([service.did])
    const { guard } = setUp({ audience: (did) => tenants.has(did) })
    const tenant = await actor('tenant')
    const toTenant = async () =>
      encodeContainer([
        await call({ issuer: bob, proofs, audience: tenant.did, command: '/mail/send', args: { to: 'bob' } }),
        ...proofs,
      ])
    const early = await toTenant()
    expect(await codeOf(guard.use(early, () => 1))).toBe('audience_mismatch')
    tenants.add(tenant.did)
    for (const method of ['dryRun', 'authorize'] as const)
      expect(await codeOf(guard[method](method === 'dryRun' ? early : await toTenant())), method).toBe('allowed')
    expect(await codeOf(guard.use(early, () => 1))).toBe('allowed')
    expect(await codeOf(guard.use(early, () => 1))).toBe('replayed')
    tenants.delete(service.did)
    expect(await codeOf(guard.use(await containerOf(), () => 1))).toBe('audience_mismatch')
    // Without `aud`, the subject is the audience.
    const own = encodeContainer([
      await invoke({ issuer: bob, proofs, command: '/mail/send', args: { to: 'bob' }, clock }),
      ...proofs,
    ])
    expect(await codeOf(guard.use(own, () => 1))).toBe('audience_mismatch')
    tenants.add(alice.did)
    expect(await codeOf(guard.use(own, () => 1))).toBe('allowed')
  })

  it('SVC-20 refuses when the function fails or does not answer, and does not use the call up', async () => {
    const replay = memoryReplayStore({ clock })
    const container = await containerOf()
    const codes: string[] = []
    for (const audience of failures) {
      const subjects = () => Promise.reject(new Error('not asked'))
      const { guard, errors } = setUp({ audience, subjects, replay, deadlines: { decisionMs: 40 } })
      codes.push(await codeOf(guard.use(container, () => 1)))
      expect(errors.map(String)).toEqual(codes.length < 3 ? ['Error: no database'] : [])
    }
    expect(codes).toEqual(['audience_unknown', 'audience_unknown', 'deadline_exceeded'])
    expect(await codeOf(setUp({ replay }).guard.use(container, () => 1))).toBe('allowed')
  })

  it('SVC-20 counts a limit only for its own tenant, and not for a call to another address', async () => {
    const tenant = await actor('tenant')
    const limitStore = memoryLimitStore({ clock })
    const { guard } = setUp({ audience: (did) => did !== carol.did, limitStore })
    const limited = await delegate({
      issuer: alice,
      audience: bob.did,
      command: '/mail/send',
      policy: [maxUses(1, tenant.did)],
      clock,
    })
    const to = async (audience: string) =>
      encodeContainer([
        await call({ issuer: bob, proofs: [limited], audience, command: '/mail/send', args: { to: 'bob' } }),
        limited,
      ])
    expect(await codeOf(guard.use(await to(service.did), () => 1))).toBe('policy_unsatisfied')
    expect(await codeOf(guard.use(await to(carol.did), () => 1))).toBe('audience_mismatch')
    expect(await codeOf(guard.use(await to(tenant.did), () => 1))).toBe('allowed')
    expect(await codeOf(guard.use(await to(tenant.did), () => 1))).toBe('limit_exhausted')
  })

  it('SVC-20 counts a limit for the subject in a call without an audience, which is addressed to its subject', async () => {
    const { guard } = setUp({ audience: (did) => did === alice.did, limitStore: memoryLimitStore({ clock }) })
    const use = async (named: Did): Promise<string> => {
      const policy = [maxUses(1, named)]
      const limited = await delegate({ issuer: alice, audience: bob.did, command: '/mail/read', policy, clock })
      const codes: string[] = []
      for (let time = 0; time < 2; time++) {
        const nonce = globalThis.crypto.getRandomValues(new Uint8Array(12))
        const change = { sub: alice.did, cmd: '/mail/read', prf: [limited.cid], nonce }
        const payload = { ...invocationPayload(bob.did), ...change }
        const bytes = await sealRaw(bob, { tag: 'ucan/inv@1.0.0', payload })
        codes.push(await codeOf(guard.use(encodeContainer([{ bytes }, limited]), () => 1)))
      }
      return codes.join(', ')
    }
    expect(await use(alice.did)).toBe('allowed, limit_exhausted')
    expect(await use(service.did)).toBe('policy_unsatisfied, policy_unsatisfied')
  })

  it('SVC-20 is no option of an authorizer, and no other value stands for every audience', () => {
    const options = { subjects: [alice.did], commands: [read], ...memoryStores() }
    for (const audience of [() => true, undefined, [], never, anySubject, Symbol(), null, '*'])
      expect(() => createAuthorizer({ ...options, audience } as never), String(audience)).toThrow(ArgumentError)
    expect(() => setUp({ audience: [] })).toThrow(ArgumentError)
  })

  it('SVC-12 asks about the subject of genuine calls alone, and accepts no answer but true', async () => {
    const asked: string[] = []
    let answer: unknown = true
    const { guard, errors, kinds } = setUp({
      subjects: async (did) => {
        asked.push(did)
        return answer as boolean
      },
    })
    const container = await containerOf()
    for (answer of [false, undefined, 1, 'true', {}]) {
      expect(await codeOf(guard.use(container, () => 1)), String(answer)).toBe('subject_not_accepted')
    }
    // The reason of four of them is a mistake in the function.
    expect(errors.map(String)).toEqual(
      Array(4).fill('TypeError: `subjects` must return true or false; any other answer refuses the call'),
    )
    answer = true
    expect(await codeOf(guard.use(container, () => 1))).toBe('allowed')
    expect(asked).toEqual(Array(6).fill(alice.did))
    // A forged call, and one that its chain does not permit.
    const forged = `${container.slice(0, 200)}${container[200] === 'A' ? 'B' : 'A'}${container.slice(201)}`
    await guard.use(forged, () => 1)
    await guard.use(encodeContainer([await call({ issuer: bob, subject: carol.did, proofs }), ...proofs]), () => 1)
    expect(asked).toHaveLength(6)
    expect(kinds().filter((kind) => kind === 'intent')).toHaveLength(1)
  })

  it('SVC-12 refuses when the function fails or does not answer, and does not use the call up', async () => {
    const replay = memoryReplayStore({ clock })
    const container = await containerOf()
    const codes: string[] = []
    for (const subjects of failures) {
      const { guard, errors } = setUp({ subjects, replay, deadlines: { decisionMs: 40 } })
      codes.push(await codeOf(guard.use(container, () => 1)))
      expect(errors.map(String)).toEqual(codes.length < 3 ? ['Error: no database'] : [])
    }
    expect(codes).toEqual(['subject_unknown', 'subject_unknown', 'deadline_exceeded'])
    expect(await codeOf(setUp({ replay }).guard.use(container, () => 1))).toBe('allowed')
  })

  it('SVC-13 refuses a subject without a credential by its own code, and throws nothing [attack 75]', async () => {
    const names = new Map<string, unknown>()
    const asked: unknown[] = []
    const replay = memoryReplayStore({ clock })
    const { guard, kinds, errors } = setUp({
      replay,
      commands: [
        {
          ...send,
          credential: async (choice: unknown) => {
            asked.push(choice)
            const name = names.get(alice.did)
            if (name instanceof Error) throw name
            return name as string
          },
        },
      ],
    })
    const container = await containerOf({ to: carol.did })
    const use = () => guard.use(container, async ({ fetch }) => (await fetch(upstream.origin)).status)
    for (const [name, code] of [
      [undefined, 'credential_missing'],
      ['elsewhere', 'credential_missing'],
      [new Error('no database'), 'credential_unknown'],
      [7, 'credential_unknown'],
      ['', 'credential_unknown'],
    ] as const) {
      names.set(alice.did, name)
      expect(await codeOf(use()), String(name)).toBe(code)
    }
    expect(errors).toHaveLength(3)
    // The owner signs up. The same call is valid, and no argument selects the credential.
    names.set(alice.did, 'mail')
    expect(await use()).toMatchObject({ allowed: true, value: 200 })
    expect(kinds()).toEqual([...Array(5).fill('denied'), 'intent', 'released', 'outcome'])
    expect(new Set(asked.map((choice) => JSON.stringify(choice)))).toEqual(
      new Set([JSON.stringify({ command: '/mail/send', subject: alice.did })]),
    )
    const table = referenceTable([{ command: '/mail', subject: carol.did, reference: 'mail' }])
    const listed = setUp({ commands: [{ ...send, credential: table }] as GuardOptions['commands'] })
    expect(await codeOf(listed.guard.use(container, () => 1))).toBe('credential_missing')
  })
})

describe('several upstream requests', () => {
  it('SVC-14 sends as many as the command permits, each checked again and recorded', async () => {
    const commands = [{ ...send, credential: 'mail', requests: 3 }] as GuardOptions['commands']
    const { guard, kinds } = setUp({ commands })
    const before = upstream.requests.length
    const result = await guard.use(await containerOf(), async ({ fetch, lease }) => {
      const first = await Promise.all([fetch(upstream.origin), fetch(upstream.origin)])
      await (await lease()).revoke()
      const errors = await Promise.all([fetch(upstream.origin), lease()].map((one) => one.catch((error) => error)))
      return [...first.map(({ status }) => status), ...errors.map((error) => error instanceof AuthorizationError)]
    })
    expect(result).toMatchObject({ allowed: true, value: [200, 200, true, true] })
    expect(upstream.requests.length - before).toBe(2)
    expect(kinds()).toEqual(['intent', 'released', 'released', 'released', 'outcome'])
  })

  it('SVC-14 refuses a second request by default, and names the option', async () => {
    const { guard, kinds } = setUp({ commands: [{ ...send, credential: 'mail' }] as GuardOptions['commands'] })
    const before = upstream.requests.length
    const result = guard.use(await containerOf(), async ({ fetch }) => {
      await fetch(upstream.origin)
      await fetch(upstream.origin)
    })
    await expect(result).rejects.toThrow(
      new AuthorizationError(
        'the call has made 1 upstream request, the most that `requests` of `/mail/send` allows; set `requests` of the command to permit more',
      ),
    )
    expect(upstream.requests.length - before).toBe(1)
    expect(kinds()).toEqual(['intent', 'released', 'outcome'])
  })

  it('SVC-14 stops when the chain is revoked between two requests', async () => {
    const revocations = memoryRevocationStore({ clock })
    const commands = [{ ...send, credential: 'mail', requests: 3 }] as GuardOptions['commands']
    const { guard, kinds } = setUp({ commands, revocations })
    const before = upstream.requests.length
    const result = guard.use(await containerOf(), async ({ fetch }) => {
      await fetch(upstream.origin)
      await revocations.add({ ids: [String(proofs[0]?.cid)], expiration: Number.MAX_SAFE_INTEGER })
      await fetch(upstream.origin)
    })
    await expect(result).rejects.toMatchObject({ code: 'ERR_VAULT_REVOKED' })
    expect(upstream.requests.length - before).toBe(1)
    expect(kinds()).toEqual(['intent', 'released', 'outcome'])
  })
})

describe('health of a guard', () => {
  it('reports whether it accepts calls, and how many are in progress', async () => {
    const { guard } = setUp({ maxInFlight: 7 })
    expect(guard.health()).toEqual({ status: 'open', calls: 0, maxCalls: 7 })
    let finish: (() => void) | undefined
    const ended = new Promise<void>((resolve) => {
      finish = resolve
    })
    const work = guard.use(await containerOf(), () => ended)
    await expect.poll(() => guard.health().calls).toBe(1)
    const closing = guard.close()
    expect(guard.health()).toMatchObject({ status: 'closing', calls: 1 })
    finish?.()
    await Promise.all([work, closing])
    expect(guard.health()).toMatchObject({ status: 'closed', calls: 0 })
  })
})

describe('a ledger', () => {
  const steps: string[] = []
  const ledger = {
    used: async () => void steps.push('used'),
  }

  it('GRD-20 has the chain of an allowed call before its handler runs, of `authorize` too, and of no other', async () => {
    steps.length = 0
    const { guard, kinds } = setUp({ ledger })
    await guard.use(await containerOf(), async ({ fetch }) => {
      steps.push('handler')
      return (await fetch(upstream.origin)).text()
    })
    expect(steps).toEqual(['used', 'handler'])
    expect(kinds()).toEqual(['intent', 'released', 'outcome'])
    expect(await codeOf(guard.authorize(await containerOf()))).toBe('allowed')
    expect(steps).toHaveLength(3)
    await guard.dryRun(await containerOf())
    await guard.use(await containerOf({ other: 'x' }), () => 1)
    await guard.authorize(await containerOf({ other: 'x' }))
    expect(steps).toHaveLength(3)
  })

  it('CTN-12 GRD-20 receives the chain that was decided about, though the caller uses its memory for others meanwhile', async () => {
    const received: unknown[] = []
    const used = async (chain: readonly { readonly cid: unknown }[]) =>
      void received.push(chain.map(({ cid }) => `${cid}`))
    const { guard } = setUp({ ledger: { used } })
    const chains = [proofs, await chainOf(carol, bob)] as const
    const bytesOf = async (chain: typeof proofs = proofs) =>
      encodeContainerBytes([await call({ issuer: bob, proofs: chain, args: { to: 'bob' } }), ...chain])
    const sent = [await bytesOf(), await bytesOf(chains[1])] as const
    const ways = [(bytes: Uint8Array) => guard.use(bytes, () => 1), (bytes: Uint8Array) => guard.authorize(bytes)]
    for (const [at, way] of ways.entries()) {
      const memory = new Uint8Array(sent[at] as Uint8Array)
      const result = way(memory)
      memory.set(sent[1 - at] as Uint8Array)
      expect(await codeOf(result)).toBe('allowed')
    }
    expect(received).toEqual(chains.map((chain) => chain.map(({ cid }) => `${cid}`)))
    const { buffer } = structuredClone(sent[0])
    const gone = new Uint8Array(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    expect(await codeOf(guard.use(gone, () => 1))).toBe('unsupported')
    const odd = [new Proxy(await bytesOf(), {}), Object.create(Uint8Array.prototype) as Uint8Array]
    for (const bytes of odd) expect(await codeOf(guard.use(bytes, () => 1))).toBe('internal_error')
  })

  it('GRD-20 that confirms after the call has ended starts no handler', async () => {
    let confirm = (): void => undefined
    const used = (): Promise<void> => new Promise((resolve) => (confirm = resolve))
    const slow = setUp({ ledger: { used }, deadlines: { handlerMs: 40 } })
    let ran = 0
    await expect(slow.guard.use(await containerOf(), () => ran++)).rejects.toThrow(/timed out after 40 ms/)
    expect(slow.kinds()).toEqual(['intent', 'outcome'])
    confirm()
    await setImmediate()
    expect(ran).toBe(0)
  })

  it('GRD-20 that fails ends the call with its error, before the handler and before a release', async () => {
    const { guard, kinds } = setUp({ ledger: { used: () => Promise.reject(new Error('the ledger is full')) } })
    let ran = 0
    await expect(guard.use(await containerOf(), () => ran++)).rejects.toThrow('the ledger is full')
    await expect(guard.authorize(await containerOf())).rejects.toThrow('the ledger is full')
    expect({ ran, kinds: kinds() }).toEqual({ ran: 0, kinds: ['intent', 'outcome'] })
    expect(() => setUp({ ledger: {} as never })).toThrow(/`ledger`/)
    const hanging = setUp({ ledger: { used: () => new Promise(() => undefined) }, deadlines: { decisionMs: 40 } })
    await expect(hanging.guard.authorize(await containerOf())).rejects.toThrow(/timed out|40 ms/)
  })
})
