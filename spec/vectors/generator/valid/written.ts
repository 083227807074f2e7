/**
 * Calls that are in order, written by the library's own writer.
 *
 * @module
 */

import { anySubject } from '../../../../src/core/capability/subject.ts'
import { encodeContainer } from '../../../../src/core/container/container.ts'
import { type AttenuateOptions, attenuate } from '../../../../src/core/delegation/attenuate.ts'
import { type DelegateOptions, delegate } from '../../../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../../../src/core/delegation/delegation.ts'
import { parseDid } from '../../../../src/core/did/did.ts'
import { type InvokeOptions, invoke } from '../../../../src/core/invocation/invoke.ts'
import type { Signer } from '../../../../src/core/principal/signer.ts'
import { never } from '../../../../src/time.ts'
import { courier, mailer, owner, type Principal, planner, principal, service, stranger } from '../principals.ts'
import { nonceOf, time } from '../token.ts'
import { type Context, contextOf, type Vector } from '../vector.ts'
import { satisfied } from './satisfied.ts'

/** All of them. */
export async function writtenVectors(): Promise<readonly Vector[]> {
  return [
    ...(await chains()),
    ...(await times()),
    ...(await policies()),
    ...(await services()),
    ...(await revocations()),
  ]
}

async function chains(): Promise<readonly Vector[]> {
  const root = await grant(owner, planner)
  const next = await pass([root], planner, mailer, { command: '/mail/send' })
  const last = await pass([root, next], mailer, courier, { policy: [['like', '.to', '*@example.com']] })
  const vectors = [
    await allowed('the owner calls', 'PRF-02', owner, []),
    await allowed('one delegation', 'PRF-04', planner, [root]),
    await allowed('two delegations', 'PRF-05', mailer, [root, next]),
    await allowed('three delegations, each narrower', 'PRF-07', courier, [root, next, last]),
    await allowed('a delegation of everything', 'CMD-06', planner, [await grant(owner, planner, { command: '/' })]),
    await allowed('a delegation of this command and no more', 'PRF-07', planner, [
      await grant(owner, planner, { command: '/mail/send' }),
    ]),
    await allowed('a command far below that of the delegation', 'PRF-07', planner, [root], {
      call: { command: '/mail/send/now/to-all_2' },
    }),
    await allowed('the owner delegates to itself first', 'PRF-05', planner, [await grant(owner, owner), root]),
    await allowed('a delegation with notes', 'TOK-06', planner, [
      await grant(owner, planner, { meta: { ticket: 'A-1' } }),
    ]),
    await allowed('an invocation with notes and a cause', 'TOK-06', planner, [root], {
      call: { meta: { run: 7 }, cause: root.cid },
    }),
    await allowed('a nonce of 12 bytes', 'RPL-02', planner, [root], { call: { nonce: nonceOf('twelve') } }),
    await allowed('a nonce of 64 bytes', 'TOK-05', planner, [root], { call: { nonce: new Uint8Array(64).fill(7) } }),
  ]
  for (const at of [1, 2]) {
    const links = [root, next, last].map(async (link, index) =>
      index === at
        ? powerline(...([undefined, [planner, mailer], [mailer, courier]][at] as [Principal, Principal]), '/mail/send')
        : link,
    )
    vectors.push(await allowed(`delegation ${at} is for any subject`, 'PRF-06', courier, await Promise.all(links)))
  }
  const powered = [root, await powerline(planner, mailer), await powerline(mailer, courier)]
  vectors.push(await allowed('all but the root are for any subject', 'PRF-03', courier, powered))
  for (const [name, keys] of Object.entries({
    'P-256': [principal('owner on P-256', 'ES256'), principal('planner on P-256', 'ES256')],
    secp256k1: [principal('owner on secp256k1', 'ES256K'), principal('planner on secp256k1', 'ES256K')],
    'P-256 and then secp256k1': [principal('owner on P-256', 'ES256'), principal('planner on secp256k1', 'ES256K')],
    'Ed25519 and then P-256': [owner, principal('planner on P-256', 'ES256')],
  })) {
    const [from, to] = keys as [Principal, Principal]
    vectors.push(await allowed(`keys on ${name}`, 'PRF-09', to, [await grant(from, to)], { subject: from }))
  }
  return vectors
}

