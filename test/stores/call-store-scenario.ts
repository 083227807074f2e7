import type { Authorizer } from '../../src/core/authorization/authorize.ts'
import type { CallStore } from '../../src/core/authorization/call-store.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { maxConcurrent, maxSum, maxUses } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { RevocationRegistry } from '../../src/core/revocation/revocation-store.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, createService, delegateRaw, verdict } from '../support/service.ts'

/** The stores of a service, which another process shares. */
export interface ScenarioStores extends Required<Pick<AuthorizeOptions, 'replay' | 'limitStore'>> {
  readonly revocations: RevocationRegistry
  readonly callStore?: CallStore
}

/** The verdicts of {@link playScenario}, whether the stores are asked together or one after the other. */
export const scenarioVerdicts: readonly string[] = [
  'without limits: allowed',
  'a copy of it: replayed at 1 RPL-01',
  'with limits: allowed',
  'a copy of it: replayed at 2 RPL-01',
  'left: 2, 6.00, 2',
  'of a revoked delegation: revoked at 1 RVK-05',
  'left: 2, 6.00, 2',
  'the same at a service without this revocation: allowed',
  'with a revocation of a stranger: allowed',
  'left: 0, 2.00, 0',
  'with nothing left: limit_exhausted at 0 LMT-12',
  'a copy of it: replayed at 2 RPL-01',
  'of a chain with 33 limits: too_large at container LMT-03',
  'a copy of it: too_large at container LMT-03',
]

/** Makes calls of every kind at a service, and returns the verdicts. Times are those of the tests. */
export async function playScenario(stores: ScenarioStores): Promise<readonly string[]> {
  const [alice, bob, carol, dave] = await Promise.all([actor('alice'), actor('bob'), actor('carol'), actor('dave')])
  const service = createService(stores)
  const verdicts: string[] = []
  const args = { amount: '2.00' }
  const send = async (what: string, container: string, authorizer: Authorizer = service): Promise<void> => {
    verdicts.push(`${what}: ${verdict(await authorizer.authorize(container))}`)
  }
  const containerOf = async (issuer: typeof bob, proofs: readonly Delegation[]): Promise<string> =>
    encodeContainer([await call({ issuer, proofs, args, subject: alice.did } as never), ...proofs])
  const free = [await delegateRaw(alice, bob)]
  const root = await delegateRaw(alice, bob, { policy: [maxUses(3), maxSum('.amount', '8.00'), maxConcurrent(3)] })
  const toCarol = await delegateRaw(bob, carol, { subject: alice.did })
  const toDave = await delegateRaw(bob, dave, { subject: alice.did, policy: [maxUses(2)] })
  const left = async (): Promise<void> => {
    const limits = await service.remaining(encodeContainer([root]))
    verdicts.push(`left: ${limits.map(({ remaining }) => remaining).join(', ')}`)
  }

  const first = await containerOf(bob, free)
  await send('without limits', first)
  await send('a copy of it', first)
  const second = await containerOf(carol, [root, toCarol])
  await send('with limits', second)
  await send('a copy of it', second)
  await left()
  await stores.revocations.add({ ids: [toDave.cid.toString()], revoker: bob.did, expiration: now + 600 })
  const revoked = await containerOf(dave, [root, toDave])
  await send('of a revoked delegation', revoked)
  await left()
  const other = createService({ ...stores, revocations: memoryRevocationStore({ clock }) })
  await send('the same at a service without this revocation', revoked, other)
  await stores.revocations.add({ ids: [toCarol.cid.toString()], revoker: dave.did, expiration: now + 600 })
  await send('with a revocation of a stranger', await containerOf(carol, [root, toCarol]))
  await left()
  const late = await containerOf(carol, [root, toCarol])
  await send('with nothing left', late)
  await send('a copy of it', late)
  const policy = Array.from({ length: 33 }, (_, index) => maxUses(index + 1))
  const many = await containerOf(bob, [await delegateRaw(alice, bob, { policy })])
  await send('of a chain with 33 limits', many)
  await send('a copy of it', many)
  return verdicts
}
