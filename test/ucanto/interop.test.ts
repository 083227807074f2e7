import { type API, delegate as coreDelegate, invoke as coreInvoke } from '@ucanto/core'
import { describe, expect, it } from 'vitest'
import { anyCommand } from '../../src/core/capability/command.ts'
import { eq, lt, maxConcurrent, maxRate, maxSum, maxUses } from '../../src/core/capability/policy/build.ts'
import type { Statement } from '../../src/core/capability/policy/statement.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { never } from '../../src/time.ts'
import { archive } from '../../src/ucanto/archive.ts'
import { attenuate } from '../../src/ucanto/attenuate.ts'
import { delegate } from '../../src/ucanto/delegate.ts'
import { invoke } from '../../src/ucanto/invoke.ts'
import { inCi } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { archiveOf, foreignVerdict, ownVerdict, peer } from './peers.ts'

const names = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8']
const peers = await Promise.all(names.map(peer))
const actors = await Promise.all(names.map((name) => actor(name)))
const service = await peer('service')
const owner = peers[0] as (typeof peers)[0]
const nonce = 'a nonce of enough bytes'

/** A chain that `@ucanto/core` makes, from the owner over `depth` delegations, and its invocation. */
async function foreignCall(
  depth: number,
  links: (at: number) => API.Capability,
  nb: object = { to: 'bob' },
): Promise<Uint8Array> {
  let proofs: API.Delegation[] = []
  for (let at = 0; at < depth; at++) {
    const [issuer, audience] = [peers[at], peers[at + 1]] as [typeof owner, typeof owner]
    proofs = [await coreDelegate({ issuer, audience, capabilities: [links(at)], proofs, lifetimeInSeconds: 100 })]
  }
  const issuer = peers[depth] as typeof owner
  const call = coreInvoke({
    issuer,
    audience: service,
    capability: { can: 'mail/send', with: owner.did(), nb },
    proofs,
    nonce,
  })
  return archiveOf(call)
}

const depths = inCi ? Array.from({ length: 9 }, (_, depth) => depth) : [0, 1, 2, 8]

describe('chains of @ucanto/core', () => {
  const exact = (): API.Capability => ({ can: 'mail/send', with: owner.did() })
  const cases: readonly (readonly [string, (at: number) => API.Capability])[] = [
    ['of one ability', exact],
    ['of `mail/*`', () => ({ can: 'mail/*', with: owner.did() })],
    ['of `*`', () => ({ can: '*', with: owner.did() })],
    ['that narrow `*`', (at) => ({ can: at === 0 ? '*' : at === 1 ? 'mail/*' : 'mail/send', with: owner.did() })],
    ['that say `*` over a proof of less', (at) => ({ can: at === 0 ? 'mail/send' : '*', with: owner.did() })],
    ['over all resources', () => ({ can: 'mail/send', with: 'ucan:*' })],
    ['over everything', () => ({ can: '*', with: 'ucan:*' })],
    ['over all resources after the root', (at) => ({ can: 'mail/*', with: at === 0 ? owner.did() : 'ucan:*' })],
    ['with conditions', () => ({ can: 'mail/send', with: owner.did(), nb: { to: 'bob' } })],
  ]

  it.each(cases)('%s are accepted, from no delegation to eight', async (_, links) => {
    for (const depth of depths) {
      const bytes = await foreignCall(depth, links)
      await expect.soft(foreignVerdict(bytes, service), `theirs, ${depth}`).resolves.toBe('allowed')
      await expect.soft(ownVerdict(bytes), `ours, ${depth}`).resolves.toBe('allowed')
    }
  })

  it('UCT-34 are refused when a condition fails', async () => {
    const links = (): API.Capability => ({ can: 'mail/send', with: owner.did(), nb: { to: 'carol' } })
    await expect(ownVerdict(await foreignCall(2, links))).resolves.toBe('policy_unsatisfied at 0 PRF-11')
  })
})

