import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attenuate, type Delegation, delegate, encodeContainer, generateSigner, type Signer } from 'procura'
import { openAgent } from 'procura/agent'
import { fileDelegationStore } from 'procura/agent/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { namesWith, passedOnBy } from '../../../../src/gateway/serve/approvals/passed-on.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type AgentHome, makeAgentHome } from '../../agent-side/connect/agent-home.ts'
import { newClients, textOf } from '../../agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../gateway-home.ts'
import { approveAt } from './approver.ts'

describe('the agents that have passed authority on', () => {
  const [owner, ada, helper, other] = [generateSigner(), generateSigner(), generateSigner(), generateSigner()]

  async function chainOf(command: string, last: Signer, expiresIn = 600): Promise<readonly Delegation[]> {
    const first = await delegate({ issuer: await owner, audience: (await ada).did, command, expiresIn })
    return [first, await attenuate(first, { issuer: await ada, audience: last.did, command })]
  }

  it('APR-39 are those of a chain that verifies, and is of the agent, the subject and the command', async () => {
    const request = { agent: (await helper).did, subject: (await owner).did, command: '/mcp/mail/send' } as never
    const through = (chain: string | undefined, clock?: { now(): number }): ReturnType<typeof passedOnBy> =>
      passedOnBy(chain, request, clock as never)
    for (const command of ['/mcp/mail/send', '/mcp/mail', '/mcp'])
      expect(await through(encodeContainer(await chainOf(command, await helper)))).toEqual([(await ada).did])
    const good = await chainOf('/mcp', await helper)
    for (const wrong of [
      undefined,
      '',
      'x',
      encodeContainer(await chainOf('/mcp/files', await helper)),
      encodeContainer(await chainOf('/mcp/mail/sendmail', await helper)),
      encodeContainer(await chainOf('/mcp', await other)),
      // Its first delegation is of another owner.
      encodeContainer([
        await delegate({ issuer: await other, audience: (await ada).did, command: '/mcp' }),
        good[1] as Delegation,
      ]),
      encodeContainer([good[1] as Delegation]),
      `${encodeContainer(good)}${' '.repeat(32_768)}`,
    ])
      expect.soft(await through(wrong), wrong).toEqual([])
    expect(await through(encodeContainer(good), { now: () => Math.floor(Date.now() / 1_000) + 3_600 })).toEqual([])
    // Nobody has passed on what the owner has given.
    const own = await delegate({ issuer: await owner, audience: (await helper).did, command: '/mcp' })
    expect(await through(encodeContainer([own]))).toEqual([])
  })

  it('APR-39 are in the name of the agent', () => {
    const names = { a: 'agent ada', b: 'agent bob' }
    expect(namesWith(names, 'a', [])).toBe(names)
    expect(namesWith(names, 'b', ['a'])).toEqual({ a: 'agent ada', b: 'agent bob, through agent ada' })
    expect(namesWith(names, 'c', ['a', 'd'])['c']).toBe('an unknown agent, through agent ada and an unknown agent')
  })
})

describe('a request of an agent that has its authority from another one', () => {
  const clients = newClients()
  let home: GatewayHome
  let ada: AgentHome
  let helper: AgentHome
  beforeEach(async () => {
    home = await makeGatewayHome()
    ada = await home.agent('ada')
    const place = { socket: join(home.folder, 'gateway.sock') }
    const gateway = { audience: home.service.did, subject: home.owner.did }
    helper = await makeAgentHome(join(home.folder, 'elsewhere'), place, gateway)
    const command = '/mcp/mail/send'
    const first = await delegate({ issuer: home.owner, audience: ada.signer.did, command })
    const policy = [['like', '.to', '*@example.com']] as const
    const second = await attenuate(first, { issuer: ada.signer, audience: helper.signer.did, command, policy })
    const store = fileDelegationStore({ path: join(helper.folder, 'delegations') })
    await (await openAgent({ signer: helper.signer, store })).receive(encodeContainer([first, second]))
    await home.open()
  })
  afterEach(async () => {
    await clients.end()
    await home.remove()
  })

  it('APR-39 names both to the person who approves it, and is permitted once', async () => {
    const mail = clients.connect(helper.folder)
    await mail.initialize()
    const eve = { to: 'eve@evil.example' }
    const refused = textOf(await mail.call('send', eve))
    const [, id = ''] = /procura approve ([a-z2-7]{16})/.exec(refused) ?? []
    const listed = await runCli(['approve', '--list', '--home', home.folder])
    expect(listed.out).toContain('\tan unknown agent, through agent ada\t/mcp/mail/send\t')
    const { shown } = await approveAt(home.folder, [id])
    expect(shown.replaceAll('\n    | ', '')).toContain(`${helper.signer.did} ("an unknown agent, through agent ada")`)
    expect(textOf(await mail.call('send', eve))).toBe('sent to eve@evil.example')
    expect(callsIn(home.folder)).toHaveLength(1)
    const folder = join(home.folder, 'approvals')
    const chains = (): readonly string[] => readdirSync(folder).filter((name) => name.endsWith('.chain'))
    expect(chains()).toEqual([])
    // Another program of the user writes something else there.
    const [, next = ''] = /procura approve ([a-z2-7]{16})/.exec(textOf(await mail.call('send', eve))) ?? []
    expect(chains()).toEqual([`${next}.chain`])
    writeFileSync(join(folder, `${next}.chain`), 'x', { mode: 0o600 })
    expect((await approveAt(home.folder, [next], 'no')).shown).toContain('(unknown)')
  })
})
