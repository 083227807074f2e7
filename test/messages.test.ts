import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../src/audit/sinks/memory-audit-sink.ts'
import type { AuthorizeOptions } from '../src/core/authorization/options.ts'
import { text } from '../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../src/core/capability/definition.ts'
import { encodeContainer, type TokenLike } from '../src/core/container/container.ts'
import { attenuate } from '../src/core/delegation/attenuate.ts'
import { delegate } from '../src/core/delegation/delegate.ts'
import { invoke } from '../src/core/invocation/invoke.ts'
import { memoryRevocationStore } from '../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../src/guard/guard.ts'
import type { GuardOptions } from '../src/guard/options.ts'
import { bearer } from '../src/vault/processors/bearer.ts'
import { memoryVault } from '../src/vault/stores/memory/memory-vault.ts'
import { actor, clock, now } from './support/actors.ts'
import { call, createService, delegateRaw, service, serviceOptions } from './support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const carol = await actor('carol')
const root = await delegateRaw(alice, bob)

/** With names for DIDs and CIDs, which the reader of a message can look up. */
function readable(message: string): string {
  const names = Object.entries({ ALICE: alice, BOB: bob, CAROL: carol, SERVICE: service })
  return names.reduce((text, [name, { did }]) => text.replaceAll(did, name), message).replace(/bafyrei\w{52}/g, 'CID')
}

async function denialOf(
  tokens: readonly TokenLike[] | string,
  change: Partial<AuthorizeOptions> = {},
  times = 1,
): Promise<string> {
  const authorizer = createService(change)
  const container = typeof tokens === 'string' ? tokens : encodeContainer(tokens)
  for (let time = 1; time < times; time++) await authorizer.authorize(container)
  const decision = await authorizer.authorize(container)
  return decision.allowed ? 'allowed' : readable(decision.denial.message)
}

/** A call by bob through a delegation by alice with some change. */
async function denialThrough(change: Parameters<typeof delegateRaw>[2], args = {}): Promise<string> {
  const proof = await delegateRaw(alice, bob, change)
  return denialOf([await call({ issuer: bob, proofs: [proof], args }), proof])
}

async function errorOf(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    return readable(String((error as Error).message))
  }
  return 'no error'
}

