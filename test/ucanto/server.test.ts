import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { invoke as clientInvoke, connect } from '@ucanto/client'
import { type API, delegate as coreDelegate, Message, ok, Receipt } from '@ucanto/core'
import { Absentee, Verifier } from '@ucanto/principal'
import { create, handle, provide } from '@ucanto/server'
import { CAR, HTTP } from '@ucanto/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { standardFormat } from '../../src/core/authorization/formats/standard-format.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { anyCommand } from '../../src/core/capability/command.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { parseDidKey } from '../../src/core/did/did-key.ts'
import { compositeResolver, keyResolver } from '../../src/core/did/resolver.ts'
import { invoke as standardInvoke } from '../../src/core/invocation/invoke.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError, MalformedError, ResolutionError } from '../../src/errors.ts'
import { createGuard, type Guard } from '../../src/guard/guard.ts'
import { archive } from '../../src/ucanto/archive.ts'
import { attenuate } from '../../src/ucanto/attenuate.ts'
import { attest } from '../../src/ucanto/attest.ts'
import { decode } from '../../src/ucanto/decode.ts'
import { delegate } from '../../src/ucanto/delegate.ts'
import { execute } from '../../src/ucanto/execute.ts'
import { invoke } from '../../src/ucanto/invoke.ts'
import { absentIssuer } from '../../src/ucanto/new-token.ts'
import type { UcantoToken } from '../../src/ucanto/token.ts'
import { ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { ucantoService } from '../../src/ucanto/ucanto-service.ts'
import { inCi } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { oneByteChunks } from '../support/one-byte-chunks.ts'
import { mailSend, peer } from './peers.ts'
import { car, cborBlock } from './raw.ts'

const id = await peer('service')
const [alice, bob, carol] = (await Promise.all(['alice', 'bob', 'carol'].map((name) => actor(name)))) as [
  Actor,
  Actor,
  Actor,
]
const cast = await Promise.all(['alice', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8'].map((name) => actor(name)))
const [alicePeer, bobPeer] = (await Promise.all(['alice', 'bob'].map(peer))) as [Peer, Peer]
type Actor = Awaited<ReturnType<typeof actor>>
type Peer = Awaited<ReturnType<typeof peer>>

const running: HttpServer[] = []
afterEach(() => {
  for (const server of running.splice(0)) server.close()
})

/** Starts a service of `@ucanto/server` over HTTP. */
async function start(service: object, name: Peer = id): Promise<URL> {
  const server = create({
    id: name as never,
    service: service as never,
    codec: CAR.inbound,
    principal: Verifier,
    validateAuthorization: () => ({ ok: {} }),
  })
  return listen(async (body, headers) => {
    const response = await handle(server as never, { body, headers } as never)
    return { status: (response as { status?: number }).status ?? 200, body: response.body as Uint8Array }
  })
}

type Answer = { readonly status: number; readonly body: Uint8Array }

async function listen(answer: (body: Uint8Array, headers: object) => Promise<Answer>): Promise<URL> {
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk as Uint8Array)
    const { status, body } = await answer(new Uint8Array(Buffer.concat(chunks)), request.headers)
    response.writeHead(status, { 'content-type': CAR.contentType }).end(body)
  })
  running.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

/** A mail service of `@ucanto/server`. */
const mail = (name: Peer = id): Promise<URL> =>
  start(
    {
      mail: {
        send: provide(
          mailSend as never,
          ({ capability }) => ok({ sent: (capability as unknown as { nb: { to: string } }).nb.to }) as never,
        ),
      },
    },
    name,
  )

async function callOf(args: object, policyTo?: string): Promise<UcantoToken> {
  const root = await delegate({ issuer: alice, audience: bob.did, command: '/mail' })
  const proof = await attenuate(root, {
    issuer: bob,
    audience: carol.did,
    ...(policyTo === undefined ? {} : { policy: [['==', '.to', policyTo]] }),
  })
  return invoke({ issuer: carol, audience: id.did(), command: '/mail/send', args: args as never, proofs: [proof] })
}

describe('a service of @ucanto/server', () => {
  it('is called over HTTP, and its receipt is verified', async () => {
    const url = await mail()
    const call = await callOf({ to: 'bob' }, 'bob')
    const receipt = await execute(call, { url })
    expect(receipt).toMatchObject({ issuer: id.did(), outcome: { ok: { sent: 'bob' } }, ran: call.cid })
  })

  it('accepts chains of this library, from no delegation to eight', async () => {
    const url = await mail()
    for (const subject of [alice.did, anySubject] as const) {
      let proof: UcantoToken | undefined
      for (let depth = 0; depth <= 8; depth++) {
        const issuer = cast[depth] as Actor
        const call = await invoke({
          issuer,
          audience: id.did(),
          subject: alice.did,
          command: '/mail/send',
          args: { to: 'bob' },
          proofs: proof === undefined ? [] : [proof],
        })
        await expect
          .soft(execute(call, { url }), `${depth}`)
          .resolves.toMatchObject({ outcome: { ok: { sent: 'bob' } } })
        const next = { issuer, audience: (cast[depth + 1] ?? bob).did, command: depth < 3 ? anyCommand : '/mail' }
        if (proof === undefined) proof = await delegate({ ...next, subject })
        else if (subject === anySubject) proof = await delegate({ ...next, subject, proofs: [proof] })
        else proof = await attenuate(proof, next)
      }
    }
  })

  it('accepts sessions of this library, and this library accepts sessions of its ecosystem', async () => {
    const did = 'did:web:service.example' as const
    const web = id.withDID(did) as never as Peer
    const signer = { ...(await actor('service')), did: parseDid(did) }
    const account = 'did:mailto:example.com:alice' as const
    const login = await delegate({
      issuer: absentIssuer(account),
      audience: bob.did,
      command: anyCommand,
      subject: anySubject,
    })
    const session = await attest(login, { issuer: signer })
    const asked = { issuer: bob, audience: did, subject: account, command: '/mail/send', args: { to: 'bob' } }
    const resolver = compositeResolver({
      key: keyResolver(),
      web: { resolve: () => ({ keys: [parseDidKey(parseDid(id.did()))] }) },
    })
    const url = await mail(web)
    await expect(
      execute(await invoke({ ...asked, proofs: [login, session] }), { url, resolver }),
    ).resolves.toMatchObject({ issuer: did, outcome: { ok: { sent: 'bob' } } })
    await expect(execute(await invoke({ ...asked, proofs: [login] }), { url, resolver })).resolves.toMatchObject({
      outcome: { error: { name: 'Unauthorized' } },
    })

    const guarded = createGuard({
      audience: did,
      subjects: anySubject,
      commands: [defineCommand({ command: '/mail/send', args: {} })],
      revocations: memoryRevocationStore(),
      replay: memoryReplayStore(),
      formats: [standardFormat, ucantoFormat({ attestationAuthorities: [did] })],
      resolver,
      audit: { sink: memoryAuditSink() },
    })
    const service = ucantoService(guarded as never, { '/mail/send': ({ subject }) => ({ subject }) })
    const to = connect({
      id: web,
      codec: CAR.outbound,
      channel: HTTP.open({ url: await start(service, web) }) as never,
    })
    const theirs = Absentee.from({ id: account })
    const given = await coreDelegate({
      issuer: theirs,
      audience: bobPeer,
      capabilities: [{ can: 'mail/*', with: account }],
    })
    const attested = await coreDelegate({
      issuer: web,
      audience: bobPeer,
      capabilities: [{ can: 'ucan/attest', with: did, nb: { proof: given.cid } as object }],
    })
    const call = (proofs: readonly API.Delegation[], nonce: string): API.IssuedInvocationView =>
      clientInvoke({
        issuer: bobPeer,
        audience: web,
        capability: { can: 'mail/send', with: account },
        proofs: [...proofs],
        nonce,
      })
    const outcome = async (invocation: API.IssuedInvocationView): Promise<unknown> =>
      ((await invocation.execute(to as never)) as unknown as API.Receipt).out
    await expect(outcome(call([given, attested], 'a nonce of enough bytes'))).resolves.toEqual({
      ok: { subject: account },
    })
    await expect(outcome(call([given], 'another nonce'))).resolves.toMatchObject({
      error: { code: 'signature_invalid', requirement: 'UCT-49' },
    })
  })

  it('reports a refusal as an outcome', async () => {
    const receipt = await execute(await callOf({ to: 'eve' }, 'bob'), { url: await mail() })
    expect(receipt.outcome).toMatchObject({ error: { name: 'Unauthorized' } })
  })

  it('UCT-44 must have signed a receipt for this invocation', async () => {
    const call = await callOf({ to: 'bob' })
    const other = await callOf({ to: 'bob' })
    const result = { ok: {} }
    const answerWith = async (
      issuer: Peer,
      ran: UcantoToken,
      change: (body: Uint8Array) => Uint8Array = (body) => body,
    ): Promise<URL> => {
      const receipt = await Receipt.issue({ issuer, ran: ran.cid as never, result })
      const message = await Message.build({ receipts: [receipt] as never })
      const { body } = await CAR.response.encode(message as never)
      return listen(async () => ({ status: 200, body: change(body as Uint8Array) }))
    }
    await expect(execute(call, { url: await answerWith(id, call) })).resolves.toMatchObject({ outcome: result })
    await expect(execute(call, { url: await answerWith(bobPeer, call) })).rejects.toThrow('not issued by the service')
    await expect(execute(call, { url: await answerWith(id, other) })).rejects.toThrow('does not report the invocation')
    const forged = (body: Uint8Array): Uint8Array => {
      const at = Buffer.from(body).indexOf('ok')
      return Buffer.from(body).fill('no', at, at + 2)
    }
    await expect(execute(call, { url: await answerWith(id, call, forged) })).rejects.toThrow(MalformedError)
    // The same receipt with a signature over other bytes.
    const receipt = await Receipt.issue({ issuer: id, ran: call.cid as never, result })
    const { ocm } = receipt.root.data as { readonly ocm: object }
    const signature = await id.sign(new Uint8Array(3))
    const forgery = cborBlock({ ocm, sig: signature })
    const head = cborBlock({ 'ucanto/message@7.0.0': { report: { [call.cid.toString()]: forgery.cid } } })
    const url = await listen(async () => ({ status: 200, body: car(head.cid, [head, forgery]) }))
    await expect(execute(call, { url })).rejects.toThrow('not signed by its issuer')
  })

  it('UCT-45 must respond with status 200, without redirects, and within the limit of bytes', async () => {
    const call = await callOf({ to: 'bob' })
    const answering = (status: number, body = new Uint8Array(0)): Promise<URL> => listen(async () => ({ status, body }))
    await expect(execute(call, { url: await answering(500) })).rejects.toThrow(ResolutionError)
    await expect(execute(call, { url: 'http://127.0.0.1:1/' })).rejects.toThrow(ResolutionError)
    const long = execute(call, { url: await answering(200, new Uint8Array(300_000)) })
    await expect(long).rejects.toMatchObject({ requirement: 'UCT-45', kind: 'too_large' })
    const fetch = async (): Promise<Response> => Response.redirect('http://127.0.0.1:1/')
    await expect(execute(call, { url: 'http://127.0.0.1:1/', fetch })).rejects.toThrow(ResolutionError)
  })

  it('UCT-45 uses memory for the bytes of a response and not for its chunks', async () => {
    const { stream, grown } = oneByteChunks(inCi ? 200_000 : 100_000)
    const fetch = async (): Promise<Response> => new Response(stream)
    const call = await callOf({ to: 'bob' })
    await expect(execute(call, { url: 'http://127.0.0.1:1/', fetch })).rejects.toThrow(MalformedError)
    expect(grown()).toBeLessThan(5_000_000)
  })

  it('UCT-45 must not end its response early, whatever the status', async () => {
    const call = await callOf({ to: 'bob' })
    for (const status of [200, 500]) {
      const body = new ReadableStream({
        start: (controller) => controller.error(new TypeError('terminated')),
      })
      const fetch = async (): Promise<Response> => new Response(body, { status })
      await expect(execute(call, { url: 'http://127.0.0.1:1/', fetch })).rejects.toThrow(ResolutionError)
    }
  })
})

describe('ucantoService', () => {
  const text = { '~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) } }
  const send = defineCommand({ command: '/mail/send', args: { to: text } })

  function guard(): Guard {
    return createGuard({
      audience: id.did(),
      subjects: anySubject,
      commands: [send],
      revocations: memoryRevocationStore(),
      replay: memoryReplayStore(),
      formats: [ucantoFormat()],
      audit: { sink: memoryAuditSink() },
    }) as unknown as Guard
  }

  const connection = async (): Promise<API.ConnectionView<never>> => {
    const service = ucantoService(guard(), {
      '/mail/send': ({ args, invoker }) => ({ sent: (args as { to: string }).to, invoker }),
    })
    return connect({ id, codec: CAR.outbound, channel: HTTP.open({ url: await start(service) }) as never }) as never
  }

  const ask = async (
    nb: object,
    can = 'mail/send',
    nonce = 'a nonce of enough bytes',
  ): Promise<API.IssuedInvocationView> => {
    const proof = await coreDelegate({
      issuer: alicePeer,
      audience: bobPeer,
      capabilities: [{ can: 'mail/*', with: alicePeer.did(), nb: { to: 'bob' } }],
    })
    const capability = { can, with: alicePeer.did(), nb } as never
    // Each `execute` signs again. With its own expiration, each second would make a different call.
    const expiration = Math.floor(Date.now() / 1000) + 60
    return clientInvoke({ issuer: bobPeer, audience: id, capability, proofs: [proof], nonce, expiration })
  }

  const out = async (invocation: API.IssuedInvocationView, to: API.ConnectionView<never>): Promise<unknown> =>
    ((await invocation.execute(to as never)) as unknown as API.Receipt).out

  it('puts handlers of @ucanto/server behind a guard, for clients of @ucanto/client', async () => {
    const to = await connection()
    const asked = await ask({ to: 'bob' })
    await expect(out(asked, to)).resolves.toEqual({ ok: { sent: 'bob', invoker: bobPeer.did() } })
    await expect(out(asked, to)).resolves.toMatchObject({
      error: { name: 'Unauthorized', code: 'replayed' },
    })
    await expect(out(await ask({ to: 'eve' }, 'mail/send', 'another nonce'), to)).resolves.toMatchObject({
      error: { code: 'policy_unsatisfied', requirement: 'PRF-11' },
    })
  })

  it('is recorded like any call, by a guard that lists both formats', async () => {
    const sink = memoryAuditSink()
    const options = {
      audience: id.did(),
      subjects: anySubject,
      commands: [send],
      revocations: memoryRevocationStore(),
      replay: memoryReplayStore(),
      audit: { sink },
    } as const
    const both = createGuard({ ...options, formats: [standardFormat, ucantoFormat()] })
    const invocation = await ask({ to: 'bob' })
    const [asked] = await decode((await (await invocation.delegate()).archive()).ok as Uint8Array)
    const old = await archive(asked as UcantoToken)
    const fresh = encodeContainer([
      await standardInvoke({ issuer: alice, audience: id.did(), command: send, args: { to: 'bob' } }),
    ])
    for (const container of [old, fresh]) {
      await expect(both.use(container, () => ({ done: true }))).resolves.toMatchObject({ allowed: true })
    }
    await expect(both.use(old, () => ({ done: true }))).resolves.toMatchObject({ denial: { code: 'replayed' } })
    const kinds = sink.records().map(({ event }) => (event as { readonly kind: string }).kind)
    expect(kinds).toEqual(['intent', 'outcome', 'intent', 'outcome', 'denied'])
    expect(sink.records()[0]?.event).toMatchObject({
      invocation: String(asked?.cid),
      chain: asked?.proofs.map(String),
      principals: [alicePeer.did(), bobPeer.did()],
      command: '/mail/send',
    })
    // By default it accepts one format.
    const one = createGuard(options)
    await expect(one.use(old, () => ({ done: true }))).resolves.toMatchObject({ denial: { code: 'unsupported' } })
  })

  it('GRD-20 is not executed by a guard with a ledger, which has no place for its delegations', async () => {
    const sink = memoryAuditSink()
    let ran = 0
    const guarded = createGuard({
      audience: id.did(),
      subjects: anySubject,
      commands: [send],
      revocations: memoryRevocationStore(),
      replay: memoryReplayStore(),
      formats: [ucantoFormat()],
      audit: { sink },
      ledger: { used: async () => undefined },
    })
    const invocation = await ask({ to: 'bob' })
    const [asked] = await decode((await (await invocation.delegate()).archive()).ok as Uint8Array)
    const container = await archive(asked as UcantoToken)
    await expect(guarded.use(container, () => ran++)).rejects.toThrow(
      'the ledger records delegations of UCAN 1.0.0 alone',
    )
    expect({ ran, kinds: sink.records().map(({ event }) => event.kind) }).toEqual({
      ran: 0,
      kinds: ['intent', 'outcome'],
    })
  })

  it('UCT-46 has only the given handlers [attack 43]', async () => {
    const to = await connection()
    for (const can of ['constructor/keys', 'constructor/assign', 'mail/constructor', '__proto__/toString'])
      await expect.soft(out(await ask({}, can), to)).resolves.toMatchObject({ error: { name: 'HandlerNotFound' } })
  })

  it('UCT-62 reports an error of a handler to the service, and not to the caller [attack 77]', async () => {
    const thrown = Object.assign(new Error('no route to canary.internal'), { config: { authorization: 'canary' } })
    const failures: unknown[] = []
    const service = ucantoService(
      guard(),
      { '/mail/send': () => Promise.reject(thrown) },
      { onError: (error) => void failures.push(error) },
    )
    const url = await start(service)
    const to = connect({ id, codec: CAR.outbound, channel: HTTP.open({ url }) as never })
    const answer = await out(await ask({ to: 'bob' }), to as never)
    expect(answer).toEqual({ error: { name: 'HandlerFailed', message: 'the handler failed' } })
    expect(failures).toEqual([thrown])
  })

  it('requires commands of at least two segments, and no command below another', () => {
    const handler = (): { readonly [name: string]: string } => ({})
    expect(() => ucantoService(guard(), { '/mail': handler })).toThrow(ArgumentError)
    expect(() => ucantoService(guard(), { '/mail/send': handler, '/mail/send/now': handler })).toThrow(ArgumentError)
    expect(() => ucantoService(guard(), { '/mail/send/now': handler, '/mail/send': handler })).toThrow(ArgumentError)
  })
})
