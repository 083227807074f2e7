import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { encodeContainer } from 'procura'
import { revoke } from 'procura/revocation'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { bundledProcura } from '../../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../../test/support/until.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../../serve/gateway-home.ts'
import { servedGateways } from '../../serve/served-gateway.ts'
import { type AgentHome, makeAgentHome } from './agent-home.ts'
import { type LineClient, newClients, textOf } from './client.ts'

const gateways = servedGateways(bundledProcura())
const clients = newClients()
let home: GatewayHome
let agent: AgentHome

beforeEach(async () => {
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
  await agent.give(home.owner, '/mcp/mail')
})

afterEach(async () => {
  await clients.end()
  await gateways.end()
  await home.remove()
})

const bob = { to: 'bob' }
const send = async (client: LineClient): Promise<string> => textOf(await client.call('send', bob))
const notices = ({ lines }: LineClient): number =>
  lines.filter((line) => line.includes('notifications/tools/list_changed')).length
const opened = (): number => home.events.filter(({ event }) => event === 'session_opened').length

/** Listens in the place of the gateway. */
async function listenAs(answer: (socket: Socket) => void): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    socket.resume()
    answer(socket)
  })
  await new Promise<void>((resolve) => server.listen(join(home.folder, 'gateway.sock'), resolve))
  return async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Another list of tools, accepted by the owner. */
function changeTools(...names: readonly string[]): void {
  const properties = { to: { type: 'string' } }
  const tools = names.map((name) => ({ name, inputSchema: { type: 'object', properties } }))
  writeFileSync(join(home.folder, 'tools.json'), JSON.stringify(tools))
  writeFileSync(join(home.folder, 'tools', 'mail.json'), JSON.stringify({ version: 1, tools }), { mode: 0o600 })
  home.configure(({ servers }) => {
    const { mail } = servers as { readonly mail: { readonly env: Record<string, string> } }
    mail.env['TOOLS_FILE'] = join(home.folder, 'tools.json')
  })
}

