import { getEventListeners } from 'node:events'
import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { invoke as coreInvoke, Message, Receipt } from '@ucanto/core'
import { CAR } from '@ucanto/transport'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { withDeadline } from '../src/audit/combine/with-deadline.ts'
import { auditHistory } from '../src/audit/history.ts'
import { openPersonal, sealPersonal } from '../src/audit/privacy/personal.ts'
import { memoryPersonalKeyStore } from '../src/audit/privacy/personal-key-store.ts'
import { recoverIntents } from '../src/audit/recovery/recover-intents.ts'
import { memoryAuditSink } from '../src/audit/sinks/memory-audit-sink.ts'
import { signCheckpoint } from '../src/audit/verify/checkpoint.ts'
import { authorizeMany } from '../src/core/authorization/authorize-many.ts'
import { memoryReplayStore } from '../src/core/authorization/replay-store.ts'
import { verifyRevocation } from '../src/core/authorization/verify-revocation.ts'
import { defineCommand } from '../src/core/capability/definition.ts'
import { encodeContainer } from '../src/core/container/container.ts'
import { attenuate } from '../src/core/delegation/attenuate.ts'
import { delegate } from '../src/core/delegation/delegate.ts'
import { parseDid } from '../src/core/did/did.ts'
import { webResolver } from '../src/core/did/did-web.ts'
import { fromDidResolver } from '../src/core/did/from-did-resolver.ts'
import { compositeResolver, type DidResolver, keyResolver } from '../src/core/did/resolver.ts'
import { invoke } from '../src/core/invocation/invoke.ts'
import { remoteSigner } from '../src/core/principal/remote-signer.ts'
import type { Signer } from '../src/core/principal/signer.ts'
import { findProofs } from '../src/core/proof/find-proofs.ts'
import { memoryProofStore } from '../src/core/proof/memory-proof-store.ts'
import { issueReceipt } from '../src/core/receipt/issue-receipt.ts'
import { verifyReceipt } from '../src/core/receipt/verify-receipt.ts'
import { memoryRevocationStore } from '../src/core/revocation/memory-revocation-store.ts'
import { revoke } from '../src/core/revocation/revoke.ts'
import * as ucanto from '../src/entries/ucanto.ts'
import { assumeRoleSource, secretsManagerSource } from '../src/entries/vault/aws.ts'
import type { GuardedCall } from '../src/guard/call.ts'
import { createGuard } from '../src/guard/guard.ts'
import type { GuardOptions } from '../src/guard/options.ts'
import { createVault } from '../src/vault/create-vault.ts'
import type { Processor } from '../src/vault/processor.ts'
import { bearer } from '../src/vault/processors/bearer.ts'
import { resilient } from '../src/vault/resilience/resilient.ts'
import { Secret } from '../src/vault/secret.ts'
import type { SecretSource } from '../src/vault/source.ts'
import { tokenExchangeSource } from '../src/vault/stores/oauth/token-exchange.ts'
import { fixedToken, jwtLogin, openbaoSource } from '../src/vault/stores/openbao/openbao-vault.ts'
import type { Vault } from '../src/vault/vault.ts'
import { actor, clock, now } from './support/actors.ts'
import { call, chainOf, createService, service } from './support/service.ts'
import { peer } from './ucanto/peers.ts'
import { permission } from './vault/support.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const [grant] = proofs as readonly [(typeof proofs)[0]]
const task = CID.parse('bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const command = '/mail/send'
const container = async (): Promise<string> => encodeContainer([await call({ issuer: bob, proofs }), ...proofs])
const receipt = await issueReceipt({ executor: service, task, outcome: { ok: {} }, clock })
const revocation = encodeContainer([await revoke({ issuer: alice, delegation: grant }), grant])

/** A message with a receipt, as a service of @ucanto/core makes it. */
async function messageOfPeer(): Promise<Uint8Array> {
  const issuer = await peer('service')
  const ran = await coreInvoke({
    issuer,
    audience: issuer,
    capability: { can: 'mail/send', with: issuer.did() },
  }).delegate()
  const receipt = await Receipt.issue({ issuer, ran, result: { ok: {} } })
  const { body } = await CAR.response.encode(await Message.build({ receipts: [receipt] }))
  return new Uint8Array(body)
}
const reportOfPeer = await messageOfPeer()
const asked = { url: 'https://api.example/', reference: 'mail' }

/** Something that is waited for, and may never come. It minds no signal. */
type Wait = <T>(value: T) => Promise<T>

const web = parseDid('did:web:id.example.com')
const signer = (later: Wait): Signer => ({ ...bob, sign: async (bytes) => later(await bob.sign(bytes)) })
const resolver = (later: Wait): DidResolver => ({
  resolve: async (did) => later(await keyResolver().resolve(did, {})),
})
const answer =
  (later: Wait, body: unknown = {}): typeof fetch =>
  () =>
    later(Response.json(body))
/** One whose head comes at once. */
const slowBody =
  (later: Wait): typeof fetch =>
  async () =>
    new Response(
      new ReadableStream(
        { pull: (controller) => later(undefined).then(() => controller.close()) },
        { highWaterMark: 0 },
      ),
    )

function sourceOf(later: Wait, at: 'read' | 'nowhere' = 'read'): SecretSource {
  return {
    name: 'test',
    read: async (reference) => {
      const about = { version: '1', kind: 'static', downscoped: false, readAt: now } as const
      const reading = { reference, secret: new Secret('canary-1'), ...about }
      return at === 'read' ? later(reading) : reading
    },
  }
}

function vaultOf(source: SecretSource, change: { apply?: Wait; fetch?: typeof fetch } = {}): Vault {
  const { apply, fetch = async () => new Response('ok') } = change
  const plain = bearer()
  const slow: Processor['apply'] = async (...given) => apply?.(await plain.apply(...given)) ?? plain.apply(...given)
  const processor = { ...plain, apply: slow }
  return createVault({
    source,
    credentials: { mail: { origins: ['https://api.example'], processor, leasable: true } },
    fetch,
  })
}

function guardOf(change: Partial<GuardOptions>) {
  return createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [{ ...defineCommand({ command, args: {} }), credential: 'mail' }],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    vault: vaultOf(sourceOf(async (value) => value)),
    audit: { sink: memoryAuditSink() },
    clock,
    ...change,
  })
}

