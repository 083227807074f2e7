import { type API, delegate as coreDelegate, invoke as coreInvoke, Delegation } from '@ucanto/core'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { standardFormat } from '../../src/core/authorization/formats/standard-format.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq, like } from '../../src/core/capability/policy/build.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { twinSignature } from '../../src/core/principal/signature.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError, AttenuationError } from '../../src/errors.ts'
import { systemClock } from '../../src/time.ts'
import { archive, archiveToText } from '../../src/ucanto/archive.ts'
import { attenuate } from '../../src/ucanto/attenuate.ts'
import { decode } from '../../src/ucanto/decode.ts'
import { delegate } from '../../src/ucanto/delegate.ts'
import { invoke } from '../../src/ucanto/invoke.ts'
import { type UcantoFormatOptions, ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { actor } from '../support/actors.ts'
import { service as ownService, serviceOptions, call as standardCall } from '../support/service.ts'
import { archiveOf, foreignVerdict, ownVerdict, peer } from './peers.ts'
import { type RawBlock, rawArchive, signedAnew } from './raw.ts'

const [alice, bob, carol, service] = (await Promise.all(['alice', 'bob', 'carol', 'service'].map(peer))) as [
  Peer,
  Peer,
  Peer,
  Peer,
]
type Peer = Awaited<ReturnType<typeof peer>>
const [ours, theirs] = await Promise.all([actor('alice'), actor('bob')])
const nonce = 'a nonce of enough bytes'
const url = 'https://example.com/a'

const give = (
  capabilities: readonly API.Capability[],
  change: Partial<Parameters<typeof coreDelegate>[0]> = {},
): Promise<API.Delegation> =>
  coreDelegate({
    issuer: alice,
    audience: bob,
    capabilities: capabilities as [API.Capability],
    lifetimeInSeconds: 100,
    ...change,
  })

const ask = async (
  proofs: readonly API.Proof[],
  capability: API.Capability = { can: 'mail/send', with: alice.did() },
  issuer = bob,
): Promise<Uint8Array> => archiveOf(coreInvoke({ issuer, audience: service, capability, proofs: [...proofs], nonce }))

const mail = { can: 'mail/send', with: alice.did() } as const

describe('an invocation', () => {
  it('UCT-30 has one command and its arguments', async () => {
    const two = await give([mail, { can: 'mail/read', with: alice.did() }], { audience: service, nonce })
    await expect(ownVerdict(await archiveOf(two))).resolves.toBe('malformed at container UCT-30')
    for (const can of ['mail/*', '*'] as const)
      await expect
        .soft(ownVerdict(await ask([], { ...mail, can }, alice)))
        .resolves.toBe('malformed at container UCT-30')
    const pol = await ask([], { ...mail, nb: { pol: [] } }, alice)
    await expect(ownVerdict(pol)).resolves.toBe('malformed at container UCT-30')
    const all = await ask([], { ...mail, with: 'ucan:*' }, alice)
    await expect(ownVerdict(all, {}, { ownerOf: () => alice.did() })).resolves.toBe('malformed at container UCT-30')
  })

  it('has an audience, a nonce and a short lifetime, as in 1.0.0', async () => {
    const proof = await give([mail])
    const elsewhere = coreInvoke({ issuer: bob, audience: carol, capability: mail, proofs: [proof], nonce })
    await expect(ownVerdict(await archiveOf(elsewhere))).resolves.toBe('audience_mismatch at 1 SVC-01')
    const long = coreInvoke({
      issuer: bob,
      audience: service,
      capability: mail,
      proofs: [proof],
      nonce,
      lifetimeInSeconds: 4000,
    })
    await expect(ownVerdict(await archiveOf(long))).resolves.toBe('lifetime_too_long at 1 TIM-05')
  })

  it('UCT-29 has a nonce, unless the service accepts calls without one', async () => {
    const proof = await give([mail])
    const bare = await archiveOf(coreInvoke({ issuer: bob, audience: service, capability: mail, proofs: [proof] }))
    const decision = await createAuthorizer(options()).authorize(bare)
    expect(decision).toMatchObject({
      allowed: false,
      denial: { code: 'nonce_too_short', at: 1, requirement: 'UCT-29', call: { invoker: bob.did() } },
    })
    expect(decision.allowed ? '' : decision.denial.message).toContain('`minimumNonceBytes` to 0')
    const short = coreInvoke({ issuer: bob, audience: service, capability: mail, proofs: [proof], nonce: 'short' })
    await expect(ownVerdict(await archiveOf(short))).resolves.toBe('nonce_too_short at 1 RPL-02')
    await expect(ownVerdict(bare, { audience: carol.did() })).resolves.toBe('audience_mismatch at 1 SVC-01')
    await expect(ownVerdict(bare, { minimumNonceBytes: 0 })).resolves.toBe('allowed')
    const idempotent = [defineCommand({ command: '/mail/send', args: {}, idempotent: true })]
    await expect(ownVerdict(bare, { commands: idempotent })).resolves.toBe('allowed')
    // The result is the same with a choice of proofs.
    const two = { issuer: bob, audience: service, capability: mail, proofs: [proof, await give([mail], { nonce })] }
    await expect(ownVerdict(await archiveOf(coreInvoke(two)))).resolves.toBe('nonce_too_short at 1 UCT-29')
    await expect(ownVerdict(await archiveOf(coreInvoke(two)), { minimumNonceBytes: 0 })).resolves.toBe('allowed')
    // Equal calls of one second are one call.
    const replay = memoryReplayStore()
    await expect(ownVerdict(bare, { minimumNonceBytes: 0, replay })).resolves.toBe('allowed')
    await expect(ownVerdict(bare, { minimumNonceBytes: 0, replay })).resolves.toBe('replayed at 1 RPL-01')
  })

  it('is accepted once [attack 15]', async () => {
    const bytes = await ask([await give([mail])])
    const replay = memoryReplayStore()
    await expect(ownVerdict(bytes, { replay })).resolves.toBe('allowed')
    await expect(ownVerdict(bytes, { replay })).resolves.toBe('replayed at 1 RPL-01')
  })

  it('must have the arguments that the command declares', async () => {
    const schema = { '~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) } }
    const commands = [defineCommand({ command: '/mail/send', args: { to: schema } })]
    const asking = (nb: object): Promise<Uint8Array> => ask([], { ...mail, nb }, alice)
    await expect(ownVerdict(await asking({ to: 'bob' }), { commands })).resolves.toBe('allowed')
    await expect(ownVerdict(await asking({ to: 'bob', x: 1 }), { commands })).resolves.toBe(
      'arguments_invalid at 0 ARG-01',
    )
  })

  it('results in the same authorization as a chain of 1.0.0', async () => {
    const proof = await give([mail])
    const bytes = await ask([proof], { ...mail, nb: { to: 'bob' } })
    const [token] = await decode(bytes)
    const decision = await createAuthorizer(options()).authorize(bytes)
    expect(decision).toMatchObject({
      allowed: true,
      authorization: {
        subject: alice.did(),
        invoker: bob.did(),
        principals: [alice.did(), bob.did()],
        command: '/mail/send',
        args: { to: 'bob' },
      },
    })
    if (!decision.allowed || token === undefined) throw new Error('not allowed')
    expect(decision.authorization.proofs.map(String)).toEqual([String(proof.cid)])
    expect(decision.authorization.task.equals(token.cid)).toBe(true)
    expect(decision.authorization.expiration).toBe(token.expiration)
  })
})

describe('a delegation', () => {
  it('UCT-31 grants an ability without those below it, unless it ends with a star', async () => {
    const below = { can: 'mail/send/now', with: alice.did() } as const
    await expect(ownVerdict(await ask([await give([mail])], below))).resolves.toBe(
      'command_not_covered at container UCT-31',
    )
    await expect(ownVerdict(await ask([await give([{ ...mail, can: 'mail/send/*' }])], below))).resolves.toBe('allowed')
    await expect(ownVerdict(await ask([await give([{ ...mail, can: 'mail/send/*' }])]))).resolves.toBe(
      'command_not_covered at container UCT-31',
    )
    await expect(ownVerdict(await ask([await give([{ ...mail, can: 'mail/se*' }])]))).resolves.toBe(
      'command_not_covered at container UCT-31',
    )
  })

  it('UCT-32 grants this resource or all resources of the issuer, but no prefix', async () => {
    const other = await give([{ ...mail, with: carol.did() }])
    await expect(ownVerdict(await ask([other]))).resolves.toBe('subject_misaligned at container UCT-32')
    const some = { ...mail, with: `${url}/*` } as const
    const asked = { ...mail, with: `${url}/b` } as const
    const ownerOf = (): string => alice.did()
    await expect(ownVerdict(await ask([await give([some])], asked), {}, { ownerOf })).resolves.toBe(
      'subject_misaligned at container UCT-32',
    )
  })

  it('UCT-33 is rooted in the owner of the resource', async () => {
    const proof = await give([{ ...mail, with: carol.did() }])
    await expect(ownVerdict(await ask([proof], { ...mail, with: carol.did() }))).resolves.toBe(
      'root_not_subject at container UCT-33',
    )
    await expect(ownVerdict(await ask([]))).resolves.toBe('root_not_subject at container UCT-33')
    const all = await give([{ can: '*', with: 'ucan:*' }])
    await expect(ownVerdict(await ask([all], { ...mail, with: carol.did() }))).resolves.toBe(
      'root_not_subject at container UCT-33',
    )
  })

  it('UCT-34 requires arguments of the same type and value', async () => {
    const held = async (given: unknown, asked: object): Promise<string> =>
      ownVerdict(await ask([await give([{ ...mail, nb: { size: given } as object }])], { ...mail, nb: asked }))
    await expect(held(1, { size: 1 })).resolves.toBe('allowed')
    await expect(held([1, { a: 2 }], { size: [1, { a: 2 }] })).resolves.toBe('allowed')
    for (const asked of [{}, { size: '1' }, { size: [1] }, { size: true }, { other: 1 }])
      await expect.soft(held(1, asked), JSON.stringify(asked)).resolves.toBe('policy_unsatisfied at 0 PRF-11')
  })

  it('UCT-34 is refused when it requires an argument that is missing, which other verifiers ignore', async () => {
    const bytes = await ask([await give([{ ...mail, nb: { onlyReadOnly: true } }])])
    await expect(foreignVerdict(bytes, service)).resolves.toBe('allowed')
    await expect(ownVerdict(bytes)).resolves.toBe('policy_unsatisfied at 0 PRF-11')
  })

  it('UCT-35 must have a valid policy under `pol`, if anything', async () => {
    const held = async (pol: unknown): Promise<string> =>
      ownVerdict(await ask([await give([{ ...mail, nb: { pol } as object }])], { ...mail, nb: { to: 'bob' } }))
    await expect(held([['like', '.to', 'b*']])).resolves.toBe('allowed')
    await expect(held([['like', '.to', 'c*']])).resolves.toBe('policy_unsatisfied at 0 PRF-11')
    await expect(held('none')).resolves.toBe('unsupported at container UCT-35')
    await expect(held([['matches', '.to', 'b']])).resolves.toBe('unsupported at container POL-02')
  })

  it('UCT-40 can be over a resource that is not a DID if the service knows its owner', async () => {
    const asked = { ...mail, with: url } as const
    const bytes = await ask([await give([asked])], asked)
    await expect(ownVerdict(bytes)).resolves.toBe('subject_not_accepted at container UCT-40')
    const errors: unknown[] = []
    const broken = { ownerOf: () => Promise.reject(new Error('down')) }
    await expect(ownVerdict(bytes, { onError: (error) => errors.push(error) }, broken)).resolves.toBe(
      'subject_not_accepted at container UCT-40',
    )
    expect(errors).toHaveLength(1)
    const ownerOf = async (resource: string): Promise<string | undefined> =>
      resource.startsWith('https://example.com/') ? alice.did() : undefined
    await expect(ownVerdict(bytes, {}, { ownerOf })).resolves.toBe('allowed')
    const decision = await createAuthorizer(options({}, { ownerOf })).authorize(bytes)
    expect(decision).toMatchObject({ allowed: true, authorization: { subject: alice.did(), args: { resource: url } } })
    const twice = await ask([], { ...asked, nb: { resource: 'other' } }, alice)
    await expect(ownVerdict(twice, {}, { ownerOf })).resolves.toBe('malformed at container UCT-64')
    const all = await give([{ can: '*', with: 'ucan:*' }])
    await expect(ownVerdict(await ask([all], asked), {}, { ownerOf })).resolves.toBe('allowed')
  })

  it('UCT-40 does not look up an owner for an unsigned call, or after the signal was aborted', async () => {
    const asked = await coreInvoke({
      issuer: bob,
      audience: service,
      capability: { ...mail, with: url } as never,
      nonce: 'a nonce of enough bytes',
    }).delegate()
    const forged = signedAnew(asked.root.bytes as Uint8Array, (signature) =>
      Buffer.concat([signature.subarray(0, 4), new Uint8Array(64).fill(1)]),
    )
    let looked = 0
    const ownerOf = (): Promise<string> => {
      looked += 1
      return new Promise(() => undefined)
    }
    const authorizer = createAuthorizer(options({}, { ownerOf }))
    const decision = await authorizer.authorize(rawArchive([forged]))
    expect(decision).toMatchObject({ allowed: false, denial: { code: 'signature_invalid' } })
    expect(looked).toBe(0)
    const genuine = rawArchive([asked.root as unknown as RawBlock])
    const late = await authorizer.authorize(genuine, { signal: AbortSignal.timeout(20) })
    expect(late).toMatchObject({ allowed: false, denial: { requirement: 'UCT-40' } })
    expect(looked).toBe(1)
  })
})

describe('the path to the owner', () => {
  it('UCT-65 is the shortest valid path, through any capability of a token', async () => {
    const many = await give([
      { can: 'a/b', with: alice.did() },
      { ...mail, nb: { to: 'carol' } },
      { ...mail, nb: { to: 'bob' } },
    ])
    const bytes = await ask([await give([mail], { issuer: carol }), many], { ...mail, nb: { to: 'bob' } })
    await expect(ownVerdict(bytes)).resolves.toBe('allowed')
    const late = await give([mail], { notBefore: Math.floor(Date.now() / 1000) + 4000, lifetimeInSeconds: 9000 })
    await expect(ownVerdict(await ask([late]))).resolves.toBe('not_yet_valid at 0 TIM-02')
    await expect(ownVerdict(await ask([late, await give([mail])]))).resolves.toBe('allowed')
  })

  it('UCT-37 has at most as many delegations as the limit allows', async () => {
    let proof = await give([mail], { audience: alice })
    for (let depth = 1; depth < 4; depth++)
      proof = await give([mail], { audience: depth === 3 ? bob : alice, issuer: alice, proofs: [proof] })
    const bytes = await ask([proof], { ...mail, with: alice.did() })
    await expect(ownVerdict(bytes)).resolves.toBe('allowed')
    const chain = await give([mail], { audience: carol })
    const next = await give([mail], { issuer: carol, proofs: [chain] })
    await expect(ownVerdict(await ask([next]), { bounds: { proofs: 1 } })).resolves.toBe(
      'chain_too_long at container UCT-37',
    )
    await expect(ownVerdict(await ask([next]), { bounds: { proofs: 2 } })).resolves.toBe('allowed')
  })

  it('UCT-38 needs proofs that are in the archive', async () => {
    const proof = await give([mail])
    const bytes = await ask([proof.cid as never])
    await expect(ownVerdict(bytes)).resolves.toBe('proof_missing at container UCT-38')
    const decision = await createAuthorizer(options()).authorize(bytes)
    expect(decision.allowed ? [] : decision.denial.missing?.map(String)).toEqual([String(proof.cid)])
    // AUD-24: the log names the claimed invoker.
    expect(decision).toMatchObject({ denial: { call: { authenticated: false, invoker: bob.did(), proofs: [] } } })
  })

  it('UCT-39 leads from issuer to audience', async () => {
    const proof = await give([mail], { audience: carol })
    await expect(ownVerdict(await ask([proof]))).resolves.toBe('principal_misaligned at container UCT-39')
  })

  it('is signed at every step', async () => {
    const proof = await give([mail])
    const other = await give([{ can: 'mail/read', with: alice.did() }])
    const block = signedAnew(proof.bytes, () => other.signature)
    const forged = Delegation.create({ root: block as unknown as API.UCANBlock, blocks: new Map() })
    await expect(ownVerdict(await ask([forged]))).resolves.toBe('signature_invalid at 0 PRF-08')
  })
})

describe('formats', () => {
  const both = [standardFormat, ucantoFormat()]

  it('are 1.0.0 alone by default', async () => {
    const bytes = await ask([], mail, alice)
    const { formats: _, ...settings } = options()
    const decision = await createAuthorizer(settings).authorize(bytes)
    expect(decision).toMatchObject({ allowed: false, denial: { code: 'unsupported', requirement: 'CTN-01' } })
    const [token] = await decode(bytes)
    const text = await archiveToText(token as never)
    expect(await createAuthorizer(settings).authorize(text)).toMatchObject({
      allowed: false,
      denial: { code: 'unsupported' },
    })
  })

  it('are distinguished by the first bytes, in whatever order they are listed', async () => {
    const old = await ask([], mail, alice)
    const [token] = await decode(old)
    const standard = encodeContainer([await standardCall({ issuer: ours, clock: systemClock } as never)])
    for (const formats of [both, [...both].reverse()]) {
      const texts = [old, await archiveToText(token as never), Buffer.from(old).toString('base64'), standard]
      for (const text of texts) {
        const decision = await createAuthorizer(options({ formats, audience: ownService.did })).authorize(text)
        expect.soft(decision).toMatchObject({ allowed: true })
      }
    }
  })

  it('are not mixed in a chain: a token of 1.0.0 in an archive is refused', async () => {
    const token = await standardCall({ issuer: ours })
    const raw = { cid: token.cid, bytes: token.bytes } as unknown as RawBlock
    await expect(ownVerdict(rawArchive([raw]), { formats: both })).resolves.toBe('malformed at container UCT-10')
    const [old] = await decode(await ask([], mail, alice))
    await expect(ownVerdict(encodeContainer([old as never]), { formats: both })).resolves.toBe(
      'malformed at container CBR-22',
    )
  })

  it('remember verified tokens separately for each use of a token', async () => {
    const authorizer = createAuthorizer(options())
    const proof = await give([{ can: '*', with: 'ucan:*' }])
    const authorize = async (capability: API.Capability): Promise<boolean> =>
      (await authorizer.authorize(await ask([proof], capability))).allowed
    await expect(authorize(mail)).resolves.toBe(true)
    await expect(authorize({ ...mail, can: 'mail/read' })).resolves.toBe(true)
    await expect(authorize({ ...mail, with: carol.did() })).resolves.toBe(false)
  })
})

describe('a written token', () => {
  it('UCT-41 lists a command and all commands below it', async () => {
    const abilities = async (command: string): Promise<readonly string[]> =>
      (await delegate({ issuer: ours, audience: bob.did(), command })).capabilities.map(({ can }) => can)
    await expect(abilities('/mail/send')).resolves.toEqual(['mail/send', 'mail/send/*'])
    await expect(abilities('/mail')).resolves.toEqual(['mail/*'])
    await expect(abilities('/')).resolves.toEqual(['*'])
    await expect(invoke({ issuer: ours, audience: service.did(), command: '/mail' })).rejects.toThrow(ArgumentError)
  })

  it('is not broader than its proof, and repeats its plain conditions', async () => {
    const proof = await delegate({
      issuer: ours,
      audience: theirs.did,
      command: '/mail',
      policy: [eq('.to', 'bob')],
      expiresIn: 100,
    })
    const next = await attenuate(proof, { issuer: theirs, audience: carol.did(), command: '/mail/send' })
    expect(next.capabilities.map(({ nb }) => ({ ...nb }))).toEqual([{ to: 'bob' }, { to: 'bob' }])
    expect(next.expiration).toBe(proof.expiration)
    const bad = [
      { command: '/other' },
      { subject: carol.did() },
      { policy: [eq('.to', 'carol')] },
      { expiresIn: 1000 },
      { issuer: ours },
    ]
    for (const change of bad) {
      const attempt = attenuate(proof, { issuer: theirs, audience: carol.did(), ...change })
      await expect.soft(attempt, JSON.stringify(change)).rejects.toThrow(AttenuationError)
    }
  })

  it('is read as it was written', async () => {
    const proof = await delegate({
      issuer: ours,
      audience: theirs.did,
      command: '/mail',
      policy: [like('.to', 'b*')],
      readers: 'procura',
      notBefore: 5,
      meta: { why: 'test' },
    })
    const call = await invoke({
      issuer: theirs,
      audience: service.did(),
      command: '/mail/send',
      args: { to: 'bob' },
      proofs: [proof],
    })
    for (const form of [await archive(call), await archiveToText(call)]) {
      const [read] = await decode(form)
      expect(read).toMatchObject({ issuer: theirs.did, audience: service.did(), cid: call.cid, proofs: [proof.cid] })
      expect(read?.included.get(proof.cid.toString())).toMatchObject({ notBefore: 5, facts: [{ why: 'test' }] })
      await expect(ownVerdict(form)).resolves.toBe('allowed')
    }
  })

  it('can have an ECDSA signature, and is revoked under either form of it [attack 20]', async () => {
    for (const algorithm of ['ES256', 'ES256K'] as const) {
      const issuer = await actor('owner', algorithm)
      const proof = await delegate({ issuer, audience: theirs.did, command: '/mail' })
      const call = await invoke({ issuer: theirs, audience: service.did(), command: '/mail/send', proofs: [proof] })
      await expect(ownVerdict(call)).resolves.toBe('allowed')
      const twin = signedAnew(proof.bytes, (framed) => {
        const start = framed.length - 64
        const signature = twinSignature(algorithm, framed.subarray(start)) as Uint8Array
        return Buffer.concat([framed.subarray(0, start), signature])
      })
      const other = await archiveOf(
        coreInvoke({
          issuer: bob,
          audience: service,
          capability: { can: 'mail/send', with: issuer.did },
          proofs: [Delegation.create({ root: twin as unknown as API.UCANBlock, blocks: new Map() })],
          nonce,
        }),
      )
      await expect(ownVerdict(other)).resolves.toBe('allowed')
      const revocations = memoryRevocationStore()
      await revocations.add({ ids: [proof.cid.toString()], expiration: proof.expiration as number })
      await expect(ownVerdict(other, { revocations })).resolves.toBe('revoked at 0 RVK-05')
    }
  })

  it('does not start a chain over a resource of another principal', async () => {
    await expect(
      delegate({ issuer: ours, audience: bob.did(), command: '/mail', subject: carol.did() }),
    ).rejects.toThrow('attenuate')
    const all = await delegate({ issuer: ours, audience: theirs.did, command: '/mail', subject: anySubject })
    await expect(
      invoke({ issuer: theirs, audience: service.did(), command: '/mail/send', proofs: [all] }),
    ).rejects.toThrow('`subject`')
  })

  it('is read only with valid formats', () => {
    expect(() => ucantoFormat({ resourceArgument: 'pol' })).toThrow(ArgumentError)
    expect(() => ucantoFormat({ ownerOf: 'alice' as never })).toThrow(ArgumentError)
    expect(() => createAuthorizer(options({ formats: [] }))).toThrow(ArgumentError)
    expect(() => createAuthorizer(options({ formats: [{}] as never }))).toThrow(ArgumentError)
  })
})

function options(change: Partial<AuthorizeOptions> = {}, format: UcantoFormatOptions = {}): AuthorizeOptions {
  return serviceOptions({
    clock: systemClock,
    replay: memoryReplayStore(),
    revocations: memoryRevocationStore(),
    formats: [ucantoFormat(format)],
    ...change,
  })
}
