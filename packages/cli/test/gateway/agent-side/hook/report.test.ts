import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../../../../test/support/free-port.ts'
import { answerHook } from '../../../../src/gateway/agent-side/hook/answer-hook.ts'
import { type GatewayHome, makeGatewayHome } from '../../serve/gateway-home.ts'
import { type AgentHome, makeAgentHome } from '../connect/agent-home.ts'

let home: GatewayHome
let agent: AgentHome
beforeEach(async () => {
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
  await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
})
afterEach(() => home.remove())

const inputOf = (more: object = {}): string =>
  JSON.stringify({
    ...{ hook_event_name: 'PreToolUse', tool_name: 'mcp__mail__send', tool_input: { to: 'eve@evil.example' } },
    ...{ session_id: 's1', tool_use_id: 'toolu_1', transcript_path: '/secret/path' },
    ...more,
  })
const ask = async (input = inputOf(), { folder }: AgentHome = agent): Promise<string | undefined> =>
  (await answerHook(input, { agent: folder, servers: ['mail'] }))?.hookSpecificOutput.permissionDecision
const denials = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  (await home.records()).filter(({ kind }) => kind === 'denied')

/** Sends a first line, and returns the answer. */
function tell(path: string, line: object): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(path, () => void socket.write(`${JSON.stringify({ procura: 1, ...line })}\n`))
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('end', () => resolve(text)).on('error', reject)
  })
}

describe('a refusal of a hook', () => {
  it('is in the log of the gateway, as a claim that names no caller and no argument [GTW-42] [HKS-06]', async () => {
    await home.open()
    expect(await ask()).toBe('deny')
    const [record, ...more] = await denials()
    expect(more).toEqual([])
    const { id, time, ...facts } = record as Record<string, unknown>
    expect([typeof id, typeof time]).toEqual(['string', 'number'])
    expect(facts).toEqual({
      ...{ kind: 'denied', code: 'hook_refused', authenticated: false, audience: home.service.did },
      ...{ command: '/mcp/mail/send', claimed: { toolUse: 'toolu_1', session: 's1' } },
    })
    // A call that passes is not reported.
    expect(await ask(inputOf({ tool_input: { to: 'bob@example.com' } }))).toBeUndefined()
    expect(await denials()).toHaveLength(1)
  })

  it('is in the log without a command where the name of the tool is missing [GTW-42]', async () => {
    await home.open()
    expect(await ask(inputOf({ tool_name: 'mcp__mail__' }))).toBe('deny')
    const [record, ...more] = await denials()
    expect(more).toEqual([])
    expect(record).toMatchObject({ code: 'hook_refused', authenticated: false, claimed: { toolUse: 'toolu_1' } })
    expect(record).not.toHaveProperty('command')
  })

  it('refuses also while no gateway runs, or one does not answer [HKS-06]', async () => {
    expect(await ask()).toBe('deny')
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket))
    await new Promise<void>((done) => silent.listen(join(home.folder, 'gateway.sock'), done))
    expect(await ask()).toBe('deny')
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => silent.close(done))
  })

  it('is one of few records that unverified claims can make, whatever they contain [GTW-42] [attack 98]', async () => {
    const { place } = await home.open()
    const claimed = { toolUse: 'x'.repeat(300), session: 'a\nb', turn: 't', more: 1, ...{ 'bad name': 'x' } }
    expect(await tell(place, { refusal: { server: 'mail', tool: '../../gateway/start', claimed } })).toBe(
      '{"procura":1}\n',
    )
    const [record] = await denials()
    expect(record).toMatchObject({ code: 'hook_refused', authenticated: false, claimed: { turn: 't' } })
    // The name of the tool is escaped, as in each command.
    expect(record?.['command']).toMatch(/^\/mcp\/mail\/[a-z0-9-]+$/)
    expect(record).not.toHaveProperty('invoker')
    for (const refusal of [
      null,
      1,
      {},
      { server: 'mail' },
      { server: 1, tool: 'x' },
      { server: 'mail', tool: 'x', y: 1 },
    ])
      expect(await tell(place, { refusal })).toContain('"hello_invalid"')
    expect(await tell(place, { refusal: { server: 'none', tool: 'x' } })).toContain('"refusal_refused"')
    for (let at = 0; at < 120; at++) await tell(place, { refusal: { server: 'mail', tool: `t${at}` } })
    expect((await denials()).length).toBeLessThanOrEqual(100)
  })

  it('is not taken over TCP, where any process of the machine could send it [GTW-42]', async () => {
    const address = `127.0.0.1:${await freePort()}`
    home.configure((config) => Object.assign(config, { listen: { address } }))
    await home.open()
    const parts = { audience: home.service.did, subject: home.owner.did }
    const remote = await makeAgentHome(join(home.folder, 'agents', 'remote'), { address }, parts)
    await remote.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    expect(await ask(inputOf(), remote)).toBe('deny')
    const said = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) }, () => {
        socket.write('{"procura":1,"refusal":{"server":"mail","tool":"send"}}\n')
      })
      socket.once('data', (chunk) => resolve(chunk.toString()))
    })
    expect(said).toContain('"refusal_refused"')
    expect(await denials()).toEqual([])
  })
})
