import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attenuate, type Delegation, delegate, encodeContainer, type Signer } from 'procura'
import { openAgent } from 'procura/agent'
import { fileDelegationStore } from 'procura/agent/file'
import { revoke } from 'procura/revocation'
import { createSignerFile } from 'procura/signer/file'
import { openContainer } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { askGateway } from '../../../src/cli/gateway/ask-gateway.ts'
import { readGatewayConfig } from '../../../src/gateway/configuration/read-gateway-config.ts'
import { listApprovals } from '../../../src/gateway/serve/approvals/review-approvals.ts'
import { runCli } from '../../cli/run-cli.ts'
import type { AgentHome } from '../agent-side/connect/agent-home.ts'
import { type Answer, type LineClient, newClients } from '../agent-side/connect/client.ts'
import { approveAt } from './approvals/approver.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from './gateway-home.ts'

let home: GatewayHome
let agent: AgentHome
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
})
afterEach(async () => {
  await clients.end()
  await home.remove()
})

const bob = { to: 'bob@example.com' }
const textOf = (answer: Answer): string => answer.result?.content?.[0].text ?? ''

async function session(): Promise<LineClient> {
  const mail = clients.connect(agent.folder)
  await mail.initialize()
  return mail
}

/** Revokes a delegation at the gateway, over a connection of its own. */
async function revokeAt(issuer: Signer, delegation: Delegation, chain: readonly Delegation[]): Promise<void> {
  const path = chain.slice(0, chain.indexOf(delegation) + 1)
  const revocation = await revoke({ issuer, delegation, path })
  const line = { procura: 1, revoke: encodeContainer([revocation, ...path]) }
  const sent = await askGateway({ socket: join(home.folder, 'gateway.sock') }, line)
  expect(sent).toMatchObject({ answer: { revoked: String(delegation.cid) } })
}

/** A chain from the owner to the agent by others. */
async function chainBy(...others: readonly Signer[]): Promise<readonly Delegation[]> {
  const path = [home.owner, ...others, agent.signer]
  let chain: readonly Delegation[] = [
    await delegate({ issuer: home.owner, audience: (path[1] as Signer).did, command: '/mcp/mail', expiresIn: 600 }),
  ]
  for (const [at, { did }] of path.slice(2).entries())
    chain = [...chain, await attenuate(chain, { issuer: path[at + 1] as Signer, audience: did, expiresIn: 500 - at })]
  return chain
}

/** Stores a chain at the agent. */
async function receive(chain: readonly Delegation[]): Promise<void> {
  const store = fileDelegationStore({ path: join(agent.folder, 'delegations') })
  const { accepted } = await (await openAgent({ signer: agent.signer, store })).receive(encodeContainer(chain))
  expect(accepted).toBe(true)
}