async function times(): Promise<readonly Vector[]> {
  const exact = { options: { clockTolerance: 0 } }
  const root = await grant(owner, planner)
  const call = { expiration: time + 60 }
  return [
    await allowed(
      'the delegation expires at this second, tolerance left out',
      'TIM-03',
      planner,
      [await grant(owner, planner, { expiration: time })],
      { context: exact, expiration: time },
    ),
    await allowed(
      'the delegation expired as long ago as clocks may differ',
      'TIM-03',
      planner,
      [await grant(owner, planner, { expiration: time - 60 })],
      { expiration: time - 60 },
    ),
    await allowed(
      'the delegation expired five minutes ago, and clocks may differ by that',
      'TIM-06',
      planner,
      [await grant(owner, planner, { expiration: time - 300 })],
      { context: { options: { clockTolerance: 300 } }, expiration: time - 300 },
    ),
    await allowed('the invocation expired as long ago as clocks may differ', 'TIM-03', planner, [root], {
      call: { expiration: time - 60 },
      expiration: time - 60,
    }),
    await allowed(
      'every token expired as long ago as clocks may differ',
      'TIM-06',
      planner,
      [await grant(owner, planner, { expiration: time - 60 })],
      { call: { expiration: time - 60 }, expiration: time - 60 },
    ),
    await allowed(
      'the delegation begins at this second, tolerance left out',
      'TIM-02',
      planner,
      [await grant(owner, planner, { notBefore: time })],
      { context: exact, notBefore: time },
    ),
    await allowed(
      'the delegation begins after as long as clocks may differ',
      'TIM-02',
      planner,
      [await grant(owner, planner, { notBefore: time + 60 })],
      { notBefore: time + 60 },
    ),
    await allowed(
      'the latest beginning counts',
      'TIM-02',
      mailer,
      [
        await grant(owner, planner, { notBefore: time - 20 }),
        await pass([root], planner, mailer, { notBefore: time - 10 }),
      ],
      { notBefore: time - 10 },
    ),
    await allowed(
      'the delegation never expires',
      'TIM-03',
      planner,
      [await grant(owner, planner, { expiration: never })],
      { call, expiration: time + 60 },
    ),
    await allowed('the delegation expires at the last second there is', 'TIM-01', planner, [
      await grant(owner, planner, { expiration: 100_000_000_000 }),
    ]),
    await allowed(
      'the delegation began before 1970',
      'TIM-01',
      planner,
      [await grant(owner, planner, { notBefore: -1 })],
      { notBefore: -1 },
    ),
    await allowed(
      'the delegation ends before the invocation',
      'TIM-03',
      planner,
      [await grant(owner, planner, { expiration: time + 10 })],
      { expiration: time + 10 },
    ),
    await allowed('the invocation lives as long as it may', 'TIM-05', planner, [root], {
      call: { expiration: time + 360 },
      expiration: time + 360,
    }),
    await allowed('the invocation never expires, and the service allows it', 'TIM-05', planner, [root], {
      call: { expiration: never },
      context: { options: { maxInvocationLifetime: 'never' } },
      expiration: time + 3_600,
    }),
    await allowed(
      'nothing ever expires, and the service allows it',
      'TIM-05',
      planner,
      [await grant(owner, planner, { expiration: never })],
      { call: { expiration: never }, context: { options: { maxInvocationLifetime: 'never' } }, expiration: null },
    ),
  ]
}

async function policies(): Promise<readonly Vector[]> {
  const vectors: Vector[] = []
  for (const [name, [policy, args]] of Object.entries(satisfied)) {
    const root = await grant(owner, planner, { policy })
    vectors.push(await allowed(`policy: ${name}`, 'PRF-11', planner, [root], { call: { args } }))
  }
  const root = await grant(owner, planner, { policy: [['<=', '.amount', 100]] })
  const next = await pass([root], planner, mailer, { policy: [['<=', '.amount', 50]] })
  vectors.push(
    await allowed('policy: of both links', 'PRF-11', mailer, [root, next], { call: { args: { amount: 50 } } }),
  )
  return vectors
}

async function services(): Promise<readonly Vector[]> {
  const root = await grant(owner, planner)
  const other = await grant(owner, planner, { expiration: time + 7_200 })
  const self = await grant(service, planner)
  const send = { command: '/mail/send', args: { to: 'text', copies: 'integer?', tags: 'list?' } } as const
  const noNonce = { nonce: new Uint8Array() }
  return [
    await allowed('no audience, and the subject is the service', 'SVC-01', planner, [self], {
      subject: service,
      call: { audience: service.did },
    }),
    await allowed('every subject is served', 'SVC-02', stranger, [], {
      subject: stranger,
      context: { subjects: 'any' },
    }),
    await allowed('one of two subjects that are served', 'SVC-02', planner, [root], {
      context: { subjects: [stranger.did, owner.did] },
    }),
    await allowed('a command of the service, and its arguments', 'SVC-03', planner, [root], {
      context: { commands: [send] },
      call: { args: { to: 'bob@example.com', copies: 2, tags: [] } },
    }),
    await allowed('arguments that may be absent', 'ARG-02', planner, [root], {
      context: { commands: [{ command: '/mail/list', args: {} }, send] },
    }),
    await allowed('no nonce, for an idempotent command', 'RPL-02', planner, [root], {
      context: { commands: [{ ...send, idempotent: true }] },
      call: noNonce,
    }),
    await allowed('no nonce, and the service needs none', 'RPL-02', planner, [root], {
      context: { options: { minimumNonceBytes: 0 } },
      call: noNonce,
    }),
    await allowed('another call was made before', 'RPL-01', planner, [root], {
      seen: [await container(planner, [root], { nonce: nonceOf('before') })],
    }),
    await allowed('the same call with another expiry was made before', 'RPL-01', planner, [root], {
      seen: [await container(planner, [root], { expiration: time + 59 })],
    }),
    await allowed('the replay store is not asked about what is refused', 'RPL-01', planner, [root], {
      seen: [await container(stranger, [root], {})],
    }),
    await allowed('delegations that nothing refers to', 'PRF-01', planner, [root], {
      beside: [other, await grant(stranger, planner)],
    }),
  ]
}

