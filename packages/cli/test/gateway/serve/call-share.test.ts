import { connect } from 'node:net'
import { encodeContainer, invoke } from 'procura'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import type { AgentHome } from '../agent-side/connect/agent-home.ts'
import { newClients, textOf } from '../agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

let home: GatewayHome
let mallory: AgentHome
let alice: AgentHome
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
  mallory = await home.agent('mallory')
  alice = await home.agent('alice')
  for (const agent of [mallory, alice]) await agent.give(home.owner, '/mcp/mail')
})

afterEach(async () => {
  await clients.end()
  await home.remove()
})

const text = 'Denied (overloaded): too many requests are in progress. The call may be tried again later.'

describe('an agent with calls that take long', () => {
  it('has 64 of them in a session, and other agents call as before [GTW-44] [attack 98]', async () => {
    const gateway = await home.open()
    const slow = await clients.open(mallory.folder)
    const mail = await clients.open(alice.folder)
    const params = { name: 'slow', arguments: { ms: 600_000 } }
    for (let id = 0; id < 1_100; id++) slow.write({ jsonrpc: '2.0', id: `slow ${id}`, method: 'tools/call', params })
    await until(() => slow.lines.length >= 1_037, 40)
    const refused = slow.lines.slice(1).map((line) => JSON.parse(line) as { readonly result?: unknown })
    expect(refused).toHaveLength(1_036)
    expect(refused).toMatchObject(refused.map(() => ({ result: { isError: true, content: [{ text }] } })))
    expect(textOf(await mail.call('send', { to: 'bob@example.com' }))).toBe('sent to bob@example.com')
    // Calls that are cancelled leave their places.
    for (let id = 0; id < 1_100; id++)
      slow.write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: `slow ${id}` } })
    expect(textOf(await slow.call('send', { to: 'bob@example.com' }))).toBe('sent to bob@example.com')
    await clients.end()
    await gateway.close()
    const denied = (await home.records()).filter(({ kind }) => kind === 'denied')
    expect(denied[0]).toMatchObject({ code: 'overloaded', command: '/mcp/mail/slow', authenticated: false })
    // GTW-37: at most 100 in a minute, and the number of the others.
    expect(denied.filter(({ code }) => code === 'overloaded').length).toBeLessThanOrEqual(200)
    expect(denied.at(-1)).toMatchObject({ code: 'suppressed' })
  }, 60_000)

  it('has 8 MiB of them in a session [GTW-44] [attack 98]', async () => {
    await home.open()
    const slow = await clients.open(mallory.folder)
    const call = (id: string, name: string, args: object): object => ({
      ...{ jsonrpc: '2.0', id, method: 'tools/call' },
      params: { name, arguments: args, _meta: { more: 'x'.repeat(3_900_000) } },
    })
    for (const id of ['1', '2', '3', '4']) slow.write(call(id, 'slow', { ms: 600_000 }))
    for (const id of ['3', '4']) expect(textOf(await slow.answer(id))).toBe(text)
    for (const id of ['1', '2'])
      slow.write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })
    // A cancelled call keeps its share until it has ended.
    for (let id = 5; ; id++) {
      slow.write(call(String(id), 'send', { to: 'bob@example.com' }))
      const answer = await slow.answer(String(id))
      if (textOf(answer) === text) continue
      expect(textOf(answer)).toBe('sent to bob@example.com')
      break
    }
  }, 60_000)

  it('loses its session when it reads no answers, and other agents call as before [GTW-44] [attack 98]', async () => {
    const gateway = await home.open()
    const grant = await mallory.give(home.owner, '/mcp/mail/send')
    const mail = await clients.open(alice.folder)
    const socket = connect(gateway.place).on('error', () => undefined)
    socket.pause()
    const begin = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'deaf', version: '1' } }
    socket.write('{"procura":1,"server":"mail"}\n')
    socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: begin })}\n`)
    const call = async (id: string): Promise<string> => {
      const parts = { issuer: mallory.signer, subject: home.owner.did, audience: home.service.did, proofs: [grant] }
      const args = { to: 'x'.repeat(60_000) }
      const invocation = await invoke({ ...parts, command: '/mcp/mail/send', args })
      const _meta = { 'xyz.ucan/container': encodeContainer([invocation, grant]) }
      return JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'send', arguments: args, _meta },
      })
    }
    await until(async () => (await gateway.health()).sessions === 2, 20)
    let count = 0
    // 16 MiB of answers are 280 calls. The system keeps some more.
    await until(async () => {
      const { sessions, calls } = await gateway.health()
      // The answer to a call beyond the share is short, and those to 280 calls are not.
      const isRead = socket.writableLength < 1_000_000 && calls < 20
      for (let more = 0; isRead && more < 20; more++) socket.write(`${await call(`c${count++}`)}\n`)
      return sessions === 1
    }, 20)
    expect(socket.readableEnded).toBe(false)
    expect(textOf(await mail.call('send', { to: 'bob@example.com' }))).toBe('sent to bob@example.com')
    socket.destroy()
  }, 120_000)
})
