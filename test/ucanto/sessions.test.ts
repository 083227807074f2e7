import { type API, delegate as coreDelegate, invoke as coreInvoke } from '@ucanto/core'
import { Absentee } from '@ucanto/principal'
import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { type Authorizer, createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { anyCommand } from '../../src/core/capability/command.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { parseDidKey } from '../../src/core/did/did-key.ts'
import { compositeResolver, type DidResolver, keyResolver } from '../../src/core/did/resolver.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { RevocationStore } from '../../src/core/revocation/revocation-store.ts'
import { ArgumentError, MalformedError } from '../../src/errors.ts'
import { never } from '../../src/time.ts'
import { archive } from '../../src/ucanto/archive.ts'
import { attenuate } from '../../src/ucanto/attenuate.ts'
import { attest } from '../../src/ucanto/attest.ts'
import { decode } from '../../src/ucanto/decode.ts'
import { delegate } from '../../src/ucanto/delegate.ts'
import { invoke } from '../../src/ucanto/invoke.ts'
import { absentIssuer } from '../../src/ucanto/new-token.ts'
import { ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { actor } from '../support/actors.ts'
import { archiveOf, foreignVerdict, ownOptions, ownVerdict, peer } from './peers.ts'

const authority = 'did:web:authority.example'
const account = 'did:mailto:example.com:alice'
const nonce = 'a nonce of enough bytes'
const now = Math.floor(Date.now() / 1000)

const [key, agent, other, oracle, manager] = (await Promise.all(
  ['service', 'bob', 'carol', 'oracle', 'manager'].map(peer),
)) as [Peer, Peer, Peer, Peer, Peer]
type Peer = Awaited<ReturnType<typeof peer>>
const service = key.withDID(authority)
const absent = Absentee.from({ id: account })

/** A resolver that knows the keys of the authority only. */
const web: DidResolver = {
  resolve: (did) => (String(did) === authority ? { keys: [parseDidKey(parseDid(key.did()))] } : undefined),
}
const resolver = compositeResolver({ key: keyResolver(), web })

/** The verdict of a service that lists the authority. */
const decide = (bytes: Uint8Array, change: Partial<AuthorizeOptions> = {}, trusted = [authority]): Promise<string> =>
  ownVerdict(bytes, { audience: authority, resolver, ...change }, { attestationAuthorities: trusted })

/** The same service, for further checks. */
const trusting = (change: Partial<AuthorizeOptions> = {}): Authorizer =>
  createAuthorizer(ownOptions({ audience: authority, resolver, ...change }, { attestationAuthorities: [authority] }))

const give = (change: Partial<Parameters<typeof coreDelegate>[0]> = {}): Promise<API.Delegation> =>
  coreDelegate({
    issuer: absent,
    audience: agent,
    capabilities: [{ can: 'mail/send', with: account }],
    expiration: Number.POSITIVE_INFINITY,
    ...change,
  } as Parameters<typeof coreDelegate>[0])

const attestation = (
  proof: { readonly cid: unknown },
  change: Partial<Parameters<typeof coreDelegate>[0]> = {},
  nb: object = {},
  resource: string = authority,
): Promise<API.Delegation> =>
  coreDelegate({
    issuer: service,
    audience: agent,
    capabilities: [{ can: 'ucan/attest', with: resource, nb: { proof: proof.cid, ...nb } }],
    expiration: Number.POSITIVE_INFINITY,
    ...change,
  } as unknown as Parameters<typeof coreDelegate>[0])

const ask = (proofs: readonly API.Delegation[], issuer = agent, resource: string = account): Promise<Uint8Array> =>
  archiveOf(
    coreInvoke({
      issuer,
      audience: service,
      capability: { can: 'mail/send', with: resource as API.DID },
      proofs: [...proofs],
      nonce,
    }),
  )

/** A call with a delegation that the oracle attests, to whom the authority delegated `ucan/attest`. */
async function askByOracle() {
  const proof = await give()
  const given = await coreDelegate({
    issuer: service,
    audience: oracle,
    capabilities: [{ can: 'ucan/attest', with: authority }],
  })
  const session = await attestation(proof, { issuer: oracle, proofs: [given] })
  return { proof, given, session, bytes: await ask([proof, session]) }
}

describe('sessions of ucanto', () => {
  it('UCT-49 replace the signature of a principal without a key', async () => {
    const proof = await give()
    const session = await attestation(proof)
    for (const proofs of [
      [proof, session],
      [session, proof],
    ]) {
      const bytes = await ask(proofs)
      await expect.soft(foreignVerdict(bytes, service)).resolves.toBe('allowed')
      await expect.soft(decide(bytes)).resolves.toBe('allowed')
    }
  })

  it('result in an authorization for the account, through the agent', async () => {
    const proof = await give({ expiration: now + 500 })
    const session = await attestation(proof, { expiration: now + 200 })
    const options = ownOptions({ audience: authority, resolver }, { attestationAuthorities: [authority] })
    const decision = await createAuthorizer(options).authorize(await ask([proof, session]))
    expect(decision).toMatchObject({
      allowed: true,
      authorization: { subject: account, principals: [account, agent.did()], invoker: agent.did() },
    })
    if (!decision.allowed) throw new Error(decision.denial.message)
    expect(decision.authorization.proofs.map(String)).toEqual([String(proof.cid)])
  })

  it('apply to everything that was delegated to the account, at any depth', async () => {
    const given = await coreDelegate({
      issuer: other,
      audience: absent,
      capabilities: [{ can: 'mail/*', with: other.did() }],
    })
    const login = await give({ capabilities: [{ can: '*', with: 'ucan:*' }], proofs: [given] })
    const session = await attestation(login)
    const bytes = await ask([login, session], agent, other.did())
    await expect(foreignVerdict(bytes, service)).resolves.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('allowed')

    const passedOn = await coreDelegate({
      issuer: agent,
      audience: manager,
      capabilities: [{ can: 'mail/send', with: other.did() }],
      proofs: [login, session],
    })
    const deeper = await ask([passedOn], manager, other.did())
    await expect(foreignVerdict(deeper, service)).resolves.toBe('allowed')
    await expect(decide(deeper)).resolves.toBe('allowed')
  })

  it('UCT-54 come from the authority, or a principal with its `ucan/attest`', async () => {
    const proof = await give()
    const chain = async (can: 'ucan/attest' | 'ucan/*' | '*', change: object = {}): Promise<API.Delegation> => {
      const first = await coreDelegate({
        issuer: service,
        audience: manager,
        capabilities: [{ can, with: authority, ...change }],
      })
      const second = await coreDelegate({
        issuer: manager,
        audience: oracle,
        capabilities: [{ can, with: authority }],
        proofs: [first],
      })
      return attestation(proof, { issuer: oracle, proofs: [second] })
    }
    for (const can of ['ucan/attest', 'ucan/*', '*'] as const) {
      const bytes = await ask([proof, await chain(can)])
      await expect.soft(foreignVerdict(bytes, service), can).resolves.toBe('allowed')
      await expect.soft(decide(bytes), can).resolves.toBe('allowed')
    }
    const otherProof = await give({ nonce: 'another' })
    const pinned = await ask([proof, await chain('ucan/attest', { nb: { proof: otherProof.cid } })])
    await expect(foreignVerdict(pinned, service)).resolves.not.toBe('allowed')
    await expect(decide(pinned)).resolves.toBe('policy_unsatisfied at 0 UCT-54')

    const selfMade = await ask([proof, await attestation(proof, { issuer: agent })])
    await expect(foreignVerdict(selfMade, service)).resolves.not.toBe('allowed')
    await expect(decide(selfMade)).resolves.toBe('root_not_subject at 0 UCT-54')
    const lesser = await coreDelegate({
      issuer: service,
      audience: oracle,
      capabilities: [{ can: 'mail/*', with: authority }],
    })
    const escalated = await ask([proof, await attestation(proof, { issuer: oracle, proofs: [lesser] })])
    await expect(foreignVerdict(escalated, service)).resolves.not.toBe('allowed')
    await expect(decide(escalated)).resolves.toBe('command_not_covered at 0 UCT-54')
  })

  it('UCT-49 are required: an unsigned delegation without an attestation is refused [attack 1]', async () => {
    const proof = await give()
    const bare = await ask([proof])
    await expect(foreignVerdict(bare, service)).resolves.not.toBe('allowed')
    await expect(decide(bare)).resolves.toBe('signature_invalid at container UCT-49')
    const attested = await ask([proof, await attestation(proof)])
    await expect(decide(attested, {}, [])).resolves.toBe('signature_invalid at container UCT-51')
  })

  it('AUD-27 of a stranger do not make a refused call authenticated [attack 81]', async () => {
    const authenticated = async (change: object) => {
      const proof = await give({ audience: other, ...change })
      const session = await attestation(proof, { issuer: other, audience: other })
      const decision = await trusting().authorize(await ask([proof, session], other))
      return decision.allowed ? [] : [decision.denial.code, decision.denial.call?.authenticated]
    }
    await expect(authenticated({})).resolves.toEqual(['root_not_subject', false])
    // No attestation is verified on an invalid path.
    await expect(authenticated({ expiration: now - 100 })).resolves.toEqual(['expired', false])
    const capabilities = [{ can: 'mail/send', with: account, nb: { to: 'bob' } }]
    await expect(authenticated({ capabilities })).resolves.toEqual(['policy_unsatisfied', false])
  })

  it('UCT-50 do not apply to the invocation', async () => {
    const call = await coreDelegate({
      issuer: absent,
      audience: service,
      capabilities: [{ can: 'mail/send', with: account }],
      nonce,
    } as Parameters<typeof coreDelegate>[0])
    const bytes = await archiveOf(
      await coreDelegate({
        issuer: absent,
        audience: service,
        capabilities: [{ can: 'mail/send', with: account }],
        proofs: [await attestation(call, { audience: absent })],
        nonce,
      } as Parameters<typeof coreDelegate>[0]),
    )
    await expect(foreignVerdict(bytes, service)).resolves.not.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('malformed at container UCT-50')
  })

  it('UCT-48 do not apply to did:key', async () => {
    const keyed = Absentee.from({ id: other.did() })
    const proof = await give({ issuer: keyed, capabilities: [{ can: 'mail/send', with: other.did() }] } as never)
    const bytes = await ask([proof, await attestation(proof)], agent, other.did())
    await expect(foreignVerdict(bytes, service)).resolves.not.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('malformed at container UCT-48')
  })

  it('UCT-51 are over an authority that the service lists', async () => {
    const proof = await give()
    const elsewhere = oracle.withDID('did:web:other.example')
    const wrong = await ask([proof, await attestation(proof, { issuer: elsewhere }, {}, elsewhere.did())])
    await expect(foreignVerdict(wrong, service, { keys: { [elsewhere.did()]: oracle.did() } })).resolves.not.toBe(
      'allowed',
    )
    await expect(decide(wrong)).resolves.toBe('signature_invalid at container UCT-51')
    // The same attestation is accepted if that authority is listed too.
    const both = compositeResolver({
      key: keyResolver(),
      web: {
        resolve: (did) => ({ keys: [parseDidKey(parseDid(String(did) === authority ? key.did() : oracle.did()))] }),
      },
    })
    await expect(decide(wrong, { resolver: both }, [authority, elsewhere.did()])).resolves.toBe('allowed')
    const account2 = await ask([proof, await attestation(proof, {}, {}, account)])
    await expect(foreignVerdict(account2, service)).resolves.not.toBe('allowed')
    await expect(decide(account2)).resolves.toBe('signature_invalid at container UCT-51')
  })

  it('UCT-52 apply to one delegation', async () => {
    const [proof, second] = await Promise.all([give(), give({ nonce: 'another' })])
    const bytes = await ask([proof, await attestation(second)])
    await expect(foreignVerdict(bytes, service)).resolves.not.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('signature_invalid at container UCT-52')
  })

  it('UCT-53 have the audience of that delegation', async () => {
    const proof = await give()
    const bytes = await ask([proof, await attestation(proof, { audience: other })])
    await expect(foreignVerdict(bytes, service)).resolves.not.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('principal_misaligned at container UCT-53')
  })

  it('UCT-55 are signed themselves: no attestation attests another one or itself', async () => {
    const proof = await give()
    const unsigned = await attestation(proof, { issuer: Absentee.from({ id: authority }) } as never)
    const bytes = await ask([proof, unsigned])
    await expect(foreignVerdict(bytes, service)).resolves.not.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('signature_invalid at 0 UCT-55')

    const deputy = Absentee.from({ id: 'did:mailto:example.com:oracle' })
    const given = await coreDelegate({
      issuer: service,
      audience: deputy,
      capabilities: [{ can: 'ucan/attest', with: authority }],
    })
    const first = await attestation(proof, { issuer: deputy, proofs: [given] } as never)
    const loop = [proof, first, await attestation(first)]
    // Other verifiers accept attestations that are attested themselves.
    await expect(foreignVerdict(await ask(loop), service)).resolves.toBe('allowed')
    await expect(decide(await ask(loop))).resolves.toBe('signature_invalid at 0 UCT-55')

    const forged = await attestation(proof, { issuer: other.withDID(authority) } as never)
    await expect(foreignVerdict(await ask([proof, forged]), service)).resolves.not.toBe('allowed')
    await expect(decide(await ask([proof, forged]))).resolves.toBe('signature_invalid at 0 UCT-55')
    const unknown = await ask([proof, await attestation(proof)])
    await expect(decide(unknown, { resolver: keyResolver() })).resolves.toBe('key_unresolved at 0 UCT-55')
    // The proof of the attester is not signed.
    const granted = await coreDelegate({
      issuer: Absentee.from({ id: authority }),
      audience: oracle,
      capabilities: [{ can: 'ucan/attest', with: authority }],
    } as never)
    const hollow = await ask([proof, await attestation(proof, { issuer: oracle, proofs: [granted] })])
    await expect(foreignVerdict(hollow, service)).resolves.not.toBe('allowed')
    await expect(decide(hollow)).resolves.toBe('signature_invalid at 0 UCT-55')
  })

  it('UCT-55 have no unsigned delegation in their proof chain, also after another path was tried with it', async () => {
    const deputy = other.withDID('did:web:deputy.example')
    const all = [{ can: '*', with: 'ucan:*' }] as never
    const granted = await coreDelegate({
      issuer: service,
      audience: deputy,
      capabilities: [{ can: 'ucan/attest', with: authority }],
    })
    const capabilities = [{ can: 'mail/send', with: account, nb: { pol: [['==', '.to', 'eve']] } }]
    const useless = await give({ audience: deputy, capabilities: capabilities as never })
    // The key of the deputy is not known, so its delegation is accepted only if it is attested.
    const handed = await give({
      issuer: deputy,
      capabilities: all,
      proofs: [useless, await attestation(useless, { audience: deputy } as never), granted],
    } as never)
    const claimed = await give()
    const own = await attestation(claimed, { issuer: agent, proofs: [handed] } as never)
    const first = await give({ issuer: agent, capabilities: all, proofs: [claimed, own] } as never)
    const second = await give({ issuer: agent, capabilities: all, proofs: [first] } as never)
    const proofs = [handed, await attestation(handed), second]
    await expect(decide(await ask(proofs))).resolves.not.toBe('allowed')
    await expect(decide(await ask([second]))).resolves.toMatch(/UCT-55$/)
  })

  it('UCT-56 have a validity, and the delegation is valid no longer', async () => {
    const proof = await give()
    const late = await ask([proof, await attestation(proof, { expiration: now - 100 })])
    await expect(foreignVerdict(late, service)).resolves.not.toBe('allowed')
    await expect(decide(late)).resolves.toBe('expired at 0 UCT-56')
    const early = await ask([proof, await attestation(proof, { notBefore: now + 1000, expiration: now + 2000 })])
    await expect(foreignVerdict(early, service)).resolves.not.toBe('allowed')
    await expect(decide(early)).resolves.toBe('not_yet_valid at 0 UCT-56')
    const stale = await coreDelegate({
      issuer: service,
      audience: oracle,
      capabilities: [{ can: 'ucan/attest', with: authority }],
      expiration: now - 100,
    })
    const over = await ask([proof, await attestation(proof, { issuer: oracle, proofs: [stale] })])
    await expect(foreignVerdict(over, service)).resolves.not.toBe('allowed')
    await expect(decide(over)).resolves.toBe('expired at 0 UCT-56')

    const authorizer = trusting()
    const short = await attestation(proof, { expiration: now + 20, notBefore: now - 5 })
    const decision = await authorizer.authorize(await ask([proof, short]))
    expect(decision).toMatchObject({ allowed: true, authorization: { expiration: now + 20, notBefore: now - 5 } })
  })

  it('UCT-57 can be revoked, and so can their issuers [attack 20]', async () => {
    const { proof, given, session, bytes } = await askByOracle()
    const revoking = async (id: string, revoker?: string): Promise<string> => {
      const revocations = memoryRevocationStore()
      await revocations.add({
        ids: [id],
        expiration: never,
        ...(revoker === undefined ? {} : { revoker: parseDid(revoker) }),
      })
      return decide(bytes, { revocations })
    }
    await expect(foreignVerdict(bytes, service, { revoked: [String(session.cid)] })).resolves.not.toBe('allowed')
    await expect(revoking(String(session.cid))).resolves.toBe('revoked at 0 UCT-57')
    await expect(revoking(String(session.cid), oracle.did())).resolves.toBe('revoked at 0 UCT-57')
    await expect(revoking(String(session.cid), authority)).resolves.toBe('revoked at 0 UCT-57')
    await expect(revoking(String(given.cid), authority)).resolves.toBe('revoked at 0 UCT-57')
    await expect(revoking(oracle.did())).resolves.toBe('revoked at 0 UCT-57')
    await expect(revoking(authority)).resolves.toBe('revoked at 0 UCT-57')
    await expect(revoking(String(session.cid), agent.did())).resolves.toBe('allowed')
    await expect(revoking(String(proof.cid), account)).resolves.toBe('revoked at 0 RVK-05')
    for (const answer of [
      () => Promise.reject(new Error('down')),
      () => 'none',
      () => [null],
      () => [{ id: 'other' }],
    ]) {
      const revocations = { findRevocations: answer } as unknown as RevocationStore
      await expect.soft(decide(bytes, { revocations })).resolves.toBe('revocation_unknown at 0 UCT-57')
    }
  })

  it('UCT-57 are looked up again when a decision is checked again', async () => {
    const { proof, given, session, bytes } = await askByOracle()
    const stands = async (id: string, revoker: string): Promise<boolean> => {
      const revocations = memoryRevocationStore()
      const authorizer = trusting({ revocations })
      const decision = await authorizer.authorize(bytes)
      if (!decision.allowed) throw new Error(decision.denial.message)
      await expect(authorizer.recheck(decision.authorization)).resolves.toBe(true)
      await revocations.add({ ids: [id], expiration: never, revoker: parseDid(revoker) })
      return authorizer.recheck(decision.authorization)
    }
    await expect(stands(String(session.cid), oracle.did())).resolves.toBe(false)
    await expect(stands(String(given.cid), authority)).resolves.toBe(false)
    await expect(stands(String(session.cid), agent.did())).resolves.toBe(true)
    await expect(stands(String(proof.cid), account)).resolves.toBe(false)
  })

  it('are not looked up after the signal of a call was aborted', async () => {
    const proof = await give()
    const bytes = await ask([proof, await attestation(proof)])
    const calls: unknown[] = []
    const hanging = (call: unknown): Promise<never> => {
      calls.push(call)
      return new Promise(() => undefined)
    }
    const silent: readonly (readonly [string, Partial<AuthorizeOptions>])[] = [
      ['revocation_unknown', { revocations: { findRevocations: (_, call) => hanging(call) } }],
      ['key_unresolved', { resolver: { resolve: (_, call) => hanging(call) } }],
    ]
    for (const [code, change] of silent) {
      const signal = AbortSignal.timeout(20)
      const decision = await trusting(change).authorize(bytes, { signal })
      expect(decision).toMatchObject({ allowed: false, denial: { code } })
      expect(calls.splice(0)).toEqual([{ signal }])
    }
  })

  it('UCT-59 grant nothing else, and contain nothing else', async () => {
    const proof = await give()
    const more = await attestation(proof, {}, { also: true })
    await expect(decide(await ask([proof, more]))).resolves.toBe('signature_invalid at container UCT-59')
    const two = await coreDelegate({
      issuer: service,
      audience: agent,
      capabilities: [
        { can: 'ucan/attest', with: authority, nb: { proof: proof.cid } as object },
        { can: 'mail/send', with: account },
      ],
    })
    await expect(decide(await ask([proof, two]))).resolves.toBe('signature_invalid at container UCT-59')
    const session = await attestation(proof)
    // The session grants nothing of the authority itself or of another account.
    await expect(decide(await ask([session], agent, authority))).resolves.toBe('root_not_subject at container UCT-33')
    await expect(decide(await ask([proof, session], agent, 'did:mailto:example.com:eve'))).resolves.toBe(
      'subject_misaligned at container UCT-32',
    )
    const byAuthority = await give({ issuer: service } as never)
    await expect(decide(await ask([byAuthority, await attestation(byAuthority)]))).resolves.toBe(
      'root_not_subject at container UCT-33',
    )
  })

  it('replace the key of a did:web that is not resolved, and are not needed when it is', async () => {
    const owner = other.withDID('did:web:owner.example')
    const proof = await give({ issuer: owner, capabilities: [{ can: 'mail/send', with: owner.did() }] } as never)
    const alone = await ask([proof], agent, owner.did())
    const attested = await ask([proof, await attestation(proof)], agent, owner.did())
    await expect(foreignVerdict(alone, service)).resolves.not.toBe('allowed')
    await expect(decide(alone)).resolves.toBe('key_unresolved at 0 PRF-10')
    await expect(foreignVerdict(attested, service)).resolves.toBe('allowed')
    await expect(decide(attested)).resolves.toBe('allowed')
    const known = compositeResolver({
      key: keyResolver(),
      web: {
        resolve: (did) => ({ keys: [parseDidKey(parseDid(String(did) === authority ? key.did() : other.did()))] }),
      },
    })
    await expect(foreignVerdict(alone, service, { keys: { [owner.did()]: other.did() } })).resolves.toBe('allowed')
    await expect(decide(alone, { resolver: known })).resolves.toBe('allowed')
    // An invalid session does not invalidate a valid signature.
    const late = await ask([proof, await attestation(proof, { expiration: now - 100 })], agent, owner.did())
    await expect(decide(late, { resolver: known })).resolves.toBe('allowed')
    await expect(decide(late)).resolves.toBe('key_unresolved at 0 PRF-10')
  })
})

describe('sessions of this library', () => {
  const webSigner = async (): Promise<Signer> => ({ ...(await actor('service')), did: parseDid(authority) })

  it('are accepted by @ucanto/validator and here', async () => {
    const [bob, carol, deputy, signer] = await Promise.all([actor('bob'), actor('carol'), actor('oracle'), webSigner()])
    const issuer = absentIssuer(account)
    const login = await delegate({ issuer, audience: bob.did, command: anyCommand, subject: anySubject })
    expect(login.isSigned).toBe(false)
    const direct = await attest(login, { issuer: signer })
    const given = await delegate({ issuer: signer, audience: deputy.did, command: '/ucan/attest' })
    const delegated = await attest(login, { issuer: deputy, authority, proofs: [given] })
    for (const session of [direct, delegated]) {
      const call = await invoke({
        issuer: bob,
        audience: authority,
        subject: account,
        command: '/mail/send',
        proofs: [login, session],
      })
      const bytes = await archive(call)
      await expect.soft(foreignVerdict(bytes, service)).resolves.toBe('allowed')
      await expect.soft(decide(bytes)).resolves.toBe('allowed')

      const next = await attenuate(login, {
        issuer: bob,
        audience: carol.did,
        subject: account,
        command: '/mail/send',
        attestations: [session],
      })
      const deeper = await invoke({ issuer: carol, audience: authority, command: '/mail/send', proofs: [next] })
      await expect.soft(foreignVerdict(await archive(deeper), service)).resolves.toBe('allowed')
      await expect.soft(decide(await archive(deeper))).resolves.toBe('allowed')
    }
  })

  it('delegate a part of the authority of the account', async () => {
    const [owner, bob, signer] = await Promise.all([actor('carol'), actor('bob'), webSigner()])
    const given = await delegate({ issuer: owner, audience: account, command: '/mail' })
    const login = await attenuate(given, { issuer: absentIssuer(account), audience: bob.did, command: '/mail/send' })
    const session = await attest(login, { issuer: signer })
    const asked = { issuer: bob, audience: authority, command: '/mail/send', proofs: [login, session] }
    const bytes = await archive(await invoke(asked))
    await expect(foreignVerdict(bytes, service)).resolves.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('allowed')
    const wider = await archive(await invoke({ ...asked, command: '/mail/read' }))
    await expect(foreignVerdict(wider, service)).resolves.not.toBe('allowed')
    await expect(decide(wider)).resolves.toBe('command_not_covered at container UCT-31')
  })

  it('are read as they were written', async () => {
    const login = await delegate({ issuer: absentIssuer(account), audience: agent.did(), command: '/mail' })
    const session = await attest(login, { issuer: await webSigner(), expiresIn: 60 })
    expect(session).toMatchObject({ audience: agent.did(), issuer: authority, isSigned: true })
    const [read] = await decode(await archive(login))
    expect(read).toMatchObject({ isSigned: false, issuer: account })
    const [again] = await decode(await archive(session))
    expect(again?.capabilities[0]).toMatchObject({ can: 'ucan/attest', with: authority })
    expect(String(again?.capabilities[0]?.nb.proof)).toBe(String(login.cid))
  })

  it('are refused with invalid options', () => {
    expect(() => absentIssuer(agent.did())).toThrow(ArgumentError)
    expect(() => absentIssuer('alice@example.com')).toThrow(MalformedError)
    expect(() => ucantoFormat({ attestationAuthorities: ['authority.example'] })).toThrow(ArgumentError)
    expect(() => ucantoFormat({ attestationAuthorities: authority as never })).toThrow(ArgumentError)
  })

  it('are verified synchronously if the backend and the resolver are synchronous', async () => {
    const proof = await give()
    const bytes = await ask([proof, await attestation(proof)])
    const options = ownOptions({ audience: authority, resolver, backend }, { attestationAuthorities: [authority] })
    expect(createAuthorizer(options).authorizeSync(bytes)).toMatchObject({ allowed: true })
  })
})