describe('a revocation at a gateway that has accepted the chain before', () => {
  for (const at of [0, 1, 2])
    it(`counts for link ${at} from the next call of an open session [GTW-18]`, async () => {
      const others = [await actor('ann'), await actor('bob')]
      await home.open()
      const chain = await chainBy(...others)
      await receive(chain)
      const mail = await session()
      for (let count = 0; count < 3; count++)
        expect(textOf(await mail.call('send', bob))).toBe('sent to bob@example.com')
      const under = mail.call('send', bob)
      await revokeAt([home.owner, ...others][at] as Signer, chain[at] as Delegation, chain)
      await under
      const before = callsIn(home.folder).length
      const answers = await Promise.all(Array.from({ length: 5 }, () => mail.call('send', bob)))
      for (const answer of answers) expect(textOf(answer)).toMatch(/^Denied \(revoked\)/)
      expect(callsIn(home.folder)).toHaveLength(before)
    })

  it('is refused for the state of a gateway that runs, and counts at the next start otherwise [CLI-26]', async () => {
    const gateway = await home.open()
    await receive(await chainBy())
    const mail = await session()
    expect(textOf(await mail.call('send', bob))).toBe('sent to bob@example.com')
    const [file, key] = ['state.db', 'state.db.key'].map((name) => join(home.folder, name)) as [string, string]
    const link = join(home.folder, 'link.db')
    symlinkSync(file, link)
    for (const verb of [['revoke', agent.signer.did], ['revocations'], ['prepare']])
      for (const path of [file, link])
        expect(await runCli(['store', ...verb, '--sqlite', path, '--secret-file', key])).toEqual({
          ...{ code: 2, out: '' },
          err: expect.stringMatching(
            /is the state of a gateway that runs \(process \d+\); end an agent with `procura revoke --agent NAME --home /,
          ),
        })
    expect(textOf(await mail.call('send', bob))).toBe('sent to bob@example.com')
    await gateway.close()
    const words = ['store', 'revoke', agent.signer.did, '--sqlite', file, '--secret-file', key]
    expect(await runCli(words)).toMatchObject({ code: 0, out: `revoked ${agent.signer.did}` })
    await home.open()
    const again = await session()
    expect(textOf(await again.call('send', bob))).toMatch(/^Denied \(revoked\)/)
  })

  it('counts for the link of a principal between, who revokes it with the program [CLI-14] [GTW-18]', async () => {
    const path = join(home.folder, 'ann.key')
    const { signer: ann } = await createSignerFile({ path })
    const gateway = await home.open()
    const chain = await chainBy(ann)
    await receive(chain)
    const mail = await session()
    expect(textOf(await mail.call('send', bob))).toBe('sent to bob@example.com')
    const file = join(home.folder, 'chain.ucan')
    writeFileSync(file, encodeContainer(chain), { mode: 0o600 })
    const words = ['revoke', file, '--from', path, '--home', home.folder]
    const { code, err } = await runCli(words)
    expect([code, err]).toEqual([0, expect.stringContaining('has accepted the revocation')])
    expect(textOf(await mail.call('send', bob))).toMatch(/^Denied \(revoked\)/)
    // The next gateway takes the one that waited.
    await gateway.close()
    const other = await chainBy(await actor('bob'), ann)
    writeFileSync(file, encodeContainer(other), { mode: 0o600 })
    expect((await runCli(words)).err).toContain('takes the revocation when it starts')
    await home.open()
    expect(home.events.filter(({ event }) => event === 'revoked').at(-1)?.message).toContain(String(other.at(-1)?.cid))
  })

  it('counts for an approval that was not used yet, and for the delegation of its approver [GTW-18] [APR-26]', async () => {
    const path = join(home.folder, 'ann.key')
    const { signer: ann } = await createSignerFile({ path })
    await approveAt(home.folder, ['--enroll', ann.did])
    await home.open()
    const mail = await session()
    for (const [from, revoked] of [
      [join(home.folder, 'owner.key'), -1],
      [path, 0],
    ] as const) {
      const to = { to: `${revoked}@example.com` }
      const asked = textOf(await mail.call('send', to))
      expect(asked).toMatch(/procura approve/)
      expect(await approveAt(home.folder, ['--from', from])).toMatchObject({ code: 0 })
      const id = (await answered(from === path ? ann : home.owner)) as string
      const { delegations } = await openContainer(
        readFileSync(join(home.folder, 'approvals', `${id}.answer`), 'latin1').trim(),
      )
      const chain = [...delegations].sort((one) => (one.issuer === home.owner.did ? -1 : 1))
      await revokeAt(home.owner, chain.at(revoked) as Delegation, chain)
      expect(textOf(await mail.call('send', to))).toMatch(/^Denied \(revoked\)/)
    }
    expect(callsIn(home.folder)).toEqual([])
  })
})

/** The ID of the request that an approver has answered. */
async function answered({ did }: Signer): Promise<string | undefined> {
  const all = await listApprovals({ config: await readGatewayConfig(join(home.folder, 'gateway.json')) })
  return all.find(({ request, state }) => request.approver === did && state === 'approved')?.id
}