describe('a message names the fault and the remedy', () => {
  const send = defineCommand({ command: '/mail/send', args: { to: text() } })

  it('for a value of another kind, which an environment or another option has', async () => {
    const wrong = { audience: bob.did, command: send }
    expect(await errorOf(() => delegate({ ...wrong, issuer: alice.did as never }))).toBe(
      'delegate: `issuer` must be an object with a method `sign` (got a DID; pass the signer with its key)',
    )
    expect(await errorOf(() => delegate({ ...wrong, issuer: 'alice' as never }))).toBe(
      'delegate: `issuer` must be an object with a method `sign` (got a string)',
    )
    expect(await errorOf(() => createService({ maxInvocationLifetime: '300' as never }))).toMatch(
      /`maxInvocationLifetime` must be an integer >= \d.* \(got a string\)$/,
    )
    expect(await errorOf(() => createService({ subjects: [''] }))).toBe(
      '`subjects[0]` must be a DID, such as did:web:example.com',
    )
  })

  it('for an invocation that is addressed to another service', async () => {
    const invocation = await call({ issuer: bob, proofs: [root], audience: carol.did })
    expect(await denialOf([invocation, root])).toBe(
      'the invocation is addressed to CAROL, but this service is SERVICE; sign a new invocation with this service as its audience',
    )
  })

  it('for tokens that are expired', async () => {
    expect(await denialThrough({ expiration: now - 3_600 })).toBe(
      'delegation 1 of 1 expired at 2027-01-15T07:00:00Z (1799996400); it is now 2027-01-15T08:00:00Z (1800000000); ask its issuer for a new delegation',
    )
    const invocation = await call({ issuer: bob, proofs: [root], expiration: now - 61 })
    expect(await denialOf([invocation, root])).toBe(
      'the invocation expired at 2027-01-15T07:58:59Z (1799999939); it is now 2027-01-15T08:00:00Z (1800000000); sign a new invocation, or check the clocks',
    )
  })

  it('for a delegation that is not valid yet', async () => {
    expect(await denialThrough({ notBefore: now + 1_800, expiration: now + 3_600 })).toBe(
      'delegation 1 of 1 is not valid before 2027-01-15T08:30:00Z (1800001800); it is now 2027-01-15T08:00:00Z (1800000000); try again after that, with a new invocation',
    )
  })

  it('for a subject that the service does not act for', async () => {
    const sentence = 'this service does not act for ALICE; use proofs that begin with an owner that it acts for'
    expect(await denialOf([await call({ issuer: bob, proofs: [root] }), root], { subjects: [carol.did] })).toBe(
      sentence,
    )
  })

  it('for a delegation or a principal that is revoked', async () => {
    const revocations = memoryRevocationStore({ clock })
    const invocation = await call({ issuer: bob, proofs: [root] })
    await revocations.add({ ids: [String(root.cid)], expiration: root.expiration })
    expect(await denialOf([invocation, root], { revocations })).toBe(
      'delegation 1 of 1 (CID) is revoked; ask its issuer for a new delegation',
    )
    const principals = memoryRevocationStore({ clock })
    await principals.add({ ids: [alice.did], expiration: root.expiration })
    expect(await denialOf([invocation, root], { revocations: principals })).toBe(
      'ALICE, the issuer of delegation 1 of 1, is revoked; use proofs that this principal did not issue',
    )
    const callers = memoryRevocationStore({ clock })
    await callers.add({ ids: [bob.did], expiration: root.expiration })
    expect(await denialOf([invocation, root], { revocations: callers })).toBe(
      'BOB, the issuer of the invocation, is revoked; this key can make no further call here: ask the operator of the service',
    )
  })

  it('for a call that is made twice', async () => {
    expect(await denialOf([await call({ issuer: bob, proofs: [root] }), root], {}, 2)).toBe(
      'this invocation was already used; sign a new invocation for each call',
    )
  })

  it('for a policy about a number', async () => {
    expect(await denialThrough({ policy: [['<=', '.count', 10]] }, { count: 50 })).toBe(
      'delegation 1 of 1: policy statement 1: `.count` must be a number <= 10, found 50',
    )
  })

  it('for a policy about a pattern', async () => {
    expect(await denialThrough({ policy: [['like', '.to', '*@example.com']] }, { to: 'eve@evil.test' })).toBe(
      'delegation 1 of 1: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 13 characters',
    )
  })

  it('for a policy about a value that the call does not have', async () => {
    const policy = [['==', '.meta.project.id', 'p1']]
    expect(await denialThrough({ policy }, { meta: {} })).toBe(
      'delegation 1 of 1: policy statement 1: `.meta.project.id` must be equal to `"p1"`, but the call has no `.meta.project.id`',
    )
    const nested = [['all', '.files', ['==', '.owner', 'p1']]]
    expect(await denialThrough({ policy: nested }, { files: [{ owner: 'p1' }, {}] })).toBe(
      'delegation 1 of 1: policy statement 1.2 (inside statement 1): `.owner` must be equal to `"p1"`, but the value that it is checked on has no `.owner`',
    )
  })

  it('for an argument that is not declared', async () => {
    const invocation = await call({ issuer: bob, proofs: [root], args: { to: 'a', cc: 'b' } })
    expect(await denialOf([invocation, root], { commands: [send] })).toBe(
      'the invocation of `/mail/send`: argument `cc` is not declared by this command; sign a new invocation without it',
    )
  })

  it('for an argument that is missing', async () => {
    const invocation = await call({ issuer: bob, proofs: [root] })
    expect(await denialOf([invocation, root], { commands: [send] })).toBe(
      'the invocation of `/mail/send`: argument `to` is missing; sign a new invocation with it',
    )
  })

  it('for a command that the service does not have', async () => {
    const invocation = await call({ issuer: bob, proofs: [root], command: '/mail/delete' })
    expect(await denialOf([invocation, root], { commands: [send] })).toBe(
      'this service has no command `/mail/delete`; check the spelling, and that this is the right service',
    )
  })

  it('for proofs in the wrong order', async () => {
    const last = await delegateRaw(bob, carol, { subject: alice.did })
    const invocation = await call({ issuer: carol, proofs: [last, root] })
    expect(await denialOf([invocation, root, last])).toBe(
      'delegation 1 of 2 is issued by BOB, not by the subject ALICE; list the proofs root first, beginning with a delegation by the subject',
    )
    expect(await denialOf([await call({ issuer: bob, subject: alice.did })])).toBe(
      'the invocation is issued by BOB, not by the subject ALICE; get a delegation that leads from the subject to the issuer, and list its chain in `proofs`, root first',
    )
  })

  it('for a proof that was not sent', async () => {
    const last = await delegateRaw(bob, carol, { subject: alice.did })
    const invocation = await call({ issuer: carol, proofs: [root, last] })
    expect(await denialOf([invocation, last])).toBe(
      'delegation 1 of 2 is missing from the container (missing: 1 of 2); send all proofs with the call: `encodeContainer([call, ...proofs])`',
    )
  })

  it('for a stranger who uses a delegation', async () => {
    expect(await denialOf([await call({ issuer: carol, proofs: [root] }), root])).toBe(
      'the invocation is issued by CAROL, but delegation 1 of 1 is for BOB; sign with the key of that audience, or use proofs that end with a delegation to the issuer',
    )
  })

  it('for a delegation that would be wider than its proof', async () => {
    const proof = await delegateRaw(alice, bob, { command: '/mail/send', policy: [['<=', '.count', 10]] })
    const pass = (change: object) =>
      errorOf(() => attenuate(proof, { issuer: bob, audience: carol.did, clock, ...change }))
    expect(await pass({ command: '/mail' })).toBe(
      'the proof gives `/mail/send`, which does not cover `/mail`; choose a command that it covers',
    )
    expect(await pass({ policy: [['<=', '.count', 100]] })).toBe(
      'the policy allows that `.count` is a number <= 100, but the proof only allows that `.count` is a number <= 10; for example, it allows the arguments `{"count": 100}` (proof 1 of 1)',
    )
    // A statement of which only the analysis proves that it is wider.
    expect(await pass({ policy: [['not', ['>', '.count', 11]]] })).toMatch(
      /; for example, it allows the arguments `\{"count": .+\}` \(proof 1 of 1\)$/,
    )
    expect(await pass({ expiresIn: 7_200 })).toBe(
      'the delegation would outlive its proofs, which expire at 2027-01-15T08:10:00Z (1800000600); use newer proofs, or a shorter lifetime',
    )
  })

  it('for a container that is empty, missing or something else', async () => {
    expect(await denialOf('')).toBe('the container is empty; send the string that `encodeContainer` returns')
    expect(await denialOf('eyJhbGciOiJFZERTQSJ9')).toBe(
      'the input is not a container of a known form; send the string that `encodeContainer` returns',
    )
    const decision = await createService().authorize(undefined as never)
    expect(decision).toMatchObject({
      denial: {
        message:
          'the container is missing: it must be a string or a Uint8Array; send the string that `encodeContainer` returns',
      },
    })
  })
})