describe('a session whose gateway was started again', () => {
  it('goes on at the next call, in a session that begins as the one before [CON-29]', async () => {
    const gateway = await home.open()
    const client = await clients.open(agent.folder)
    await client.ask('tools/list')
    expect(await send(client)).toBe('sent to bob')
    await gateway.close()
    await until(() => client.faults.length > 0)
    expect(await send(client)).toMatch(
      /^Not executed .*the gateway is not running.*start it with `procura start --home/,
    )
    await home.open()
    expect(await send(client)).toBe('sent to bob')
    expect(await send(client)).toBe('sent to bob')
    expect(opened()).toBe(2)
    expect(callsIn(home.folder)).toHaveLength(3)
    // The list is the same, and no message of the second beginning reaches the client.
    await client.ask('tools/list')
    expect(notices(client)).toBe(0)
    expect(client.lines.filter((line) => line.includes('serverInfo'))).toHaveLength(1)
  })

  it('of four agents at once go on, each in one session of its own [CON-29]', async () => {
    const others = await Promise.all(['b', 'c', 'd'].map((name) => home.agent(name)))
    for (const other of others) await other.give(home.owner, '/mcp/mail')
    const gateway = await home.open()
    const all = await Promise.all([agent, ...others].map(({ folder }) => clients.open(folder)))
    await gateway.close()
    await until(() => all.every(({ faults }) => faults.length > 0))
    await home.open()
    // Two calls at once make one session.
    const answers = await Promise.all(all.flatMap((client) => [send(client), send(client)]))
    expect(answers).toEqual(Array(8).fill('sent to bob'))
    expect(opened()).toBe(8)
  })

  it('answers a call under way by SIGKILL with an unknown outcome, and never repeats it [CON-07] [CON-29]', async () => {
    const first = await gateways.serve(home.folder)
    const client = await clients.open(agent.folder)
    const slow = client.call('slow', { ms: 600_000 })
    await until(() => callsIn(home.folder).length === 1)
    first.child.kill('SIGKILL')
    expect(textOf(await slow)).toMatch(/^Outcome unknown \(outcome_unknown\): .*may have been executed/)
    expect(textOf(await client.call('slow', { ms: 1 }))).toMatch(/^Not executed \(gateway_unavailable\)/)
    await gateways.serve(home.folder)
    expect(await send(client)).toBe('sent to bob')
    expect(callsIn(home.folder).map(({ name }) => name)).toEqual(['slow', 'send'])
  })

  it('tells the client that the list of tools has changed [CON-29]', async () => {
    const gateway = await home.open()
    const client = await clients.open(agent.folder)
    expect((await client.ask('tools/list')).result?.tools).toHaveLength(6)
    await gateway.close()
    await until(() => client.faults.length > 0)
    changeTools('send', 'secret')
    await home.open()
    expect(await send(client)).toBe('sent to bob')
    await until(() => notices(client) === 1)
    expect((await client.ask('tools/list')).result?.tools?.map(({ name }) => name)).toEqual(['send', 'secret'])
  })

  it('begins again after its program has ended [CON-29]', async () => {
    await home.open()
    const client = await clients.open(agent.folder)
    expect(textOf(await client.call('crash'))).not.toContain('sent')
    await until(() => client.faults.length > 0)
    expect(await send(client)).toBe('sent to bob')
  })

  it('is refused by a program with another key, which gets no call [CON-02] [CON-29]', async () => {
    const gateway = await home.open()
    const client = await clients.open(agent.folder)
    await gateway.close()
    await until(() => client.faults.length > 0)
    const received: string[] = []
    const end = await listenAs((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk.toString())
        socket.write(`${JSON.stringify({ procura: 1, audience: home.owner.did })}\n`)
      })
    })
    expect(await send(client)).toMatch(/^Not executed .* and connect\.json names did:key:/)
    const successor = home.service.did
    const asked = [{ server: 'mail' }, { successor }].map((wanted) => `${JSON.stringify({ procura: 1, ...wanted })}\n`)
    expect(received.join('')).toBe(asked.join(''))
    await end()
    await home.open()
    expect(await send(client)).toBe('sent to bob')
  })

  it('survives a gateway that answers half a line and ends, at each of its answers [CON-29]', async () => {
    const gateway = await home.open()
    const client = await clients.open(agent.folder)
    await gateway.close()
    await until(() => client.faults.length > 0)
    const hello = `${JSON.stringify({ procura: 1, audience: home.service.did })}\n`
    for (const [answers, found] of [
      [['{"procura":1,"aud'], /^Not executed .*ended the connection/],
      [[hello, '{"jsonrpc":"2.0","id":"procura-'], /^Not executed .*before its server answered `initialize`/],
      [[hello, 'x\n'], /^Not executed .*before its server answered `initialize`/],
    ] as const) {
      const end = await listenAs((socket) => {
        const [first = '', second] = answers
        socket.write(first)
        if (second === undefined) return void socket.end()
        socket.once('data', () => socket.once('data', () => socket.end(second)))
      })
      expect(await send(client)).toMatch(found)
      await end()
    }
    await home.open()
    expect(await send(client)).toBe('sent to bob')
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('drops an answer of the client to a server of an earlier session [CON-31]', async () => {
    const received: string[] = []
    const question = { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} }
    const ask = (socket: Socket): void => void socket.write(`${JSON.stringify(question)}\n`)
    const serve = (): Promise<() => Promise<void>> =>
      listenAs((socket) => {
        socket.write(`${JSON.stringify({ procura: 1, audience: home.service.did })}\n`)
        socket.on('data', (chunk: Buffer) => {
          for (const line of chunk.toString().split('\n').filter(Boolean)) {
            received.push(line)
            const { id, method } = JSON.parse(line)
            if (method === 'notifications/initialized') ask(socket)
            else if (id !== undefined && method !== undefined)
              socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })}\n`)
          }
        })
      })
    const end = await serve()
    const client = await clients.open(agent.folder)
    const questions = (): number => client.lines.filter((line) => line.includes('elicitation/create')).length
    await until(() => questions() === 1)
    await end()
    await until(() => client.lines.some((line) => /notifications\/cancelled.*"requestId":1\b/.test(line)))
    onTestFinished(await serve())
    await client.call('send', bob)
    // The new session asks with the same id, while the question of the first one may still be on the screen.
    await until(() => received.some((line) => line.includes('"id":1,"error"')))
    client.write({ jsonrpc: '2.0', id: 1, result: { action: 'accept' } })
    await client.ask('ping')
    expect(received.join('\n')).not.toContain('accept')
    expect(questions()).toBe(1)
  })
})

