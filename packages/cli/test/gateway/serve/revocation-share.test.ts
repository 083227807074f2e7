import { attenuate, type Delegation, delegate, encodeContainer, type Signer } from 'procura'
import { revoke } from 'procura/revocation'
import { describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { createLimiter } from '../../../src/gateway/serve/limiter.ts'
import { createRevocationTaker } from '../../../src/gateway/serve/take-revocations.ts'

const [agent, below, other, target] = [
  await actor('agent'),
  await actor('below'),
  await actor('other'),
  await actor('target'),
]

const owner = await actor('owner')

/** A delegation of the owner. */
const given = (to: Signer, command = '/mcp/mail'): Promise<Delegation> =>
  delegate({ issuer: owner, audience: to.did, command: command as never, expiresIn: 600 })

/** A delegation of an agent that is like no other. */
async function passedOn(chain: readonly Delegation[], issuer: Signer): Promise<readonly Delegation[]> {
  return [...chain, await attenuate(chain, { issuer, audience: target.did, expiresIn: 60 })]
}

let time = 5_000
const taken = { accepted: true, revoked: 'x', recorded: true } as never
const refused = {
  accepted: false,
  denial: { code: 'overloaded', requirement: 'GTW-43', message: expect.stringMatching(/^this agent revokes too fast/) },
}

/** Takes revocations, two of an agent at once. The service answers the first ones as given, and takes the others. */
function taker(
  answers: readonly unknown[] = [],
): (
  issuer: Signer,
  path: readonly Delegation[],
  more?: { readonly subject?: string; readonly proofs?: readonly Delegation[] },
) => Promise<unknown> {
  const rate = { atOnce: 2, eachMs: 5_000, now: () => time }
  const next = answers.values()
  const take = createRevocationTaker({
    ...{
      revoke: async () => (next.next().value ?? taken) as never,
      subjects: [owner.did],
      limiter: createLimiter({ all: 8, ofOne: 8, rate }),
    },
    ...{ onRevoked: async () => undefined, onError: () => undefined },
  })
  return async (issuer, path, more = {}) => {
    const revocation = await revoke({ issuer, delegation: path.at(-1) as Delegation, path, ...more })
    return take(encodeContainer([revocation, ...path, ...(more.proofs ?? [])]), {})
  }
}

describe('an agent that revokes without end', () => {
  it('has a rate with the agents below it, while owners and other agents revoke as before [GTW-43] [attack 98]', async () => {
    const send = taker()
    const chain = [await given(agent)]
    const deeper = [...chain, await attenuate(chain, { issuer: agent, audience: below.did, expiresIn: 500 })]
    expect(await send(agent, await passedOn(chain, agent))).toBe(taken)
    expect(await send(below, await passedOn(deeper, below))).toBe(taken)
    expect(await send(agent, await passedOn(chain, agent))).toMatchObject(refused)
    expect(await send(agent, await passedOn(deeper, below))).toMatchObject(refused)
    expect(await send(below, await passedOn(deeper, below))).toMatchObject(refused)
    // The right of the agent, in the hands of another one of its keys.
    const right = await delegate({ issuer: agent, audience: below.did, command: '/ucan/revoke', expiresIn: 600 })
    const byRight = { subject: agent.did, proofs: [right] }
    expect(await send(below, await passedOn(chain, agent), byRight)).toMatchObject(refused)
    const others = [await given(other)]
    expect(await send(other, await passedOn(others, other))).toBe(taken)
    for (let count = 0; count < 5; count++) expect(await send(owner, await passedOn(chain, agent))).toBe(taken)
    expect(await send(owner, chain)).toBe(taken)
    time += 5_000
    expect(await send(agent, await passedOn(chain, agent))).toBe(taken)
    expect(await send(agent, await passedOn(chain, agent))).toMatchObject(refused)
  })

  it('keeps its rate while others send revocations in its name that the service refuses [GTW-43] [attack 98]', async () => {
    const forged = { accepted: false, denial: { code: 'signature_invalid', message: 'x', requirement: 'SIG-01' } }
    const send = taker([forged, forged, forged, forged])
    const chain = [await given(agent)]
    for (let count = 0; count < 4; count++) expect(await send(other, await passedOn(chain, agent))).toBe(forged)
    const own = await Promise.all([passedOn(chain, agent), passedOn(chain, agent), passedOn(chain, agent)])
    // Also those that come at once have the rate.
    const sent = await Promise.all(own.map((path) => send(agent, path)))
    expect(sent.filter((one) => one === taken)).toHaveLength(2)
    expect(sent.at(-1)).toMatchObject(refused)
  })

  it('has the rate for revocations in the name of an owner, who revokes without one [GTW-43]', async () => {
    const send = taker()
    const [right, otherRight] = [await given(agent, '/ucan/revoke'), await given(other, '/ucan/revoke')]
    const byRight = { subject: owner.did, proofs: [right] }
    for (const answer of [taken, taken]) expect(await send(agent, [await given(other)], byRight)).toBe(answer)
    expect(await send(agent, [await given(other)], byRight)).toMatchObject(refused)
    expect(await send(other, [await given(other)], { subject: owner.did, proofs: [otherRight] })).toBe(taken)
    expect(await send(owner, [await given(other)])).toBe(taken)
  })
})