describe('a message about a mistake in a program names the remedy', () => {
  const send = defineCommand({ command: '/mail/send', args: { to: text() } })
  const credential = { secret: 'sk', origins: ['https://api.example.com'], processor: bearer() }
  const vaultWith = (change: object) => errorOf(() => memoryVault({ mail: { ...credential, ...change } as never }))

  it('for a store that is left out', async () => {
    expect(await errorOf(() => createService({ replay: undefined as never }))).toMatch(
      /`replay` must be an object with a method `claim`, such as the one in `\.\.\.memoryStores\(\)` \(`procura\/store\/memory`\)$/,
    )
  })

  it('for a function that was not called', async () => {
    expect(await vaultWith({ processor: bearer })).toMatch(
      /`processor` must be an object with a method `apply` \(got a function; call it and pass the result, or pass an object: `\{ apply: … \}`\)$/,
    )
  })

  it('for a secret in a variable that is not set', async () => {
    expect(await vaultWith({ secret: undefined })).toMatch(
      /got undefined; a variable of the environment may not be set/,
    )
  })

  it('for one origin in the place of a list', async () => {
    expect(await vaultWith({ origins: 'https://api.example.com' })).toMatch(
      /`origins` must be an array, such as `\['https:\/\/api\.example\.com'\]`$/,
    )
  })

  it('for an argument under another name, without its value', async () => {
    const options = { issuer: bob, command: send, args: { recipient: 'ann@example.com' } } as never
    expect(await errorOf(() => invoke(options))).toBe(
      'command `/mail/send` needs the argument `to` (got `recipient`, which it does not have); add it to `args`',
    )
  })
})

describe('a message of a guard names the fault and the remedy', () => {
  const send = { ...defineCommand({ command: '/mail/send', args: {} }), credential: 'mail' }

  function guardOf(change: Partial<GuardOptions> = {}) {
    const origins = ['https://api.example']
    const vault = memoryVault({ mail: { secret: 's3cret', origins, processor: bearer() } }, { clock })
    const audit = { sink: memoryAuditSink() }
    return createGuard({ ...serviceOptions(), commands: [send], vault, audit, ...change } as GuardOptions)
  }
  const use = async (guard: ReturnType<typeof guardOf>) => {
    const container = encodeContainer([await call({ issuer: bob, proofs: [root] }), root])
    return guard.use(container, ({ fetch }) => fetch('https://evil.test/'))
  }

  it('for a credential that is sent to another origin', async () => {
    expect(await errorOf(() => use(guardOf()))).toBe(
      'the credential may not be sent to `https://evil.test`, only to `https://api.example`; correct the URL, or add the origin to the `origins` of the credential',
    )
  })

  it('for a credential that the vault does not have', async () => {
    const commands = [{ ...send, credential: 'crm' }]
    expect(await errorOf(() => guardOf({ commands } as never))).toBe(
      'the `credential` of `/mail/send` does not name a credential of the vault: it has `mail`; use one of its names, or add the credential to the vault',
    )
  })

  it('for a log that cannot be written', async () => {
    const sink = { ...memoryAuditSink(), append: () => Promise.reject(new Error('the disk is full')) }
    const result = await use(guardOf({ audit: { sink } }))
    expect(result.allowed || result.denial.message).toBe(
      'the call could not be recorded, so nothing was done; try again later, with a newly signed call (for the operator: `onError` of the guard receives the error of the audit sink)',
    )
  })

  it('for a service that is shutting down', async () => {
    const guard = guardOf()
    await guard.close()
    const result = await use(guard)
    expect(result.allowed || result.denial.message).toBe(
      'the service is shutting down; try again later, with a newly signed call',
    )
  })
})
