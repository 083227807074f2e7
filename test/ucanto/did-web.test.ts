import { createServer } from 'node:http'
import { type API, delegate as coreDelegate, invoke as coreInvoke, ok } from '@ucanto/core'
import { Verifier } from '@ucanto/principal'
import { create, handle, provide } from '@ucanto/server'
import { CAR } from '@ucanto/transport'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Did, parseDid } from '../../src/core/did/did.ts'
import { type FetchLike, webResolver } from '../../src/core/did/did-web.ts'
import { compositeResolver, type DidResolver, keyResolver } from '../../src/core/did/resolver.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { archive } from '../../src/ucanto/archive.ts'
import { attenuate } from '../../src/ucanto/attenuate.ts'
import { delegate } from '../../src/ucanto/delegate.ts'
import { execute } from '../../src/ucanto/execute.ts'
import { invoke } from '../../src/ucanto/invoke.ts'
import { actor } from '../support/actors.ts'
import { listenInTest } from '../support/listen-in-test.ts'
import { archiveOf, foreignVerdict, mailSend, ownVerdict, peer } from './peers.ts'

const ownerDid = 'did:web:owner.example'
const agentDid = 'did:web:agents.example:mail'
const serviceDid = 'did:web:service.example'
const nonce = 'a nonce of enough bytes'
const [ownerKey, agentKey, bob, newKey, serviceKey] = (await Promise.all(
  ['alice', 'carol', 'bob', 'dave', 'service'].map(peer),
)) as [Peer, Peer, Peer, Peer, Peer]
type Peer = Awaited<ReturnType<typeof peer>>
const [owner, agent, service] = [ownerKey.withDID(ownerDid), agentKey.withDID(agentDid), serviceKey.withDID(serviceDid)]

/** The keys that the documents list, by DID. */
let keys: Record<string, readonly string[]>
let local: FetchLike
/** Makes a new resolver for each decision, without memory of others. */
const fresh = (): DidResolver => compositeResolver({ key: keyResolver(), web: webResolver({ fetch: local }) })

beforeEach(async () => {
  keys = { [ownerDid]: [ownerKey.did()], [agentDid]: [agentKey.did()], [serviceDid]: [serviceKey.did()] }
  const server = createServer((request, response) => {
    const [, host, path = ''] = /^\/([a-z.]+)(?:\/([a-z/]+))?\/did\.json$/.exec(request.url ?? '') ?? []
    const did = `did:web:${host}${path === '.well-known' || path === '' ? '' : `:${path.replaceAll('/', ':')}`}`
    const listed = keys[did]
    if (listed === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(documentOf(did, listed)))
  })
  const port = await listenInTest(server)
  local = async (url, init) => {
    const { host, pathname } = new URL(url)
    const response = await fetch(`http://127.0.0.1:${port}/${host}${pathname.replace('/.well-known', '')}`, init)
    return Object.defineProperty(response, 'url', { value: url })
  }
})

function documentOf(did: string, listed: readonly string[]): object {
  const methods = listed.map((key, index) => ({
    id: `${did}#${index}`,
    type: 'Multikey',
    controller: did,
    publicKeyMultibase: key.slice('did:key:'.length),
  }))
  const names = methods.map(({ id }) => id)
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: methods,
    authentication: names,
    assertionMethod: names,
    capabilityDelegation: names,
    capabilityInvocation: names,
  }
}

/** The same keys, in the form of `@ucanto/validator`. */
const known = (): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([did, [key]]) => [did, key ?? '']))

const decide = (bytes: Uint8Array): Promise<string> => ownVerdict(bytes, { audience: serviceDid, resolver: fresh() })

const give = (
  issuer: API.Signer,
  audience: API.Principal,
  proofs: readonly API.Delegation[] = [],
): Promise<API.Delegation> =>
  coreDelegate({
    issuer,
    audience,
    capabilities: [{ can: 'mail/*', with: ownerDid }],
    proofs: [...proofs],
    lifetimeInSeconds: 100,
  })

const ask = (issuer: API.Signer, proofs: readonly API.Delegation[] = []): Promise<Uint8Array> =>
  archiveOf(
    coreInvoke({
      issuer,
      audience: service,
      capability: { can: 'mail/send', with: ownerDid },
      proofs: [...proofs],
      nonce,
    }),
  )

