import { describe, expect, it } from 'vitest'
import { deciderOf } from '../../../src/core/authorization/authorize.ts'
import { maxUses } from '../../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { never } from '../../../src/time.ts'
import { playScenario, type ScenarioStores, scenarioVerdicts } from '../../stores/call-store-scenario.ts'
import { storesTogether } from '../../stores/stores-together.ts'
import { actor } from '../../support/actors.ts'
import { call, createService, delegateRaw, serviceOptions, verdict } from '../../support/service.ts'

const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])

async function containerOf(...policy: readonly unknown[]): Promise<string> {
  const proofs = [await delegateRaw(alice, bob, { policy })]
  return encodeContainer([await call({ issuer: bob, proofs }), ...proofs])
}

describe('STO-11 stores that are asked together', () => {
  it('lead to the same decisions, with one request a call', async () => {
    const { callStore: _, ...apart } = storesTogether().stores
    expect(await playScenario(apart)).toEqual(scenarioVerdicts)
    const { stores, questions } = storesTogether()
    expect(await playScenario(stores)).toEqual(scenarioVerdicts)
    // Not the call at the service with another store, and not the two with too many limits.
    expect(questions).toHaveLength(8)
  })

  it.each(['revocations', 'replay', 'limitStore'] as const)(
    'are asked one by one if `%s` is replaced',
    async (name) => {
      const { stores, questions } = storesTogether()
      const replaced: ScenarioStores = { ...stores, [name]: { ...stores[name] } }
      expect(await playScenario(replaced)).toEqual(scenarioVerdicts)
      expect(questions).toEqual([])
    },
  )

  it('claim no call that a guard refuses for another reason', async () => {
    const { stores, questions } = storesTogether()
    const { decide } = deciderOf(serviceOptions(stores))
    const container = await containerOf(maxUses(1))
    const furtherCheck = () => ({ code: 'command_mismatch', message: 'another', requirement: 'GRD-01' }) as never
    expect(verdict(await decide(container, { furtherCheck }))).toBe('command_mismatch at container GRD-01')
    expect(questions).toEqual([])
    expect(verdict(await decide(container, { furtherCheck: () => undefined }))).toBe('allowed')
    expect(questions).toHaveLength(1)
  })

  it('LMT-19 are not asked about a limit for another service: no use and no claim is left', async () => {
    const { stores, questions } = storesTogether()
    const container = await containerOf(maxUses(1, 'did:web:other.example'), maxUses(1))
    const authorizer = createService(stores)
    for (let time = 0; time < 2; time++)
      expect(verdict(await authorizer.authorize(container))).toBe('policy_unsatisfied at 0 LMT-19')
    expect(questions).toEqual([])
    expect(stores.replay.size).toBe(0)
    expect(stores.limitStore.size).toBe(0)
  })

  it('are asked after the questions of a guard, as each by itself is: a revoked call has the same denial', async () => {
    const { stores } = storesTogether()
    const proofs = [await delegateRaw(alice, bob)]
    await stores.revocations.add({ ids: [alice.did], expiration: never })
    const container = encodeContainer([await call({ issuer: bob, proofs }), ...proofs])
    const furtherCheck = () => ({ code: 'command_mismatch', message: 'another', requirement: 'GRD-01' }) as never
    const { callStore: _, ...apart } = stores
    for (const given of [stores, apart]) {
      const { decide } = deciderOf(serviceOptions(given))
      expect(verdict(await decide(container, { furtherCheck }))).toBe('command_mismatch at container GRD-01')
      expect(verdict(await decide(container, {}))).toBe('revoked at 0 RVK-05')
    }
    expect(stores.replay.size).toBe(0)
  })

  it('allow nothing if they reject, or answer in another form', async () => {
    const fulfilled = (value: unknown) => ({ status: 'fulfilled', value })
    const none = fulfilled([])
    const first = fulfilled(true)
    const failed = { status: 'rejected', reason: new Error('down') }
    const answers: readonly (readonly [answer: unknown, code: string])[] = [
      [Promise.reject(new Error('down')), 'revocation_unknown'],
      [undefined, 'revocation_unknown'],
      [{}, 'revocation_unknown'],
      [{ revocations: [] }, 'revocation_unknown'],
      [{ revocations: fulfilled(undefined), claim: first }, 'revocation_unknown'],
      [{ revocations: failed, claim: first }, 'revocation_unknown'],
      [{ revocations: none, claim: failed }, 'replay_unknown'],
      [{ revocations: none, claim: true }, 'replay_unknown'],
      [{ revocations: none, claim: fulfilled('OK') }, 'replay_unknown'],
      [{ revocations: none, claim: fulfilled(false) }, 'replayed'],
      [{ revocations: none, claim: first, limits: failed }, 'limit_unknown'],
      [{ revocations: none, claim: first, limits: fulfilled('OK') }, 'limit_unknown'],
      [{ revocations: none, claim: first, limits: true }, 'limit_unknown'],
    ]
    for (const [answer, code] of answers) {
      const { stores } = storesTogether(() => answer)
      const decision = await createService(stores).authorize(await containerOf(maxUses(1)))
      expect(decision.allowed ? 'allowed' : decision.denial.code, JSON.stringify(answer)).toBe(code)
    }
  })

  it('answer nothing after the signal of a call is aborted', async () => {
    const { stores } = storesTogether(() => new Promise(() => undefined))
    const decision = createService(stores).authorize(await containerOf(), { signal: AbortSignal.timeout(10) })
    expect(verdict(await decision)).toBe('revocation_unknown at container RVK-06')
  })
})
