import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { signCheckpoint } from '../../src/audit/verify/checkpoint.ts'
import { authorizeMany } from '../../src/core/authorization/authorize-many.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { verifyRevocation } from '../../src/core/authorization/verify-revocation.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { decodeInvocation } from '../../src/core/invocation/decode-invocation.ts'
import { findProofs } from '../../src/core/proof/find-proofs.ts'
import { memoryProofStore } from '../../src/core/proof/memory-proof-store.ts'
import { issueReceipt } from '../../src/core/receipt/issue-receipt.ts'
import { verifyReceipt } from '../../src/core/receipt/verify-receipt.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import {
  attenuate,
  createAuthorizer,
  delegate,
  encodeContainer,
  type Invocation,
  invoke,
  type Signer,
} from '../../src/entries/index.ts'
import * as ucanto from '../../src/entries/ucanto.ts'
import { ArgumentError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { createCallSender } from '../../src/http/call-sender.ts'
import {
  anything,
  arrayOf,
  maybe,
  numberFrom,
  type OptionChecks,
  readOptions,
  readTable,
  withMethod,
} from '../../src/support/options.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { guardOptions } from '../guard/wrong-options.ts'
import { actor, clock } from './actors.ts'
import { errorOf } from './error-of.ts'
import { serviceOptions } from './service.ts'

interface Options {
  readonly policy?: unknown
  readonly maxLength?: number
  readonly clock?: { now(): number }
}

const forms: OptionChecks<Options> = {
  policy: anything,
  maxLength: maybe(numberFrom(0)),
  clock: maybe(withMethod('now')),
}
const read = (options: unknown): Options => readOptions('f', options as Options, forms)
const messageOf = (task: () => unknown): string => {
  try {
    task()
  } catch (error) {
    if (error instanceof ArgumentError) return error.message
    throw error
  }
  return ''
}

describe('the names of options', () => {
  it('are listed, with the nearest one, when a name is unknown', () => {
    expect(messageOf(() => read({ polciy: [] }))).toBe(
      'f has no option `polciy`; did you mean `policy`? it has `policy`, `maxLength`, `clock`',
    )
    for (const [unknown, near] of [
      ['policies', 'policy'],
      ['Policy', 'policy'],
      ['max', 'maxLength'],
      ['maxlength', 'maxLength'],
      ['maximumLength', 'maxLength'],
      ['clocks', 'clock'],
    ]) {
      expect
        .soft(messageOf(() => read({ [unknown as string]: 1 })))
        .toContain(`\`${unknown}\`; did you mean \`${near}\`?`)
    }
    expect(messageOf(() => read({ caveats: 1 }))).toBe(
      'f has no option `caveats`; it has `policy`, `maxLength`, `clock`',
    )
    expect(messageOf(() => readOptions('g', { a: 1 }, {} as never))).toBe('g has no option `a`; it has no options')
  })

  it('are refused also when their value is undefined, and when they are very long', () => {
    expect(messageOf(() => read({ polciy: undefined }))).toContain('`polciy`')
    expect(messageOf(() => read({ ['x'.repeat(1 << 20)]: 1 })).length).toBeLessThan(200)
    expect(messageOf(() => read({ '`\n': 1 }))).toContain('`\\u0060\\u000a`')
  })

  it('are looked at in objects without prototype, in instances of classes, and where they are inherited', () => {
    const bare = Object.assign(Object.create(null), { maxLength: 1 })
    expect(read(bare)).toEqual({ maxLength: 1 })
    expect(messageOf(() => read(Object.assign(Object.create(null), { maxLenght: 1 })))).toContain('`maxLenght`')
    class Made {
      readonly maxLength = 1
      readonly #now = 5
      get clock() {
        return { now: () => this.#now }
      }
    }
    expect(read(new Made())).toEqual({ maxLength: 1, clock: { now: expect.any(Function) } })
    class Wrong extends Made {
      readonly polciy = []
    }
    expect(messageOf(() => read(new Wrong()))).toContain('`polciy`')
    expect(messageOf(() => read(Object.create({ polciy: [] })))).toContain('`polciy`')
    expect(read(Object.create({ maxLength: 1 }))).toEqual({ maxLength: 1 })
    // A getter of a class and a hidden name are read like others, and so they are looked at.
    class Getter {
      get polciy() {
        return []
      }
    }
    expect(messageOf(() => read(new Getter()))).toContain('`polciy`')
    expect(messageOf(() => read(new (class extends Getter {})()))).toContain('`polciy`')
    expect(messageOf(() => read(Object.defineProperty({}, 'polciy', { value: [] })))).toContain('`polciy`')
    expect(read(Object.defineProperty({}, 'maxLength', { value: 1 }))).toEqual({ maxLength: 1 })
    class Method extends Made {
      describe() {
        return 'a method is not an option'
      }
    }
    expect(read(new Method())).toEqual({ maxLength: 1, clock: { now: expect.any(Function) } })
    expect(read(runInNewContext('({ maxLength: 1 })'))).toEqual({ maxLength: 1 })
    // A property of every object is not an option.
    expect(messageOf(() => read({ toString: 1 }))).toContain('`toString`')
    expect(messageOf(() => read(JSON.parse('{ "__proto__": 1 }')))).toContain('`__proto__`')
  })
})

describe('the values of options', () => {
  it('are read once, so that the checked values are the used ones', () => {
    let reads = 0
    const options = {
      get maxLength() {
        reads += 1
        return reads
      },
    }
    expect(read(options)).toEqual({ maxLength: 1 })
    expect(reads).toBe(1)
  })

  it('are reported as a promise if they must be awaited first', () => {
    const later = Promise.resolve() as never
    expect(messageOf(() => read({ clock: later }))).toBe('f: `clock` is a promise; await it')
    expect(messageOf(() => read(later))).toBe('the options argument of f is a promise; await it')
    expect(arrayOf(anything)([later])).toBe('has an invalid item: [0] is a promise; await it')
    expect(messageOf(() => readTable('f', { a: later }, withMethod('now')))).toBe('f: `a` is a promise; await it')
  })
})

describe('a misspelled option', () => {
  it('signs nothing and decides nothing', async () => {
    const alice = await actor('alice')
    const bob = await actor('bob')
    const options = { issuer: alice, audience: bob.did, command: '/mail', clock }
    for (const wrong of [{ polciy: [] }, { policies: [] }, { expiresin: 5 }]) {
      await expect(delegate({ ...options, ...wrong })).rejects.toThrow(/^delegate has no option/)
    }
    const grant = await delegate(options)
    const next = { issuer: bob, audience: alice.did, clock }
    await expect(attenuate(grant, { ...next, ...{ commands: '/mail/read' } })).rejects.toThrow(
      'attenuate has no option `commands`; did you mean `command`?',
    )
    await expect(
      invoke({ issuer: bob, command: '/mail', proofs: [grant], clock, ...{ argumnets: {} } }),
    ).rejects.toThrow('invoke has no option `argumnets`')
    expect(() => createAuthorizer({ ...serviceOptions(), ...{ maxInvocationLifeTime: 5 } })).toThrow(
      'createAuthorizer has no option `maxInvocationLifeTime`; did you mean `maxInvocationLifetime`?',
    )
  })
})

describe('a promise in the place of a value', () => {
  const later = Promise.resolve() as never
  const told = 'is a promise; await it'

  it('is reported by every function that takes a token, a container or a signer', async () => {
    const alice = await actor('alice')
    const bob = await actor('bob')
    const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail', clock })
    const options = { audience: bob.did, command: '/mail', clock }
    const authorizer = createAuthorizer(serviceOptions())
    const guard = createGuard(guardOptions())
    const sender = createCallSender()
    const call = await invoke({ issuer: alice, command: '/mail', clock })
    const token = await ucanto.delegate({ issuer: alice, audience: bob.did, command: '/mail/send' })
    const calls: Readonly<Record<string, () => unknown>> = {
      issuer: () => delegate({ ...options, issuer: later }),
      audience: () => delegate({ ...options, issuer: alice, audience: later }),
      'proofs of a delegation': () => attenuate(later, { issuer: bob, audience: alice.did }),
      'proofs[1]': () => attenuate([grant, later], { issuer: bob, audience: alice.did }),
      proofs: () => invoke({ issuer: bob, command: '/mail', proofs: later }),
      delegation: () => revoke({ issuer: alice, delegation: later }),
      executor: () => issueReceipt({ executor: later, task: call.task, outcome: { ok: 1 } }),
      tokens: () => encodeContainer(later),
      'tokens[1]': () => encodeContainer([call, later]),
      'container of authorize': () => authorizer.authorize(later),
      'container of authorizeSync': () => authorizer.authorizeSync(later),
      'containers[0] of authorizeMany': () => authorizeMany(authorizer, [later]),
      'container of a guard': () => guard.use(later, () => 1),
      'container of a trial': () => guard.dryRun(later),
      'container of a revocation': () => verifyRevocation(later),
      'container to open': () => openContainer(later),
      'bytes of a delegation': () => decodeDelegation(later),
      'bytes of an invocation': () => decodeInvocation(later),
      'bytes of a receipt': () => verifyReceipt(later, { executor: alice.did, task: call.task }),
      invocation: () => sender.send('https://example.com', later, []),
      'proofs of a sender': () => sender.send('https://example.com', call, later),
      'issuer of 0.9.1': () => ucanto.delegate({ issuer: later, audience: bob.did, command: '/mail/send' }),
      'proof of 0.9.1': () => ucanto.attenuate(later, { issuer: bob, audience: alice.did }),
      'container of 0.9.1': () =>
        ucanto.verifyRevocation(later, { audience: bob.did, revocations: memoryRevocationStore(), find: () => token }),
      sink: () => createGuard({ ...guardOptions(), audit: { sink: later } }),
      vault: () => createGuard({ ...guardOptions(), vault: later }),
      signer: () => signCheckpoint({ signer: later, log: 'a', position: { sequence: 0, hash: '' }, time: 1 }),
    }
    for (const [name, attempt] of Object.entries(calls)) {
      const error = await errorOf(attempt)
      expect.soft(error, name).toBeInstanceOf(ArgumentError)
      expect.soft((error as Error).message, name).toContain(told)
      expect.soft((error as Error).message, name).toContain(`${name.split(' ')[0]}\``)
    }
    const lists = [
      () => invoke({ issuer: bob, command: '/mail', proofs: [later] }),
      () => sender.send('https://example.com', call, [later]),
      () => ucanto.invoke({ issuer: bob, command: '/mail/send', audience: alice.did, proofs: [later] }),
    ]
    for (const attempt of lists)
      expect(String(await errorOf(attempt))).toContain('`proofs` has an invalid item: [0] is a promise; await it')
  })
})

describe('a signer in the place of a DID', () => {
  it('is recognized, and the error names the value to pass', async () => {
    const alice = await actor('alice')
    const signer = alice as never
    const calls: Readonly<Record<string, () => unknown>> = {
      audience: () => delegate({ issuer: alice, audience: signer, command: '/mail' }),
      subject: () => invoke({ issuer: alice, subject: signer, command: '/mail' }),
      subjects: () => createAuthorizer(serviceOptions({ subjects: [signer] })),
      invoker: () => findProofs(memoryProofStore(), { invoker: signer, subject: alice.did, command: '/mail' }),
      executor: async () => verifyReceipt(new Uint8Array(1), { executor: signer, task: (await callOf(alice)).task }),
      'audience of 0.9.1': () => ucanto.delegate({ issuer: alice, audience: signer, command: '/mail/send' }),
      attestationAuthorities: () => ucanto.ucantoFormat({ attestationAuthorities: [signer] }),
      'subjects of a credential': () => memoryVault({ a: { secret: 'b', subjects: [signer] } }),
      'subject of a row': () => referenceTable([{ command: '/a', subject: signer, reference: 'a' }]),
    }
    for (const [name, attempt] of Object.entries(calls)) {
      const { message } = (await errorOf(attempt)) as Error
      expect.soft(message, name).toContain('must be a DID; pass `signer.did`')
      expect.soft(message, name).toMatch(new RegExp(`\`${name.split(' ')[0]}(?:\\[0\\])?\``))
    }
  })
})

function callOf(issuer: Signer): Promise<Invocation> {
  return invoke({ issuer, command: '/mail', clock })
}
