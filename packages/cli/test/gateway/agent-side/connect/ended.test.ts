import { join } from 'node:path'
import { delegate } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../../../../../test/support/free-port.ts'
import { type GatewayHome, makeGatewayHome } from '../../serve/gateway-home.ts'
import { type AgentHome, makeAgentHome } from './agent-home.ts'
import { newClients, textOf } from './client.ts'

const day = 86_400
const clients = newClients()
let home: GatewayHome
let agent: AgentHome

beforeEach(async () => {
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(async () => {
  await clients.end()
  await home.remove()
  vi.useRealTimers()
})

function wait(days: number): void {
  vi.setSystemTime(Date.now() + days * day * 1_000)
}

interface Opened {
  readonly instructions?: string
}

describe('a delegation that has ended', () => {
  it('is the reason that the model gets: in the instructions, and with each refused call [CON-36]', async () => {
    home.configure((config) => {
      ;(config['servers'] as { mail: Record<string, unknown> }).mail['allow'] = ['instructions']
    })
    await home.open()
    await agent.give(home.owner, '/mcp/mail', [], 30 * day)
    const before = await clients.open(agent.folder)
    expect((await before.ask('tools/list')).result?.tools?.length).toBe(6)
    expect(textOf(await before.call('send', { to: 'bob@example.com' }))).toContain('sent')
    wait(31)
    const end = /The delegation of the agent assistant for \/mcp\/mail ended 20..-..-..T..:..:..Z, so the gateway /
    const remedy = `Ask the user to run \`procura renew assistant --home ${home.folder}\`, which renews it.`
    const refused = await before.call('send', { to: 'bob@example.com' })
    const texts = (refused.result?.content ?? []).map(({ text }) => text).join('\n')
    expect(texts).toMatch(/^Denied \(/)
    expect(texts).toMatch(end)
    expect(texts).toContain(`refuses the call. ${remedy}`)
    const client = clients.connect(agent.folder)
    const { result } = await client.initialize()
    const { instructions = '' } = result as Opened
    expect(instructions).toMatch(end)
    expect(instructions).toContain(`shows and permits nothing of it. ${remedy}`)
    expect((await client.ask('tools/list')).result?.tools).toEqual([])
    // A new one needs no new session.
    await agent.give(home.owner, '/mcp/mail', [], 30 * day)
    expect(textOf(await client.call('send', { to: 'bob@example.com' }))).toContain('sent')
    const after = clients.connect(agent.folder)
    expect((await after.initialize()).result).not.toHaveProperty('instructions')
  }, 60_000)

  it('is the answer to each request over TCP, where the gateway asks for a proof [CON-36]', async () => {
    const address = `127.0.0.1:${await freePort()}`
    home.configure((config) => {
      config['listen'] = { address }
    })
    await home.open()
    const parties = { audience: home.service.did, subject: home.owner.did }
    const remote = await makeAgentHome(join(home.folder, 'elsewhere', 'a', 'b'), { address }, parties)
    await remote.give(home.owner, '/mcp/mail', [], 30 * day)
    wait(31)
    const client = await clients.open(remote.folder)
    const text = textOf(await client.call('send', { to: 'bob' }))
    expect(text).toMatch(
      /^Not executed \(gateway_unavailable\): The delegation of the agent b for \/mcp\/mail ended 20/,
    )
    expect(text).toContain(
      `Ask the owner of the gateway for a new delegation; the user stores it with \`procura agent receive ${remote.folder}\`.`,
    )
  }, 60_000)

  it('is no reason for another refusal, and a foreign one is not named [CON-36]', async () => {
    await home.open()
    await agent.give(home.owner, '/mcp/mail/read', [], day)
    await agent.give(home.owner, '/mcp/mail/send', [['==', '.to', 'bob']], 30 * day)
    const foreign = await delegate({
      issuer: agent.signer,
      audience: agent.signer.did,
      command: '/mcp/mail/slow',
      expiresIn: 9,
    })
    const store = fileDelegationStore({ path: join(agent.folder, 'delegations') })
    await store.change({ add: new Map([[String(foreign.cid), foreign.bytes]]), remove: [] }, {})
    wait(2)
    const client = clients.connect(agent.folder)
    const { instructions = '' } = (await client.initialize()).result as Opened
    expect(instructions).toContain('for /mcp/mail/read ended ')
    const all = async (tool: string, args: object): Promise<string> =>
      ((await client.call(tool, args)).result?.content ?? []).map(({ text }) => text).join('\n')
    expect(await all('send', { to: 'eve' })).not.toContain(' ended ')
    expect(await all('send', { to: 'bob' })).not.toContain(' ended ')
    expect(await all('slow', {})).not.toContain(' ended ')
    expect(await all('read', {})).toContain('for /mcp/mail/read ended ')
    expect((await client.ask('tools/list')).result?.tools?.map(({ name }) => name)).toEqual(['send'])
  }, 60_000)
})
