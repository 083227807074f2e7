import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openContainer } from '../../../src/core/authorization/open-container.ts'
import { integer, optional, text } from '../../../src/core/capability/argument-types/basic.ts'
import { email } from '../../../src/core/capability/argument-types/email.ts'
import { listOf } from '../../../src/core/capability/argument-types/list-of.ts'
import { anyCommand } from '../../../src/core/capability/command.ts'
import { type CommandDefinition, defineCommand } from '../../../src/core/capability/definition.ts'
import { and, eq, every, like, ne, not, or, some } from '../../../src/core/capability/policy/build.ts'
import type { Policy, Statement } from '../../../src/core/capability/policy/statement.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { attenuate } from '../../../src/core/delegation/attenuate.ts'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import type { Did } from '../../../src/core/did/did.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { issueReceipt } from '../../../src/core/receipt/issue-receipt.ts'
import { revoke } from '../../../src/core/revocation/revoke.ts'
import { ArgumentError, MalformedError, SigningError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { call, decide } from '../../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const options = { issuer: alice, audience: bob.did, command: '/mail', clock }

describe('delegate', () => {
  it('signs its options, and decoding returns them', async () => {
    const meta = { note: 'for the release', n: 1 }
    const made = await delegate({ ...options, expiration: never, notBefore: now, meta, nonce: new Uint8Array(12) })
    expect(made).toMatchObject({
      issuer: alice.did,
      audience: bob.did,
      subject: alice.did,
      command: '/mail',
      expiration: never,
      notBefore: now,
      version: '1.0.0',
    })
    expect(await decodeDelegation(made.bytes)).toEqual(made)
  })

  it('names the fault of an invalid DID, invalid bytes, or a time in milliseconds', async () => {
    for (const [audience, fault] of [
      [undefined, 'is undefined'],
      [null, 'is null'],
      [{}, 'must be a DID as a string'],
    ])
      await expect(delegate({ ...options, audience: audience as never })).rejects.toThrow(`\`audience\` ${fault}`)
    await expect(delegate({ ...options, audience: bob as never })).rejects.toThrow('pass `signer.did`')
    await expect(delegate({ ...options, expiresIn: now * 1_000 })).rejects.toThrow('looks like milliseconds')
    for (const bytes of ['Cabc', 5, undefined]) {
      await expect(decodeDelegation(bytes as never)).rejects.toThrow(ArgumentError)
    }
  })

  it('lasts one hour by default, and differs each time', async () => {
    const [first, second] = [await delegate(options), await delegate(options)]
    expect(first.expiration).toBe(now + 3_600)
    expect(first.cid.equals(second.cid)).toBe(false)
  })

  it('requires a name for each wide choice [attack 88]', async () => {
    expect(await delegate({ ...options, command: anyCommand, subject: anySubject })).toMatchObject({
      command: '/',
      subject: anySubject,
    })
    await expect(delegate({ ...options, subject: null as never })).rejects.toThrow(ArgumentError)
    await expect(delegate({ ...options, command: '' })).rejects.toThrow(/command/)
    await expect(delegate({ ...options, subject: bob.did })).rejects.toThrow(/attenuate/)
  })

  it('POL-32 refuses a policy about an argument that the definition does not have', async () => {
    const command = defineCommand({ command: '/mail/send', args: { to: listOf(email()), subject: text() } })
    const grant = await delegate({ ...options, audience: bob.did })
    const signers: ((policy: Policy, command: string | CommandDefinition) => Promise<unknown>)[] = [
      (policy, command) => delegate({ ...options, command, policy }),
      (policy, command) => attenuate(grant, { issuer: bob, audience: alice.did, command, policy, clock }),
    ]
    const foreign: Statement[] = [
      like('.recipient', '*@example.com'),
      eq('.recipient?', null),
      eq('.["toString"]', 1),
      eq('.__proto__', 1),
      and(like('.subject', 'x*'), or(eq('.subject', 'x'), not(eq('.recipient', 'y')))),
      every('.recipients', eq('.', 'x')),
      some('.recipients[0].list', eq('.to', 'x')),
    ]
    const fine = [
      every('.to', like('.', '*@example.com')),
      every('.to', eq('.domain', 'x')),
      ne('.', { a: 1 }),
      eq('.[]', []),
    ]
    for (const sign of signers) {
      for (const statement of foreign) {
        const refused = expect(sign([statement], command), JSON.stringify(statement)).rejects
        await refused.toThrow(/^command `\/mail\/send` has no argument `.+`; it has `to`, `subject`$/)
        await expect(sign([statement], command)).rejects.toThrow(ArgumentError)
        await sign([statement], command.command)
      }
      await sign(fine, command)
      await expect(sign(fine, defineCommand({ command: '/mail/send', args: {} }))).rejects.toThrow(
        'it has no arguments',
      )
    }
  })

  it('takes a definition for a command', async () => {
    const send = defineCommand({ command: '/mail/send', args: {} })
    expect(await delegate({ ...options, command: send })).toMatchObject({ command: '/mail/send' })
  })

  it('signs with each algorithm, as a service verifies it', async () => {
    for (const algorithm of ['Ed25519', 'ES256', 'ES256K'] as const) {
      const [owner, agent] = [await actor('owner', algorithm), await actor('agent', algorithm)]
      const proofs = [await delegate({ ...options, issuer: owner, audience: agent.did })]
      expect(await decide([await call({ issuer: agent, proofs }), ...proofs]), algorithm).toBe('allowed')
    }
  })

  it('checks the answer of a signer it does not know, and passes failures on without its words', async () => {
    const foreign = (sign: Signer['sign']): Signer => ({
      did: alice.did,
      algorithm: 'Ed25519',
      publicKey: alice.publicKey,
      sign,
    })
    expect((await delegate({ ...options, issuer: foreign((bytes) => alice.sign(bytes)) })).issuer).toBe(alice.did)
    const bad: Signer['sign'][] = [
      (bytes) => bob.sign(bytes),
      () => new Uint8Array(64),
      () => new Uint8Array(70),
      () => Promise.reject(new Error('canary')),
      () => {
        throw new Error('canary')
      },
    ]
    for (const sign of bad) {
      const made = delegate({ ...options, issuer: foreign(sign) })
      await expect(made).rejects.toThrow(SigningError)
      await expect(made).rejects.not.toThrow(/canary/)
    }
  })

  it('refuses an invalid result of a signer with an error of the library', async () => {
    const wrong: readonly unknown[] = [
      { ...alice, sign: () => undefined },
      { ...alice, sign: () => 'x'.repeat(64) },
      { ...alice, sign: async () => Array(64).fill(1) },
      { ...alice, publicKey: undefined, sign: alice.sign },
      { ...alice, publicKey: bob.publicKey.subarray(1), sign: alice.sign },
    ]
    for (const [at, issuer] of wrong.entries()) {
      await expect(delegate({ ...options, issuer: issuer as Signer }), String(at)).rejects.toThrow(SigningError)
    }
  })

  it('does not wait for a signer when the signal is aborted, whether the signer minds it or not', async () => {
    const issuer: Signer = { ...alice, sign: () => new Promise<never>(() => undefined) }
    const controller = new AbortController()
    const made = delegate({ ...options, issuer, signal: controller.signal })
    controller.abort(new Error('too late'))
    await expect(made).rejects.toThrow(SigningError)
    await expect(made).rejects.toMatchObject({ cause: { message: 'too late' } })
  })

  it('refuses before signing what the signer cannot sign or a service would not read', async () => {
    let signed = 0
    const small: Signer = {
      ...alice,
      maxMessageBytes: 100,
      sign: (bytes) => {
        signed += 1
        return alice.sign(bytes)
      },
    }
    await expect(delegate({ ...options, issuer: small })).rejects.toThrow(/at most 100/)
    await expect(delegate({ ...options, meta: { text: 'x'.repeat(65_400) } })).rejects.toThrow(/bytes to sign/)
    await expect(delegate({ ...options, nonce: new Uint8Array(11) })).rejects.toThrow(/nonce/)
    await expect(delegate({ ...options, meta: { f: () => 1 } as never })).rejects.toThrow(ArgumentError)
    for (const meta of [new Map(), new Date(0)]) {
      await expect(delegate({ ...options, meta: meta as never })).rejects.toThrow(/an instance of a class/)
    }
    expect(signed).toBe(0)
  })

  it('ENV-08 signs no malformed command, also of a definition or a proof that is an object of the caller', async () => {
    const grant = await delegate(options)
    for (const command of ['mail', '/Mail', '/mail/', '/mail//send', '']) {
      const definition = { command, args: {} } as unknown as CommandDefinition
      await expect(delegate({ ...options, command: definition }), command).rejects.toThrow(MalformedError)
      await expect(invoke({ ...options, command: definition, args: {} }), command).rejects.toThrow(MalformedError)
      const proof = { ...grant, command } as Delegation
      await expect(attenuate(proof, { issuer: bob, audience: alice.did, clock }), command).rejects.toThrow(
        MalformedError,
      )
    }
  })

  it('ENV-08 signs no malformed DID of a signer that returns another one each time', async () => {
    const grant = await delegate(options)
    for (let wrong = 0; wrong < 8; wrong++) {
      const makers: readonly ((issuer: Signer) => Promise<{ readonly bytes: Uint8Array }>)[] = [
        (issuer) => delegate({ ...options, issuer }),
        (issuer) => invoke({ ...options, issuer, args: {} }),
        (issuer) => revoke({ issuer, delegation: { cid: grant.cid } }),
        (issuer) => issueReceipt({ executor: issuer, task: grant.cid, outcome: { ok: 1 } }),
      ]
      for (const make of makers) {
        let reads = 0
        const issuer: Signer = {
          ...alice,
          get did() {
            return reads++ === wrong ? ('did:key:nobody' as Did) : alice.did
          },
          sign: (bytes) => alice.sign(bytes),
        }
        const made = await make(issuer).catch(() => undefined)
        if (made !== undefined)
          await expect(openContainer(encodeContainer([made])), String(wrong)).resolves.toBeDefined()
      }
    }
  })

  it('signs as many bytes as a signer signs and a service reads, and no more', async () => {
    let size = 0
    const counting: Signer = {
      ...alice,
      sign: (bytes) => {
        size = bytes.length
        return alice.sign(bytes)
      },
    }
    await delegate({ ...options, issuer: counting })
    const exact = { ...options, issuer: { ...alice, maxMessageBytes: size } }
    await expect(delegate(exact)).resolves.toBeDefined()
    await expect(delegate({ ...exact, meta: { a: 1 } })).rejects.toThrow(/bytes to sign/)
    const withText = async (length: number) => (await delegate({ ...options, meta: { t: 'x'.repeat(length) } })).bytes
    const rest = 65_536 - (await withText(65_000)).length
    const longest = await withText(65_000 + rest)
    expect([longest.length, (await decodeDelegation(longest)).issuer]).toEqual([65_536, alice.did])
    await expect(withText(65_001 + rest)).rejects.toThrow(/bytes to sign/)
  })
})

describe('invoke', () => {
  it('leaves out what is redundant, lasts a minute, and takes its subject from the proofs', async () => {
    const proof = await delegate(options)
    const made = await invoke({
      issuer: bob,
      command: '/mail/send',
      proofs: [proof],
      audience: alice.did,
      meta: {},
      clock,
    })
    expect(made).toMatchObject({ issuer: bob.did, subject: alice.did, expiration: now + 60, issuedAt: now })
    expect(made).not.toHaveProperty('audience')
    expect(made).not.toHaveProperty('meta')
    expect((await invoke({ issuer: bob, command: '/x' })).subject).toBe(bob.did)
  })

  it('requires a subject when the proofs have no subject', async () => {
    const power = await delegate({ ...options, subject: anySubject })
    await expect(invoke({ issuer: bob, command: '/x', proofs: [power] })).rejects.toThrow(/`subject`/)
  })

  it('TOK-21 signs nothing without the arguments that the definition requires', async () => {
    const args = { to: email(), subject: text(), copies: optional(integer()) }
    const send = defineCommand({ command: '/mail/send', args }) as CommandDefinition<object>
    const issuer = bob
    const lacking = [undefined, {}, { subject: 'x' }, { to: undefined, subject: 'x' }, Object.create({ to: 'a@b.de' })]
    for (const given of lacking) {
      const options = given === undefined ? {} : { args: given }
      const message = 'command `/mail/send` needs the argument `to`; add it to `args`'
      await expect(invoke({ issuer, command: send, ...options })).rejects.toThrow(new ArgumentError(message))
    }
    await expect(invoke({ issuer, command: send, args: { to: 'a@b.de' } })).rejects.toThrow(
      'needs the argument `subject`',
    )
    expect((await invoke({ issuer, command: send, args: { to: 'a@b.de', subject: '' } })).args).toEqual({
      to: 'a@b.de',
      subject: '',
    })
    expect((await invoke({ issuer, command: '/mail/send' })).args).toEqual({})
  })

  it('TOK-21 signs without arguments when all are optional, and leaves asynchronous checks to the service', async () => {
    const later = { '~standard': { ...text()['~standard'], validate: async () => Promise.reject(new Error('down')) } }
    const free = { none: {}, some: { x: optional(text()), y: z.string().optional() }, later: { x: later } }
    for (const [name, args] of Object.entries(free)) {
      const definition: CommandDefinition = defineCommand({ command: `/free/${name}`, args })
      expect((await invoke({ issuer: bob, command: definition })).args).toEqual({})
    }
  })

  it('signs tokens only: a signature of other bytes is not valid for a token [attack 91]', async () => {
    const made = await call({ issuer: alice })
    const challenge = made.bytes.slice(3 + 64 + 1)
    const signature = await alice.sign(challenge)
    const forged = made.bytes.slice()
    forged.set(signature, 3)
    expect(await decide([{ bytes: forged }])).toBe('signature_invalid at 0 PRF-08')
  })

  it('is bound to its key: a copy of the chain is useless without it [attack 89]', async () => {
    const proof = await delegate(options)
    const thief = await actor('mallory')
    const stolen = await call({ issuer: thief, subject: alice.did, proofs: [proof] })
    expect(await decide([stolen, proof])).toBe('principal_misaligned at 1 PRF-05')
  })
})
