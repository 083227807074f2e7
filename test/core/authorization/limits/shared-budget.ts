import type { LimitStore } from '../../../../src/core/authorization/limits/limit-store.ts'
import { memoryLimitStore } from '../../../../src/core/authorization/limits/memory-limit-store.ts'
import { maxUses } from '../../../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../../../src/core/container/container.ts'
import { actor, clock } from '../../../support/actors.ts'
import { call, createService, delegateRaw, verdict } from '../../../support/service.ts'

/** The verdicts about the calls of 3 sub-agents that share one budget, at two services that share one store. */
export async function verdictsOnSharedBudget(
  calls: number,
  budget: number,
  limitStore: LimitStore = memoryLimitStore({ clock }),
): Promise<readonly string[]> {
  const [alice, bob, ...subs] = await Promise.all(['alice', 'bob', 'carol', 'dave', 'erin'].map((name) => actor(name)))
  if (alice === undefined || bob === undefined) throw new Error('no actors')
  const root = await delegateRaw(alice, bob, { policy: [maxUses(budget)] })
  const chains = await Promise.all(
    subs.map(async (sub) => {
      const policy = [maxUses(Math.ceil(budget * 0.6))]
      return { sub, proofs: [root, await delegateRaw(bob, sub, { subject: alice.did, policy })] }
    }),
  )
  const services = [createService({ limitStore }), createService({ limitStore })]
  return Promise.all(
    Array.from({ length: calls }, async (_, index) => {
      const { sub, proofs } = chains[index % chains.length] as (typeof chains)[0]
      const container = encodeContainer([await call({ issuer: sub, proofs }), ...proofs])
      return verdict(await (services[index % 2] as (typeof services)[0]).authorize(container))
    }),
  )
}