describe('a call that waits for an approval when its session ends', () => {
  it('does not keep the client, which has another session, from its end [CON-09] [CON-29]', async () => {
    const asking: Socket[] = []
    const denial = { code: 'policy_unsatisfied', message: 'no', approvable: true }
    const refused = { content: [{ type: 'text', text: 'no' }], _meta: { 'xyz.ucan/container.denial': denial } }
    onTestFinished(
      await listenAs((socket) => {
        const say = (message: object): void => void socket.write(`${JSON.stringify(message)}\n`)
        socket.on('data', (chunk: Buffer) => {
          for (const line of chunk.toString().split('\n').filter(Boolean)) {
            const { id, method, params, approvals, server } = JSON.parse(line)
            if (approvals !== undefined) {
              asking.push(socket)
              say({ procura: 1, audience: home.service.did, approvers: [home.owner.did], threshold: 1 })
            } else if (server !== undefined) say({ procura: 1, audience: home.service.did })
            else if (method === 'tools/call' && params.name === 'crash') socket.destroy()
            else if (method === 'tools/call') say({ jsonrpc: '2.0', id, result: refused })
            else if (id !== undefined) say({ jsonrpc: '2.0', id, result: {} })
          }
        })
      }),
    )
    const client = await clients.open(agent.folder)
    void client.call('send', bob)
    await until(() => asking.length === 1)
    await client.call('crash')
    await client.ask('ping')
    client.input.end()
    await client.ended
    await until(() => asking[0]?.destroyed === true)
  })
})

describe('a client that starts without a gateway', () => {
  /** The agent has seen the server, and the gateway has ended. */
  async function seen(): Promise<void> {
    const gateway = await home.open()
    const client = await clients.open(agent.folder)
    await client.ask('tools/list')
    await clients.end()
    await gateway.close()
  }

  it('is shown the tools that the agent saw last, and each call is answered with the remedy [CON-30]', async () => {
    await seen()
    const client = clients.connect(agent.folder)
    expect(await client.initialize()).toMatchObject({
      result: { serverInfo: { name: 'mail' }, capabilities: { tools: { listChanged: true } } },
    })
    expect((await client.ask('tools/list')).result?.tools?.[0]).toMatchObject({ name: 'send', inputSchema: {} })
    expect(await send(client)).toMatch(/^Not executed \(gateway_unavailable\): .*`procura start --home \/\S+`\.$/)
    expect((await client.ask('resources/list')).error?.message).toMatch(/the gateway is not running/)
    await home.open()
    expect(await send(client)).toBe('sent to bob')
    await client.ask('tools/list')
    expect(notices(client)).toBe(0)
  })

  it('is told when the gateway has another list than the one that it was shown [CON-29] [CON-30]', async () => {
    await seen()
    const client = await clients.open(agent.folder)
    expect((await client.ask('tools/list')).result?.tools).toHaveLength(6)
    changeTools('send')
    await home.open()
    expect(textOf(await client.call('secret'))).toMatch(/^Denied/)
    await until(() => notices(client) === 1)
    expect((await client.ask('tools/list')).result?.tools).toHaveLength(1)
  })

  it('gets no authority from the file, which another list in it does not change [CON-30]', async () => {
    await seen()
    const path = join(agent.folder, 'seen', 'mail.json')
    const kept = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...kept, tools: [{ name: 'root', inputSchema: { type: 'object' } }] }))
    const client = await clients.open(agent.folder)
    expect((await client.ask('tools/list')).result?.tools).toMatchObject([{ name: 'root' }])
    await home.open()
    expect(textOf(await client.call('root'))).toMatch(/^Denied \(tool_unknown\)/)
    await until(() => notices(client) === 1)
    await client.ask('tools/list')
    await until(() => JSON.parse(readFileSync(path, 'utf8')).tools.length === 6)
  })

  it('is answered with the fault where nothing was seen, or the file is damaged or open to others [CON-30]', async () => {
    const fault = /^the gateway is not running/
    expect((await clients.connect(agent.folder).initialize()).error?.message).toMatch(fault)
    await seen()
    const path = join(agent.folder, 'seen', 'mail.json')
    const text = readFileSync(path, 'utf8')
    for (const damaged of [
      '',
      '{',
      'null',
      '{"version":2}',
      text.replace('"name":"send"', '"nam":"send"'),
      text.slice(0, -9),
    ]) {
      writeFileSync(path, damaged)
      expect.soft((await clients.connect(agent.folder).initialize()).error?.message).toMatch(fault)
    }
    writeFileSync(path, text)
    chmodSync(path, 0o644)
    expect((await clients.connect(agent.folder).initialize()).error?.message).toMatch(fault)
    chmodSync(path, 0o600)
    expect((await clients.connect(agent.folder).initialize()).result).toBeDefined()
    const other = clients.connect(agent.folder, { server: 'post' })
    expect((await other.initialize()).error?.message).toMatch(fault)
  })

  it('has no file of an agent whose delegations are encrypted [CON-24] [CON-30]', async () => {
    await home.open()
    const bare = await home.agent('bare')
    const client = await clients.open(bare.folder, { delegationsKey: { keyFile: join(home.folder, 'vault.key') } })
    await client.ask('tools/list')
    await clients.end()
    expect(existsSync(join(bare.folder, 'seen'))).toBe(false)
    const other = await clients.open(agent.folder)
    await other.ask('tools/list')
    await clients.end()
    expect(existsSync(join(agent.folder, 'seen'))).toBe(true)
  })

  it('is answered with the earlier version of the protocol of the two [CON-30]', async () => {
    await seen()
    const versionFor = async (protocolVersion: unknown): Promise<unknown> => {
      const client = clients.connect(agent.folder)
      const { result } = await client.ask('initialize', { protocolVersion, capabilities: {} })
      return (result as { readonly protocolVersion?: unknown }).protocolVersion
    }
    expect(await versionFor('2024-11-05')).toBe('2024-11-05')
    expect(await versionFor('2026-01-01')).toBe('2025-11-25')
    expect(await versionFor({})).toBe('2025-11-25')
  })
})