describe('did:web in 0.9.1', () => {
  it('owns, delegates, receives and invokes, here and in @ucanto/validator', async () => {
    const calls = [
      await ask(owner),
      await ask(bob, [await give(owner, bob)]),
      await ask(agent, [await give(owner, agent)]),
      await ask(bob, [await give(agent, bob, [await give(owner, agent)])]),
    ]
    for (const [index, bytes] of calls.entries()) {
      await expect.soft(foreignVerdict(bytes, service, { keys: known() }), `theirs, ${index}`).resolves.toBe('allowed')
      await expect.soft(decide(bytes), `ours, ${index}`).resolves.toBe('allowed')
    }
  })

  it('is accepted by @ucanto/validator and @ucanto/server in tokens of this library', async () => {
    const signers: readonly Signer[] = [
      { ...(await actor('alice')), did: parseDid(ownerDid) },
      { ...(await actor('carol')), did: parseDid(agentDid) },
    ]
    const [ownerSigner, agentSigner, plain] = [...signers, await actor('bob')] as [Signer, Signer, Signer]
    const root = await delegate({ issuer: ownerSigner, audience: agentDid, command: '/mail' })
    const next = await attenuate(root, { issuer: agentSigner, audience: plain.did, command: '/mail/send' })
    const call = await invoke({
      issuer: plain,
      audience: serviceDid,
      command: '/mail/send',
      args: { to: 'bob' },
      proofs: [next],
    })
    const bytes = await archive(call)
    await expect(foreignVerdict(bytes, service, { keys: known() })).resolves.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('allowed')

    const receipt = await execute(call, { url: await serve(), resolver: fresh() })
    expect(receipt).toMatchObject({ issuer: serviceDid, outcome: { ok: { sent: 'bob' } } })
    const own = await invoke({
      issuer: agentSigner,
      audience: serviceDid,
      command: '/mail/send',
      args: { to: 'bob' },
      proofs: [root],
    })
    await expect(execute(own, { url: await serve(), resolver: fresh() })).resolves.toMatchObject({
      outcome: { ok: {} },
    })
    await expect(execute(own, { url: await serve() })).rejects.toThrow('not signed by its issuer')
  })

  it('can change its key: delegations to it stay valid, those by the old key do not [attack 72]', async () => {
    const given = await give(owner, agent)
    const made = await give(agent, bob, [given])
    keys[agentDid] = [newKey.did()]
    const old = await ask(bob, [made])
    await expect(foreignVerdict(old, service, { keys: known() })).resolves.not.toBe('allowed')
    await expect(decide(old)).resolves.toBe('signature_invalid at 1 PRF-08')
    const renewed = await ask(newKey.withDID(agentDid), [given])
    await expect(foreignVerdict(renewed, service, { keys: known() })).resolves.toBe('allowed')
    await expect(decide(renewed)).resolves.toBe('allowed')
    // While both keys are listed, both are accepted.
    keys[agentDid] = [newKey.did(), agentKey.did()]
    for (const bytes of [old, renewed]) await expect.soft(decide(bytes)).resolves.toBe('allowed')
  })

  it('is refused without its document or without a resolver', async () => {
    const bytes = await ask(bob, [await give(owner, bob)])
    delete keys[ownerDid]
    await expect(foreignVerdict(bytes, service, { keys: known() })).resolves.not.toBe('allowed')
    await expect(decide(bytes)).resolves.toBe('key_unresolved at 0 PRF-10')
    await expect(ownVerdict(bytes, { audience: serviceDid })).resolves.toBe('key_unresolved at 0 PRF-10')
    const errors: unknown[] = []
    const down: DidResolver = { resolve: () => Promise.reject(new Error('down')) }
    const onError = (error: unknown): void => {
      errors.push(error)
    }
    await expect(
      ownVerdict(bytes, {
        audience: serviceDid,
        resolver: compositeResolver({ key: keyResolver(), web: down }),
        onError,
      }),
    ).resolves.toBe('key_unresolved at 0 PRF-10')
    expect(errors.length).toBeGreaterThan(0)
    // The key of another DID is not used, although it has the same algorithm.
    keys[ownerDid] = [newKey.did()]
    await expect(decide(bytes)).resolves.toBe('signature_invalid at 0 PRF-08')
  })
})

/** A service of `@ucanto/server` that has a `did:web` and resolves others. */
async function serve(): Promise<URL> {
  const handlers = {
    mail: {
      send: provide(
        mailSend as never,
        ({ capability }) => ok({ sent: (capability as unknown as { nb: { to: string } }).nb.to }) as never,
      ),
    },
  }
  const server = create({
    id: service as never,
    service: handlers as never,
    codec: CAR.inbound,
    principal: Verifier,
    resolveDIDKey: (did: Did) => ({ ok: [known()[did]] }) as never,
    validateAuthorization: () => ({ ok: {} }),
  } as never)
  const listener = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk as Uint8Array)
    const answer = await handle(
      server as never,
      { body: new Uint8Array(Buffer.concat(chunks)), headers: request.headers } as never,
    )
    response.writeHead(200, { 'content-type': CAR.contentType }).end(answer.body as Uint8Array)
  })
  return new URL(`http://127.0.0.1:${await listenInTest(listener)}/`)
}