describe('a chain of this library', () => {
  it('is accepted by @ucanto/validator, from no delegation to eight', async () => {
    for (const depth of depths) {
      let proof =
        depth === 0 ? undefined : await delegate({ issuer: actors[0]!, audience: actors[1]!.did, command: '/mail' })
      for (let at = 1; at < depth; at++) {
        proof = await attenuate(proof!, {
          issuer: actors[at]!,
          audience: actors[at + 1]!.did,
          ...(at === 2 ? { command: '/mail/send', policy: [eq('.to', 'bob')] } : {}),
        })
      }
      const call = await invoke({
        issuer: actors[depth]!,
        audience: service.did(),
        command: '/mail/send',
        args: { to: 'bob' },
        proofs: proof === undefined ? [] : [proof],
      })
      const bytes = await archive(call)
      await expect.soft(foreignVerdict(bytes, service), `theirs, ${depth}`).resolves.toBe('allowed')
      await expect.soft(ownVerdict(bytes), `ours, ${depth}`).resolves.toBe('allowed')
    }
  })

  it('is accepted with wildcards and without expiry', async () => {
    const [alice, bob, carol] = actors as [(typeof actors)[0], (typeof actors)[0], (typeof actors)[0]]
    const root = await delegate({ issuer: alice!, audience: bob!.did, command: anyCommand, expiration: never })
    const all = await delegate({
      issuer: bob!,
      audience: carol!.did,
      command: anyCommand,
      subject: anySubject,
      proofs: [root],
      meta: { why: 'login' },
    })
    const call = await invoke({ issuer: carol!, audience: service.did(), command: '/mail/send', proofs: [all] })
    const bytes = await archive(call)
    await expect(foreignVerdict(bytes, service)).resolves.toBe('allowed')
    await expect(ownVerdict(bytes)).resolves.toBe('allowed')
  })

  it('UCT-42 has plain conditions, which other verifiers enforce', async () => {
    const [alice, bob] = actors as [(typeof actors)[0], (typeof actors)[0]]
    const proof = await delegate({
      issuer: alice!,
      audience: bob!.did,
      command: '/mail/send',
      policy: [eq('.to', 'bob')],
    })
    expect(proof.capabilities.map(({ nb }) => ({ ...nb }))).toEqual([{ to: 'bob' }, { to: 'bob' }])
    const call = await invoke({
      issuer: bob!,
      audience: service.did(),
      command: '/mail/send',
      args: { to: 'eve' },
      proofs: [proof],
    })
    await expect(foreignVerdict(await archive(call), service)).resolves.toContain('to: eve violates bob')
    await expect(ownVerdict(call)).resolves.toBe('policy_unsatisfied at 0 PRF-11')
  })

  it('UCT-43 has other conditions only with `readers: procura`', async () => {
    const [alice, bob] = actors as [(typeof actors)[0], (typeof actors)[0]]
    const options = { issuer: alice!, audience: bob!.did, command: '/mail/send', policy: [lt('.size', 100)] }
    await expect(delegate(options)).rejects.toThrow("readers: 'procura'")
    const proof = await delegate({ ...options, readers: 'procura' })
    const ask = (size: number) =>
      invoke({ issuer: bob!, audience: service.did(), command: '/mail/send', args: { size }, proofs: [proof] })
    await expect(ownVerdict(await ask(99))).resolves.toBe('allowed')
    await expect(ownVerdict(await ask(100))).resolves.toBe('policy_unsatisfied at 0 PRF-11')
  })
})

describe('LMT-08 limits', () => {
  const [alice, bob] = actors as [(typeof actors)[0], (typeof actors)[0]]
  const options = { issuer: alice!, audience: bob!.did, command: '/mail/send' }

  it.each([maxUses(100), maxSum('.amount', '5'), maxRate(1, 60), maxConcurrent(1)])(
    'are neither written nor read: %j',
    async (...limit) => {
      const policy = [limit as unknown as Statement]
      for (const readers of ['any', 'procura'] as const) {
        await expect(delegate({ ...options, policy, readers })).rejects.toThrow('cannot contain a limit')
        const proof = await delegate(options)
        const passedOn = attenuate(proof, { issuer: bob!, audience: alice!.did, policy, readers })
        await expect(passedOn).rejects.toThrow('cannot contain a limit')
      }
      const nb = { pol: policy }
      const links = (): API.Capability => ({ can: 'mail/send', with: owner.did(), nb })
      await expect(ownVerdict(await foreignCall(1, links, {}))).resolves.toBe('unsupported at container LMT-08')
    },
  )
})