async function revocations(): Promise<readonly Vector[]> {
  const root = await grant(owner, planner)
  const next = await pass([root], planner, mailer, {})
  const other = await grant(owner, planner, { expiration: time + 7_200 })
  const revoked = (id: string, revoker?: Principal): Partial<Context> => ({
    revoked: [revoker === undefined ? { id } : { id, revoker: revoker.did }],
  })
  const links = [root, next]
  return [
    await allowed('revoked by a stranger', 'RVK-03', mailer, links, {
      context: revoked(root.cid.toString(), stranger),
    }),
    await allowed('revoked by its audience', 'RVK-03', mailer, links, {
      context: revoked(next.cid.toString(), mailer),
    }),
    await allowed('the root is revoked by the issuer of the next', 'RVK-03', mailer, links, {
      context: revoked(root.cid.toString(), planner),
    }),
    await allowed('another delegation is revoked', 'RVK-05', mailer, links, {
      context: revoked(other.cid.toString(), owner),
    }),
    await allowed('another principal is revoked', 'RVK-05', mailer, links, { context: revoked(stranger.did) }),
    await allowed('the audience of an unused delegation is revoked', 'RVK-05', planner, [root], {
      beside: [next],
      context: revoked(next.cid.toString()),
    }),
  ]
}

interface Change {
  readonly call?: Partial<InvokeOptions>
  readonly context?: Partial<Context>
  readonly subject?: Principal
  readonly expiration?: number | null
  readonly notBefore?: number
  readonly seen?: readonly string[]
  /** Further delegations in the container. */
  readonly beside?: readonly Delegation[]
}

async function allowed(
  name: string,
  requirement: string,
  invoker: Principal,
  proofs: readonly Delegation[],
  change: Change = {},
): Promise<Vector> {
  const { call = {}, subject = owner, context = {}, seen = [], expiration = time + 60, notBefore, beside = [] } = change
  return {
    name,
    requirement,
    container: await container(invoker, proofs, { subject: subject.did, ...call }, beside),
    context: contextOf({ subjects: [subject.did], seen, ...context }),
    expected: {
      allowed: true,
      subject: subject.did,
      invoker: invoker.did,
      command: call.command === undefined ? '/mail/send' : String(call.command),
      expiration,
      ...(notBefore === undefined ? {} : { notBefore }),
    },
  }
}

async function container(
  invoker: Principal,
  proofs: readonly Delegation[],
  call: Partial<InvokeOptions>,
  beside: readonly Delegation[] = [],
): Promise<string> {
  const invocation = await invoke({
    issuer: signerOf(invoker),
    audience: service.did,
    command: '/mail/send',
    args: { to: 'bob@example.com' },
    proofs,
    nonce: nonceOf('written invocation'),
    clock,
    ...call,
  })
  return encodeContainer([invocation, ...proofs, ...beside])
}

function grant(from: Principal, to: Principal, change: Partial<DelegateOptions> = {}): Promise<Delegation> {
  return delegate({
    issuer: signerOf(from),
    audience: to.did,
    command: '/mail',
    nonce: nonceOf('written delegation'),
    clock,
    ...change,
  })
}

function powerline(from: Principal, to: Principal, command = '/mail'): Promise<Delegation> {
  return grant(from, to, { subject: anySubject, command })
}

function pass(
  proofs: readonly Delegation[],
  from: Principal,
  to: Principal,
  change: Partial<AttenuateOptions>,
): Promise<Delegation> {
  return attenuate(proofs, {
    issuer: signerOf(from),
    audience: to.did,
    nonce: nonceOf('written delegation'),
    clock,
    ...change,
  })
}

function signerOf({ did, algorithm, publicKey, sign }: Principal): Signer {
  return { did: parseDid(did), algorithm, publicKey, sign }
}

const clock = { now: (): number => time }
