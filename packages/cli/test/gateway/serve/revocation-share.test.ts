import { join } from 'node:path'
import { attenuate, type Delegation, delegate, encodeContainer, type Signer } from 'procura'
import { revoke } from 'procura/revocation'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { askGateway } from '../../../src/cli/gateway/ask-gateway.ts'
import { type NotesDatabase, openAgentNotes } from '../../../src/gateway/serve/state/agent-notes.ts'
import { openState } from '../../../src/gateway/serve/state/open-state.ts'
import { mostOfBranch } from '../../../src/gateway/serve/take-revocations.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

let home: GatewayHome
beforeEach(async () => {
  home = await makeGatewayHome()
})
afterEach(() => home.remove())

const [agent, below, other, target] = [
  await actor('agent'),
  await actor('below'),
  await actor('other'),
  await actor('target'),
]

/** A delegation of the owner. */
const given = (to: Signer, command = '/mcp/mail'): Promise<Delegation> =>
  delegate({ issuer: home.owner, audience: to.did, command: command as never, expiresIn: 600 })

/** A delegation of an agent that is like no other. */
async function passedOn(chain: readonly Delegation[], issuer: Signer): Promise<readonly Delegation[]> {
  return [...chain, await attenuate(chain, { issuer, audience: target.did, expiresIn: 60 })]
}

async function send(
  issuer: Signer,
  path: readonly Delegation[],
  more: { readonly subject?: string; readonly proofs?: readonly Delegation[] } = {},
): Promise<unknown> {
  const revocation = await revoke({ issuer, delegation: path.at(-1) as Delegation, path, ...more })
  const tokens = encodeContainer([revocation, ...path, ...(more.proofs ?? [])])
  return Object(await askGateway({ socket: join(home.folder, 'gateway.sock') }, { procura: 1, revoke: tokens })).answer
}

const taken = { revoked: expect.stringMatching(/^bafyrei/) }
const refused = {
  error: {
    code: 'revocation_refused',
    message: expect.stringMatching(/^this agent has 10000 revocations .*\(overloaded\)$/),
  },
}

/** Notes that an agent has stored all revocations that it can store. */
async function fill(branch: Signer, expiration: number): Promise<void> {
  const { notes, close } = await openState({ file: join(home.folder, 'state.db'), isFirst: true })
  for (let count = 0; count < mostOfBranch; count++) notes.add(branch.did, `revocation ${count}`, expiration)
  close()
}

describe('an agent that revokes without end', () => {
  it('has a share with the agents below it, while owners and other agents revoke as before [GTW-43] [attack 98]', async () => {
    const chain = [await given(agent)]
    const deeper = [...chain, await attenuate(chain, { issuer: agent, audience: below.did, expiresIn: 500 })]
    const first = await passedOn(chain, agent)
    const gateway = await home.open()
    expect(await send(agent, first)).toMatchObject(taken)
    await gateway.close()
    await fill(agent, Math.floor(Date.now() / 1_000) + 600)
    await home.open()
    expect(await send(agent, await passedOn(chain, agent))).toMatchObject(refused)
    expect(await send(agent, await passedOn(deeper, below))).toMatchObject(refused)
    expect(await send(below, await passedOn(deeper, below))).toMatchObject(refused)
    // The right of the agent, in the hands of another one of its keys.
    const right = await delegate({ issuer: agent, audience: below.did, command: '/ucan/revoke', expiresIn: 600 })
    const byRight = { subject: agent.did, proofs: [right] }
    expect(await send(below, await passedOn(chain, agent), byRight)).toMatchObject(refused)
    // A copy of one that applies.
    expect(await send(agent, first)).toMatchObject(taken)
    const others = [await given(other)]
    expect(await send(other, await passedOn(others, other))).toMatchObject(taken)
    expect(await send(home.owner, await passedOn(chain, agent))).toMatchObject(taken)
    expect(await send(home.owner, chain)).toMatchObject(taken)
  })

  it('has a share of the revocations in the name of an owner, who revokes without one [GTW-43]', async () => {
    await fill(agent, Math.floor(Date.now() / 1_000) + 600)
    await home.open()
    const right = await given(agent, '/ucan/revoke')
    const byRight = { subject: home.owner.did, proofs: [right] }
    expect(await send(agent, [await given(other)], byRight)).toMatchObject(refused)
    const owned = [await given(other)]
    expect(
      await send(other, owned, { subject: home.owner.did, proofs: [await given(other, '/ucan/revoke')] }),
    ).toMatchObject(taken)
    expect(await send(home.owner, [await given(other)])).toMatchObject(taken)
  })

  it('has its places again when the revoked delegations have expired [GTW-43]', async () => {
    await fill(agent, Math.floor(Date.now() / 1_000) - 301)
    await home.open()
    expect(await send(agent, await passedOn([await given(agent)], agent))).toMatchObject(taken)
  })

  it('is not named in the state [GTW-43]', async () => {
    const stored: unknown[] = []
    const database: NotesDatabase = { exec: () => undefined, run: (_, values) => stored.push(...values), all: () => [] }
    const notes = openAgentNotes(database, new Uint8Array(32))
    notes.add(agent.did, 'bafyrei', 5)
    await notes.noteRevoked(agent.did, '/mcp')
    expect(stored).toMatchObject([{ length: 32 }, { length: 32 }, 305, { length: 32 }])
  })
})
