import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readGatewayConfig } from '../../../src/index.ts'
import { type LineClient, newClients, textOf } from '../agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

const program = fileURLToPath(new URL('../../../../../test/mcp/relay/stdio-server.mjs', import.meta.url))
const sdk = (version: string): object => ({ type: 'stdio', command: process.execPath, args: [program, version] })
let home: GatewayHome
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome({ one: sdk('1'), two: sdk('2') })
})

afterEach(async () => {
  await clients.end()
  await home.remove()
})

/** An agent for each server of each SDK. */
async function agents(count: number): Promise<readonly LineClient[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const agent = await home.agent(`agent-${index}`)
      await agent.give(home.owner, '/mcp', [['==', '.to', `person-${index}`]])
      return clients.open(agent.folder, { server: index % 2 === 0 ? 'one' : 'two' })
    }),
  )
}

describe('a gateway with servers of both SDKs', () => {
  it('serves four agents at once, and mixes up none of their calls [GTW-30]', async () => {
    const gateway = await home.open()
    expect(gateway.servers()).toMatchObject([{ tools: 3 }, { tools: 3 }])
    const four = await agents(4)
    const calls = four.flatMap((client, own) =>
      [0, 1, 2, 3].map(async (other) => ({
        own,
        other,
        text: textOf(await client.call('send', { to: `person-${other}` })),
      })),
    )
    for (const { own, other, text } of await Promise.all(calls)) {
      if (own === other) expect(text).toBe(`sent to person-${own} by alice`)
      else expect(text).toContain('Denied (policy_unsatisfied)')
    }
    const events = await home.records()
    const outcomes = events.filter(({ kind }) => kind === 'outcome')
    expect(outcomes.filter(({ status }) => status !== 'ok')).toEqual([])
    expect(events.filter(({ code }) => code === 'policy_unsatisfied').length).toBe(12)
  }, 60_000)

  it('loses no call while it reloads, and answers each one while it stops [GTW-31] [GTW-35]', async () => {
    const gateway = await home.open()
    const two = await agents(2)
    const path = join(home.folder, 'gateway.json')
    let isOver = false
    const answers: string[] = []
    const load = two.map(async (client, index) => {
      while (!isOver) {
        answers.push(textOf(await client.call('send', { to: `person-${index}` })))
        // A client that is refused at once would keep the event loop busy.
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(0), 20_000)
    for (let turn = 0; turn < 3; turn++) {
      home.configure((given) => void Object.assign(given, { tools: turn % 2 === 0 ? 'reviewed' : 'first-use' }))
      await gateway.reload(await readGatewayConfig(path))
    }
    expect(answers.filter((text) => !/^sent to person-\d by alice$/.test(text))).toEqual([])
    await gateway.close()
    isOver = true
    await Promise.all(load)
    const events = await home.records()
    const intents = events.filter(({ kind }) => kind === 'intent').map(({ id }) => id)
    const ended = new Set(events.filter(({ kind }) => kind === 'outcome').map(({ intent }) => intent))
    expect(intents.filter((id) => !ended.has(id))).toEqual([])
    const done = events.filter(({ kind, status }) => kind === 'outcome' && status === 'ok').length
    expect(done).toBeGreaterThanOrEqual(answers.filter((text) => text.startsWith('sent')).length)
  }, 60_000)
})
