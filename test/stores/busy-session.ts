import { approve } from '../../src/approval/approve.ts'
import type { CallStore } from '../../src/core/authorization/call-store.ts'
import { maxConcurrent, maxRate, maxSum, maxUses } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import type { SharedPersonalKeyStore, SharedProcessedSets, SharedStores } from '../../src/stores/shared-stores.ts'
import { never } from '../../src/time.ts'
import { agent, owner, receivedRequest, sentRequest } from '../approval/cast.ts'
import { claims, issuer, receive, sessionRevoked, sign } from '../revocation-sources/security-events.ts'
import { actor, now } from '../support/actors.ts'
import { call, createService, delegateRaw, verdict } from '../support/service.ts'

/** Everything that keeps state for a service. */
export interface SessionStores {
  readonly stores: SharedStores & { readonly callStore?: CallStore }
  readonly keys: SharedPersonalKeyStore
  readonly processed: SharedProcessedSets
}

const command = '/mail/send'
const person = 'canary.person@example.com'
const args: IpldMap = { to: 'canary.recipient@example.com', subject: 'Canary subject', amount: '12.34' }
const eventId = 'canary-event-id'

/**
 * Uses every store: calls of a chain with each kind of limit, together and one after the other, tasks of an idempotent
 * command, an approved call, revocations of delegations and principals, keys of persons, and a security event.
 *
 * @returns the texts that no store may contain: principals, delegations, calls, commands, arguments, persons and
 *   secrets.
 */
export async function playSession(
  { stores, keys, processed }: SessionStores,
  secret: Uint8Array,
): Promise<readonly string[]> {
  const { callStore: _, ...apart } = stores
  const people: readonly Signer[] = await Promise.all(['alice', 'bob', 'carol'].map((name) => actor(name)))
  const [alice, bob, carol] = people as [Signer, Signer, Signer]
  const tokens: Delegation[] = []
  const calls: Uint8Array[] = []
  const verdicts: string[] = []
  const policy = [maxUses(50), maxSum('.amount', '5000.00'), maxRate(40, 60), maxConcurrent(40)]
  const root = await delegateRaw(alice, bob, { policy })
  const passed = await delegateRaw(bob, carol, { subject: alice.did, policy: [maxUses(45)] })
  tokens.push(root, passed)
  const send = async (by: Signer, proofs: readonly Delegation[], change: object = {}): Promise<void> => {
    const subject = (proofs[0] as Delegation).issuer
    const invocation = await call({ issuer: by, proofs, args, subject, ...change } as never)
    calls.push(invocation.bytes)
    const container = encodeContainer([invocation, ...proofs])
    const service = createService(calls.length % 2 === 0 ? stores : apart)
    const decision = await service.authorize(container)
    verdicts.push(verdict(decision))
    await service.authorize(container)
    await service.remaining(encodeContainer(proofs))
    if (decision.allowed && calls.length % 3 === 0) await service.finish(decision.authorization)
  }
  for (let count = 0; count < 6; count++) {
    await send(bob, [root])
    await send(carol, [root, passed])
  }
  const entry = { key: 'canary limit', kind: 'total', maximum: 9, amount: 1, expiration: now + 600 } as const
  const request = { entries: [entry], deadline: now + 60, task: 'canary task' }
  await stores.limitStore.reserve({ ...request, reservation: 'canary reservation', commit: true }, {})
  await stores.limitStore.reserve({ ...request, reservation: 'canary open reservation', commit: false }, {})
  const { delegation: approval } = await approve(await receivedRequest(await sentRequest({ args })), {
    issuer: owner,
    clock: { now: () => now },
  })
  tokens.push(approval)
  await send(agent, [approval])
  const revoked = { ids: [passed.cid.toString()], revoker: bob.did, expiration: now + 600 }
  await stores.revocations.add(revoked)
  await stores.revocations.add({ ids: [carol.did], expiration: never })
  await send(carol, [root, passed])
  for (const name of [person, `${person}.au`]) await keys.obtain(name, {})
  await keys.destroy(`${person}.au`)
  const receiver = receive({ processed, revocations: stores.revocations })
  const token = await sign(claims(eventId))
  const receptions = [await receiver.receive(token), await receiver.receive(token)]
  const wanted = [...Array.from({ length: 13 }, () => 'allowed'), 'revoked at 1 RVK-05']
  if (verdicts.join() !== wanted.join()) throw new Error(`the session was another one: ${verdicts.join(', ')}`)
  if (JSON.stringify(receptions).includes('"accepted":false')) throw new Error('the event was refused')
  const dids = [...people, agent, owner].map(({ did }) => did)
  return [
    ...dids.flatMap((did) => [did, did.slice('did:key:'.length)]),
    ...tokens.map(({ cid }) => cid.toString()),
    ...calls.map((bytes) => Buffer.from(bytes.subarray(4, 40)).toString('latin1')),
    ...Object.values(args).map(String),
    ...[command, '/mail', person, eventId, issuer, sessionRevoked, 'did:key'],
    ...['canary limit', 'canary task', 'canary reservation', 'canary open reservation'],
    Buffer.from(secret).toString('latin1'),
  ]
}

/**
 * The texts that are in a dump as they are, in hexadecimal, or in base64 at any of its three positions. Short ones are
 * left out in base64, and all of one byte in the encodings.
 */
export function foundIn(dump: Buffer, texts: readonly string[]): readonly string[] {
  const content = dump.toString('latin1')
  const lower = content.toLowerCase()
  return texts.filter((text) => {
    const bytes = Buffer.from(text, 'latin1')
    if (content.includes(text) || lower.includes(bytes.toString('hex'))) return true
    return [0, 1, 2].some((shift) => {
      const padded = Buffer.concat([Buffer.alloc(shift), bytes])
      const inner = (encoded: string): string => encoded.slice(Math.ceil((shift * 4) / 3) + 1, -3).replace(/=+$/, '')
      return (['base64', 'base64url'] as const).some((form) => {
        const part = inner(padded.toString(form))
        return part.length >= 6 && content.includes(part)
      })
    })
  })
}