/**
 * Each function of the package that takes a signal, with something in it that can hang, once for each thing that it
 * waits for. Left out are sinks, which finish what they have begun to write ({@link withDeadline} bounds how long it is
 * waited for), and `CallSender`, which hands the signal to `fetch`.
 */
const cases: Readonly<Record<string, (later: Wait, signal: AbortSignal) => Promise<unknown>>> = {
  'authorize, at the revocation store': async (later, signal) =>
    createService({ revocations: { findRevocations: () => later([]) } }).authorize(await container(), { signal }),
  'authorize, at the replay store': async (later, signal) =>
    createService({ replay: { claim: () => later(true) } }).authorize(await container(), { signal }),
  'authorize, at the resolver': async (later, signal) =>
    createService({ resolver: resolver(later) }).authorize(await container(), { signal }),
  authorizeMany: async (later, signal) =>
    authorizeMany(createService({ revocations: { findRevocations: () => later([]) } }), [await container()], {
      signal,
    }),
  recheck: async (later, signal) => {
    let waits: Wait = async (value) => value
    const authorizer = createService({ revocations: { findRevocations: () => waits([]) } })
    const decision = await authorizer.authorize(await container())
    waits = later
    if (!decision.allowed) throw new Error('refused')
    return authorizer.recheck(decision.authorization, { signal })
  },
  'verifyRevocation, at the resolver': (later, signal) =>
    verifyRevocation(revocation, { resolver: resolver(later), clock, signal }),
  'verifyRevocation, at the revocation store': (later, signal) =>
    verifyRevocation(revocation, { revocations: { findRevocations: () => later([]) }, clock, signal }),
  verifyReceipt: (later, signal) =>
    verifyReceipt(receipt.bytes, { executor: service.did, task, resolver: resolver(later), signal }),
  findProofs: (later, signal) => {
    const store = memoryProofStore()
    store.add(proofs)
    const slow = { delegationsTo: async (audience: never) => later(await store.delegationsTo(audience, {})) }
    return findProofs(slow, { invoker: bob.did, subject: alice.did, command, clock, signal })
  },
  delegate: (later, signal) => delegate({ issuer: signer(later), audience: alice.did, command, clock, signal }),
  attenuate: (later, signal) => attenuate(proofs, { issuer: signer(later), audience: service.did, clock, signal }),
  invoke: (later, signal) => invoke({ issuer: signer(later), command, proofs, clock, signal }),
  revoke: (later, signal) => revoke({ issuer: signer(later), delegation: grant, signal }),
  issueReceipt: (later, signal) => issueReceipt({ executor: signer(later), task, outcome: { ok: {} }, clock, signal }),
  'sign of a remote signer': async (later, signal) => {
    const remote = remoteSigner({ did: bob.did, sign: async (bytes) => later(await bob.sign(bytes)) })
    return remote.sign(new Uint8Array(3), { signal })
  },
  'resolve of did:web, at the look-up': async (later, signal) =>
    webResolver({ lookup: () => later(['1.1.1.1']), fetch: answer(async (value) => value) }).resolve(web, { signal }),
  'resolve of did:web, at the request': async (later, signal) =>
    webResolver({ fetch: answer(later) }).resolve(web, { signal }),
  'resolve of a resolver of did-resolver': async (later, signal) =>
    fromDidResolver({ resolve: () => later({ didResolutionMetadata: { error: 'notFound' } }) as never }).resolve(web, {
      signal,
    }),
  'resolve of several resolvers': async (later, signal) =>
    compositeResolver({ web: { resolve: () => later(undefined) } }).resolve(web, { signal }),
  'ucanto.delegate': (later, signal) =>
    ucanto.delegate({ issuer: signer(later), audience: alice.did, command, signal }),
  'ucanto.invoke': (later, signal) =>
    ucanto.invoke({ issuer: signer(later), audience: service.did, command, args: {}, signal }),
  'ucanto.attest': async (later, signal) => {
    const delegation = await ucanto.delegate({ issuer: alice, audience: bob.did, command })
    return ucanto.attest(delegation, { issuer: signer(later), signal })
  },
  'ucanto.execute, at the request': async (later, signal) => {
    const invocation = await ucanto.invoke({ issuer: bob, audience: service.did, command, args: {} })
    return ucanto.execute(invocation, { url: 'https://ucanto.example', fetch: answer(later), signal })
  },
  'ucanto.execute, at the body': async (later, signal) => {
    const invocation = await ucanto.invoke({ issuer: bob, audience: service.did, command, args: {} })
    return ucanto.execute(invocation, { url: 'https://ucanto.example', fetch: slowBody(later), signal })
  },
  'ucanto.decodeMessage': (later, signal) => ucanto.decodeMessage(reportOfPeer, { resolver: resolver(later), signal }),
  'ucanto.verifyRevocation': async (later, signal) => {
    const delegation = await ucanto.delegate({ issuer: alice, audience: bob.did, command })
    const revoking = await ucanto.invoke({
      issuer: alice,
      audience: service.did,
      command: '/ucan/revoke',
      args: { ucan: delegation.cid },
    })
    return ucanto.verifyRevocation(await ucanto.archive(revoking), {
      audience: service.did,
      revocations: memoryRevocationStore(),
      find: () => later(delegation),
      signal,
    })
  },
  'guard.use, at the revocation store': async (later, signal) =>
    guardOf({ revocations: { findRevocations: () => later([]) } }).use(await container(), () => 1, { signal }),
  'guard.use, at the handler': async (later, signal) => guardOf({}).use(await container(), () => later(1), { signal }),
  'guard.use, at the vault': async (later, signal) =>
    guardOf({ vault: vaultOf(sourceOf(later)) }).use(await container(), ({ fetch }: GuardedCall) => fetch(asked.url), {
      signal,
    }),
  'guard.use, at the upstream': async (later, signal) =>
    guardOf({ vault: vaultOf(sourceOf(later, 'nowhere'), { fetch: answer(later) }) }).use(
      await container(),
      ({ fetch }: GuardedCall) => fetch(asked.url),
      { signal },
    ),
  'guard.use, at the sink': async (later, signal) => {
    const inner = memoryAuditSink()
    const sink = {
      ...inner,
      append: async (...given: Parameters<typeof inner.append>) => later(await inner.append(...given)),
    }
    return guardOf({ audit: { sink, deadlineMs: 50 } }).use(await container(), () => 1, { signal })
  },
  'guard.authorize': async (later, signal) =>
    guardOf({ replay: { claim: () => later(true) } }).authorize(await container(), { signal }),
  'guard.dryRun': async (later, signal) =>
    guardOf({ revocations: { findRevocations: () => later([]) } }).dryRun(await container(), { signal }),
  'vault.use, at the store': async (later, signal) => {
    const vault = vaultOf(sourceOf(later))
    return (await vault.use({ ...asked, authorization: permission() }, { signal })).text()
  },
  'vault.use, at the recheck': async (later, signal) => {
    const vault = vaultOf(sourceOf(later, 'nowhere'))
    const recheck = (): Promise<boolean> => later(true)
    return (await vault.use({ ...asked, authorization: permission() }, { signal, recheck })).text()
  },
  'vault.use, at the processor': async (later, signal) => {
    const vault = vaultOf(sourceOf(later, 'nowhere'), { apply: later })
    return (await vault.use({ ...asked, authorization: permission() }, { signal })).text()
  },
  'vault.use, at the upstream': async (later, signal) => {
    const vault = vaultOf(sourceOf(later, 'nowhere'), { fetch: answer(later) })
    return (await vault.use({ ...asked, authorization: permission() }, { signal })).text()
  },
  'vault.use, at the body': async (later, signal) => {
    const vault = vaultOf(sourceOf(later, 'nowhere'), { fetch: slowBody(later) })
    return (await vault.use({ ...asked, authorization: permission() }, { signal })).text()
  },
  'vault.lease': (later, signal) => vaultOf(sourceOf(later)).lease('mail', { authorization: permission(), signal }),
  'read of a store that bears failures': (later, signal) =>
    resilient(sourceOf(later), { attempts: 1 }).read('mail', { scope: '', signal }),
  'read of OpenBao, at the login': (later, signal) =>
    openbaoSource({
      address: 'https://bao.example',
      login: jwtLogin({ role: 'r', jwt: () => later('jwt') }),
      secrets: { mail: { engine: 'kv', path: 'a', field: 'b' } },
      fetch: answer(async (value) => value),
    }).read('mail', { scope: '', signal }),
  'read of OpenBao, at the request': (later, signal) =>
    openbaoSource({
      address: 'https://bao.example',
      login: fixedToken('t'),
      secrets: { mail: { engine: 'kv', path: 'a', field: 'b' } },
      fetch: answer(later),
    }).read('mail', { scope: '', signal }),
  'read of OpenBao, at the body': (later, signal) =>
    openbaoSource({
      address: 'https://bao.example',
      login: fixedToken('t'),
      secrets: { mail: { engine: 'kv', path: 'a', field: 'b' } },
      fetch: slowBody(later),
    }).read('mail', { scope: '', signal }),
  'read of AWS Secrets Manager, at the keys': (later, signal) =>
    secretsManagerSource({
      region: 'eu-central-1',
      keys: () => later({ accessKeyId: 'AKIA', secretAccessKey: 's' }),
      secrets: { mail: { secretId: 'a' } },
      fetch: answer(async (value) => value),
    }).read('mail', { scope: '', signal }),
  'read of AWS STS, at the request': (later, signal) => {
    const grants = [{ command, statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::bucket/a'] }] }]
    const source = assumeRoleSource({
      region: 'eu-central-1',
      keys: { accessKeyId: 'AKIA', secretAccessKey: 's' },
      roles: { mail: { roleArn: 'arn:aws:iam::123456789012:role/r', grants } },
      fetch: answer(later),
    })
    const scope = source.scope?.('mail', permission({ path: command })) ?? ''
    return source.read('mail', { scope, signal })
  },
  'read of a token exchange, at the subject token': (later, signal) => {
    const source = tokenExchangeSource({
      tokenEndpoint: 'https://as.example/token',
      clientId: 'c',
      authentication: 'none',
      exchanges: { mail: { subjectToken: () => later({ token: 't' }) } },
      fetch: answer(async (value) => value),
    })
    const scope = source.scope?.('mail', permission()) ?? ''
    return source.read('mail', { scope, signal })
  },
  sealPersonal: async (later, signal) => {
    const keys = memoryPersonalKeyStore()
    const slow = { ...keys, obtain: async (name: string) => later(await keys.obtain(name, {})) }
    return sealPersonal({ a: 'b' }, 'event', { key: 'person', keys: slow, signal })
  },
  openPersonal: async (later, signal) => {
    const keys = memoryPersonalKeyStore()
    const personal = await sealPersonal({ a: 'b' }, 'event', { key: 'person', keys })
    const slow = { ...keys, find: async (name: string) => later(await keys.find(name, {})) }
    const event = { kind: 'intent', id: 'event', personal } as never
    return openPersonal(event, { keys: slow, signal })
  },
  signCheckpoint: (later, signal) =>
    signCheckpoint({
      signer: signer(later),
      log: 'log',
      position: { sequence: 1, hash: '0'.repeat(64) },
      time: now,
      signal,
    }),
  recoverIntents: (later, signal) => {
    const history = auditHistory({
      inherited: 1,
      async *newestFirst() {
        yield await later([])
      },
    })
    return recoverIntents({ sink: { ...memoryAuditSink(), history }, signal })
  },
  'append within a deadline': (later, signal) => {
    const inner = memoryAuditSink()
    const append: typeof inner.append = async (event, given) => later(await inner.append(event, given))
    const sink = withDeadline({ ...inner, append }, { deadlineMs: 50 })
    return sink.append({ kind: 'denied', id: 'a', time: now, code: 'replayed' }, { signal })
  },
}

const comes: Wait = async (value) => value
const hangs: Wait = () => new Promise(() => undefined)
const left = new Error('the caller left')

/**
 * How it ended, or that it did not: a second is far more than it takes, and less than each time limit of the package.
 */
async function endOf(work: Promise<unknown>): Promise<string> {
  const ended = work.then(
    () => 'ended',
    () => 'ended',
  )
  const patience = new AbortController()
  const end = await Promise.race([ended, wait(1_000, 'hangs', { signal: patience.signal }).catch(() => 'ended')])
  patience.abort()
  return end
}

describe('a signal', () => {
  for (const [what, begin] of Object.entries(cases)) {
    it(`GRD-15 of ${what}: it ends, whenever the signal fires, and leaves no listener`, async () => {
      const before = AbortSignal.abort(left)
      expect(await endOf(begin(hangs, before))).toBe('ended')

      const during = new AbortController()
      const work = begin(hangs, during.signal)
      work.catch(() => undefined)
      await wait(5)
      during.abort(left)
      expect(await endOf(work)).toBe('ended')

      const after = new AbortController()
      expect(await endOf(begin(comes, after.signal))).toBe('ended')
      expect(getEventListeners(after.signal, 'abort')).toEqual([])
      after.abort(left)
      await setImmediate()
      for (const signal of [before, during.signal]) expect(getEventListeners(signal, 'abort')).toEqual([])
    })
  }
})