describe('an agent that lost its right', () => {
  it('gets no session over TCP until it has another one [CON-12] [CON-29]', async () => {
    home.configure((given) => void Object.assign(given, { listen: { address: '127.0.0.1:0' } }))
    const gateway = await home.open()
    const parties = { audience: home.service.did, subject: home.owner.did }
    const remote = await makeAgentHome(join(home.folder, 'agents', 'remote'), { address: gateway.place }, parties)
    const given = await remote.give(home.owner, '/mcp/mail')
    const client = await clients.open(remote.folder)
    expect(await send(client)).toBe('sent to bob')
    await gateway.close()
    await until(() => client.faults.length > 0)
    home.configure((config) => void Object.assign(config, { listen: { address: gateway.place } }))
    const next = await home.open()
    const revocation = await revoke({ issuer: home.owner, delegation: given })
    const [host, port] = gateway.place.split(':')
    const { connect } = await import('node:net')
    const socket = connect(Number(port), host)
    socket.write(`${JSON.stringify({ procura: 1, revoke: encodeContainer([revocation, given]) })}\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.destroy()
    expect(await send(client)).toMatch(/^Not executed \(gateway_unavailable\): the gateway refuses: .*revoked/)
    expect((await next.health()).sessions).toBe(0)
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('is refused in the session that was opened again over the socket [CON-29]', async () => {
    const gateway = await home.open()
    const given = await agent.give(home.owner, '/mcp/mail/send')
    const client = await clients.open(agent.folder)
    await gateway.close()
    await until(() => client.faults.length > 0)
    writeFileSync(join(agent.folder, 'delegations'), '', { mode: 0o600 })
    await home.open()
    expect(given.command).toBe('/mcp/mail/send')
    expect(await send(client)).toMatch(/^(?:Denied|Not executed)/)
    expect(callsIn(home.folder)).toHaveLength(0)
  })
})
