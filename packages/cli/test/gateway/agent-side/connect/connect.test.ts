import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ArgumentError } from 'procura/errors'
import { openContainer } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../../test/support/actors.ts'
import { until } from '../../../../../../test/support/until.ts'
import { connectToGateway } from '../../../../src/gateway/agent-side/connect/connect-to-gateway.ts'
import { type AgentHome, makeAgentHome } from './agent-home.ts'
import { connectClient, type LineClient } from './client.ts'
import { type FakeGateway, type FakeGatewayOptions, startFakeGateway } from './fake-gateway.ts'

const [owner, service] = await Promise.all([actor('owner'), actor('service')])
const parties = { audience: service.did, subject: owner.did }
const key = 'xyz.ucan/container'

let folder: string
let socket: string
let agent: AgentHome
let gateway: FakeGateway | undefined
let clients: LineClient[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-connect-'))
  socket = join(folder, 'gateway.sock')
  agent = await makeAgentHome(join(folder, 'agent'), { socket }, parties)
  await agent.give(owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
  clients = []
})
afterEach(async () => {
  for (const { input, ended } of clients) {
    input.destroy()
    await ended
  }
  await gateway?.stop()
  gateway = undefined
  await rm(folder, { recursive: true })
})

async function start(change: Partial<FakeGatewayOptions> = {}): Promise<FakeGateway> {
  gateway = await startFakeGateway({ ...parties, listen: socket, ...change })
  return gateway
}

function client(...given: Parameters<typeof connectClient> | []): LineClient {
  const made = connectClient(given[0] ?? agent.folder, given[1])
  clients.push(made)
  return made
}

function textOf(answer: Awaited<ReturnType<LineClient['ask']>>): string {
  return answer.result?.content?.[0].text ?? answer.error?.message ?? ''
}

describe('procura connect', () => {
  it('CON-02 CON-03 signs each call as it is, and passes every other message unchanged', async () => {
    const { received, executed, events } = await start()
    const { initialize, call, ask, write, lines, answer } = client()
    expect(await initialize()).toMatchObject({ result: { serverInfo: { name: 'mail' } } })
    expect(JSON.parse(received[0] as string)).toEqual({ procura: 1, server: 'mail' })
    const args = { to: 'bob@example.com', text: 'ä\u2028"\\ 1e21' }
    expect(await call('send', args)).toMatchObject({ result: { content: [{ text: 'done' }] } })
    expect(executed).toEqual([args])
    // The line reaches the gateway as the client wrote it.
    const odd = '{ "id":"p-1",  "jsonrpc":"2.0","params":{"_meta":{"a":1.50}}, "method":"ping" }'
    write(`${odd}\r\n\n \n`)
    expect(await answer('p-1')).toMatchObject({ result: {} })
    expect(received.join('')).toContain(odd)
    expect(await ask('tools/list')).toMatchObject({ result: { tools: [{ name: 'send' }] } })
    expect(lines.every((line) => !line.includes(key))).toBe(true)
    expect(events().map(({ kind }) => kind)).toEqual(['intent', 'outcome'])
  })

  it('CON-03 sends a call that the agent may not make, so that the gateway refuses and records it', async () => {
    const { executed, received, events } = await start()
    const { initialize, call } = client()
    await initialize()
    const refused = await call('send', { to: 'eve@evil.example' })
    expect(refused).toMatchObject({
      result: { isError: true, _meta: { [`${key}.denial`]: { code: 'policy_unsatisfied' } } },
    })
    expect(textOf(refused)).toMatch(/`\.to` must be a string that matches `\*@example\.com`/)
    expect(textOf(await call('readAll'))).toMatch(/^Denied \(command_not_covered\)/)
    expect(textOf(await call('constructor'))).toMatch(/^Denied \(tool_unknown\)/)
    expect(textOf(await call('send', { to: 'bob@example.com', bcc: 'x' }))).toMatch(
      /^Denied \(arguments_invalid\).*bcc/,
    )
    expect(executed).toEqual([])
    const denied = events().filter(({ kind }) => kind === 'denied')
    expect(denied.map(({ invoker }) => invoker)).toEqual([agent.signer.did, agent.signer.did, agent.signer.did])
    const calls = received
      .join('')
      .split('\n')
      .filter((line) => line.includes('tools/call'))
    expect(calls.length).toBe(4)
    for (const line of calls) {
      const { invocations } = await openContainer(JSON.parse(line).params._meta[key])
      expect(invocations).toMatchObject([{ issuer: agent.signer.did, audience: service.did, subject: owner.did }])
    }
  })

  it('CON-03 an agent without delegations receives the refusal of the gateway', async () => {
    await start()
    const bare = await makeAgentHome(join(folder, 'bare'), { socket }, parties)
    const { initialize, call, ask } = client(bare.folder)
    await initialize()
    expect(textOf(await call('send', { to: 'bob@example.com' }))).toMatch(/^Denied \(root_not_subject\)/)
    expect(await ask('tools/list')).toMatchObject({ result: { tools: [] } })
  })

  it('CON-04 uses a delegation from the moment at which its file changes', async () => {
    const { executed } = await start()
    const { initialize, call, ask } = client()
    await initialize()
    expect((await call('readAll')).result?.isError).toBe(true)
    const granted = await agent.give(owner, '/mcp/mail/readAll'.toLowerCase().replace('readall', 'read-all'))
    expect(granted.command).toBe('/mcp/mail/read-all')
    expect((await ask('tools/list')).result?.tools).toHaveLength(2)
    expect((await call('readAll', { limit: 3 })).result?.isError).toBeUndefined()
    expect(executed).toEqual([{ limit: 3 }])
    const path = join(agent.folder, 'delegations')
    const before = await readFile(path)
    await writeFile(path, 'damaged')
    expect(textOf(await call('readAll'))).toMatch(/^Not executed \(not_signed\): .*delegation store is damaged/)
    expect((await ask('tools/list')).error?.message).toMatch(/damaged/)
    await writeFile(`${path}.new`, before, { mode: 0o600 })
    await rename(`${path}.new`, path)
    expect((await call('readAll')).result?.isError).toBeUndefined()
    await rm(path)
    expect(textOf(await call('readAll'))).toMatch(/^Denied/)
  })
})

describe('procura connect without a gateway', () => {
  it('CON-07 answers each request with the fault and the remedy, and begins a session when the gateway runs', async () => {
    const { initialize, call, ask, write, lines, faults } = client()
    const message = /^the gateway is not running: nothing listens at .*gateway\.sock.*; start it with `procura start`$/
    expect(await initialize()).toMatchObject({ error: { code: -32_000, message: expect.stringMatching(message) } })
    const told = textOf(await call('send', { to: 'bob@example.com' }))
    expect(told).toMatch(/^Not executed \(gateway_unavailable\): the gateway is not running/)
    expect((await ask('tools/list')).error?.message).toMatch(message)
    write({ jsonrpc: '2.0', method: 'notifications/initialized' }, { jsonrpc: '2.0', id: 'x', result: {} })
    await ask('ping')
    expect(lines.length).toBe(4)
    expect(faults[0]).toMatch(message)
    await start()
    expect((await call('send', { to: 'bob@example.com' })).result?.isError).toBe(true)
    expect(await initialize()).toMatchObject({ result: { serverInfo: { name: 'mail' } } })
    expect((await call('send', { to: 'bob@example.com' })).result?.isError).toBeUndefined()
  })

  it('CON-06 CON-07 answers what is under way when the gateway ends, and opens the session again', async () => {
    const { stop, executed } = await start()
    const { initialize, call, ask, write, answer } = client()
    await agent.give(owner, '/mcp/mail/wait')
    await initialize()
    const under = call('wait')
    write({ jsonrpc: '2.0', id: 'list', method: 'resources/list' })
    await answer('list')
    await stop()
    expect(textOf(await under)).toMatch(/^Outcome unknown \(outcome_unknown\): .*may have been executed/)
    gateway = undefined
    expect(textOf(await call('send', { to: 'bob@example.com' }))).toMatch(
      /^Not executed \(gateway_unavailable\): the gateway is not running/,
    )
    const next = await start()
    // A notification opens no session.
    write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'list' } })
    await ask('tools/list')
    expect(next.received.map((line) => line.includes('cancelled'))).not.toContain(true)
    expect((await call('send', { to: 'bob@example.com' })).result?.isError).toBeUndefined()
    expect(await initialize()).toMatchObject({ result: { serverInfo: { name: 'mail' } } })
    expect((await call('send', { to: 'bob@example.com' })).result?.isError).toBeUndefined()
    expect(executed).toEqual([])
  })

  it('CON-06 reconnects for each request of a protocol without sessions', async () => {
    const { ask } = client()
    const stateless = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }
    expect((await ask('tools/list', stateless)).error?.message).toMatch(/is not running/)
    await start()
    await ask('tools/list', stateless)
    expect(gateway?.count()).toBe(1)
  })

  it('CON-02 signs nothing for another gateway than the one that the agent expects', async () => {
    const stranger = await actor('stranger')
    const answers: (readonly [string, RegExp])[] = [
      [JSON.stringify({ procura: 1, audience: stranger.did }), /and connect\.json names did:key:/],
      [JSON.stringify({ procura: 1 }), /is without a reason, and connect\.json names|connect\.json names/],
      [JSON.stringify({ procura: 1, audience: ['x'] }), /connect\.json names/],
      [JSON.stringify({ procura: 2, audience: service.did }), /not a gateway of a known version/],
      ['{"procura":1,"audience":', /is not a gateway of procura/],
      ['HTTP/1.1 400 Bad Request', /is not a gateway of procura/],
      ['null', /not a gateway of a known version/],
      [
        JSON.stringify({ procura: 1, error: { code: 'server_unknown', message: 'no server `mail`\u001b[2J' } }),
        /^the gateway refuses: no server `mail` \[2J$/,
      ],
      [JSON.stringify({ procura: 1, error: {}, audience: service.did }), /^the gateway refuses: without a reason$/],
    ]
    for (const [hello, message] of answers) {
      const { stop, received } = await start({ hello: () => hello })
      const { initialize, call } = client()
      expect.soft((await initialize()).error?.message).toMatch(message)
      await call('send', { to: 'bob@example.com' })
      expect.soft(received.every((line) => !line.includes('tools/call'))).toBe(true)
      await stop()
      gateway = undefined
    }
    const { stop } = await start({ hello: (_, from) => void from.end() })
    expect((await client().initialize()).error?.message).toMatch(/ended the connection/)
    await stop()
    gateway = undefined
  })

  it('CON-01 CON-07 tells about a wrong folder of the agent in the same way', async () => {
    await start()
    const path = join(agent.folder, 'connect.json')
    const right = JSON.parse(await readFile(path, 'utf8')) as object
    const wrong: (readonly [object | string, RegExp])[] = [
      ['{', /is not valid JSON/],
      [{ ...right, version: 2 }, /`version` must be 1/],
      [{ ...right, socet: 'x' }, /did you mean `socket`/],
      [{ ...right, address: '127.0.0.1:1' }, /either `socket` or `address`/],
      [{ ...right, socket: undefined }, /either `socket` or `address`/],
      [{ ...right, socket: undefined, address: '10.0.0.1:80' }, /must be a loopback address/],
      [{ ...right, socket: undefined, address: '127.0.0.1:65536' }, /must be a loopback address/],
      [{ ...right, audience: 'did:key:x' }, /`audience` is not a DID/],
      [{ ...right, key: 'other.key' }, /other\.key.*does not exist/],
    ]
    for (const [content, message] of wrong) {
      await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
      const { initialize, call, faults } = client()
      expect.soft((await initialize()).error?.message).toMatch(message)
      expect.soft(textOf(await call('send'))).toMatch(message)
      expect.soft(faults[0]).toMatch(message)
    }
    await writeFile(path, JSON.stringify(right))
    await chmod(path, 0o644)
    expect((await client().initialize()).error?.message).toMatch(/other users have access/)
    await rm(path)
    expect((await client().initialize()).error?.message).toMatch(
      new RegExp(`does not exist; .* make the agent with \`procura agent new ${agent.folder}\``),
    )
  })
})

describe('messages of a client of procura connect', () => {
  it('CON-05 CON-08 a malformed line is answered, and the next one is read', async () => {
    const { received } = await start()
    const { initialize, write, ask, lines, count } = client()
    await initialize()
    const before = lines.length
    const wrong: (readonly [string, number])[] = [
      ['{"id":1', -32_700],
      ['\ufeff{}', -32_700],
      ['5', -32_600],
      ['null', -32_600],
      ['"tools/call"', -32_600],
      ['[]', -32_600],
      ['[[]]', -32_600],
      ['{"method":"tools/call","params":{"name":"send","arguments":{}}}', -32_600],
      ['{"id":null,"method":"ping"}', -32_600],
      ['{"id":{},"method":"ping"}', -32_600],
      ['{"id":[1],"method":"tools/call"}', -32_600],
    ]
    for (const [line] of wrong) write(`${line}\n`)
    await count(before + wrong.length)
    const answers = lines.slice(before).map((line) => JSON.parse(line))
    expect(answers.map(({ id, error }) => [id, error.code])).toEqual(wrong.map(([, code]) => [null, code]))
    write(Buffer.from([0xff, 0xfe, 0x0a]).toString('latin1'))
    expect(await ask('ping')).toMatchObject({ result: {} })
    const sent = received.join('').length
    const { input } = clients.at(-1) as LineClient
    input.write(Buffer.from([0x7b, 0xff, 0x7d, 0x0a]))
    await count(before + wrong.length + 3)
    expect(received.join('').length).toBe(sent)
    expect(await ask('ping')).toMatchObject({ result: {} })
  })

  it('CON-05 a line that is too long is skipped, in any pieces, and costs no memory', async () => {
    await start()
    const { initialize, input, ask, count, lines } = client()
    await initialize()
    const piece = Buffer.alloc(1_048_576, 'x')
    const before = process.memoryUsage().rss
    for (let megabytes = 0; megabytes < 64; megabytes += 1)
      if (!input.write(piece)) await new Promise((settle) => input.once('drain', settle))
    input.write('\n')
    await count(2)
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ error: { message: expect.stringMatching(/4194304/) } })
    expect(await ask('ping')).toMatchObject({ result: {} })
    expect(process.memoryUsage().rss - before).toBeLessThan(48 * 1_048_576)
  })

  it('CON-05 a call that cannot be signed is answered with the reason', async () => {
    const { executed } = await start()
    const { initialize, call, ask, write, answer } = client()
    await initialize()
    const long = await call('send', { to: 'bob@example.com', text: 'x'.repeat(1_100_000) })
    expect(textOf(long)).toMatch(
      /^Denied \(malformed\): `args` are too large for a token: .*1048576 bytes; send less at a time\. Do not repeat/,
    )
    write(
      '{"id":"n","method":"tools/call","params":{"name":"send","arguments":{"to":"bob@example.com","text":1e300}}}\n',
    )
    expect((await answer('n')).result?.isError).toBe(true)
    write('{"id":"s","method":"tools/call","params":{"name":"send","arguments":{"to":"\\ud800"}}}\n')
    expect((await answer('s')).result?.isError).toBe(true)
    expect(textOf(await call('x'.repeat(300)))).toMatch(/^Not executed \(not_signed\): .*name of the tool/)
    expect(textOf(await call(''))).toMatch(/^Not executed \(not_signed\)/)
    for (const params of [
      undefined,
      null,
      [],
      'x',
      { name: 5 },
      { name: 'send', arguments: 'x' },
      { name: 'send', arguments: [] },
    ])
      expect.soft((await ask('tools/call', params as never)).result?.isError).toBe(true)
    write(
      '{"id":"p","method":"tools/call","params":{"name":"send","arguments":{"to":"bob@example.com","__proto__":{"to":1}}}}\n',
    )
    expect(textOf(await answer('p'))).toMatch(/^Denied \(malformed\): .*__proto__/)
    expect(executed).toEqual([])
  })

  it('CON-08 the messages of a batch are sent one by one, each call signed', async () => {
    const { executed } = await start()
    const { initialize, write, answer } = client()
    await initialize()
    const call = (id: string, to: string): object => ({
      ...{ jsonrpc: '2.0', id, method: 'tools/call' },
      params: { name: 'send', arguments: { to } },
    })
    write([call('a', 'bob@example.com'), { jsonrpc: '2.0', id: 'b', method: 'ping' }, 7, call('c', 'eve@evil.example')])
    expect((await answer('a')).result?.isError).toBeUndefined()
    expect(await answer('b')).toMatchObject({ result: {} })
    expect((await answer(null)).error?.code).toBe(-32_600)
    expect((await answer('c')).result?.isError).toBe(true)
    expect(executed).toEqual([{ to: 'bob@example.com' }])
  })

  it('CON-08 many calls under way are answered each, over a client that reads slowly', async () => {
    const { executed } = await start()
    const { initialize, write, lines, count, output } = client()
    await initialize()
    output.pause()
    const text = randomBytes(4_000).toString('base64')
    for (let id = 1_000; id < 1_400; id += 1)
      write({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'send', arguments: { to: 'a@example.com', text } },
      })
    await new Promise((settle) => setTimeout(settle, 50))
    output.resume()
    await count(401)
    const ids = lines.slice(1).map((line) => JSON.parse(line).id as number)
    expect(new Set(ids).size).toBe(400)
    expect(executed.length).toBe(400)
  })
})

describe('the end of procura connect', () => {
  it('CON-09 comes with the end of the input, after the calls under way, or a second later', async () => {
    const { release, executed } = await start()
    const first = client()
    await agent.give(owner, '/mcp/mail/wait')
    await first.initialize()
    const under = first.call('wait')
    await until(() => gateway?.events().length !== 0, 5)
    first.input.end()
    release()
    expect((await under).result?.isError).toBeUndefined()
    await first.ended
    expect(executed).toHaveLength(1)
    const second = client()
    await second.initialize()
    void second.call('wait')
    second.input.end()
    await second.ended
    await until(() => gateway?.count() === 0, 5)
  })

  it('CON-09 comes when the client is gone, and when the signal is aborted', async () => {
    await start()
    const first = client()
    await first.initialize()
    first.output.destroy()
    first.write({ jsonrpc: '2.0', id: 9, method: 'ping' })
    await first.ended
    const controller = new AbortController()
    const second = client(agent.folder, { signal: controller.signal })
    await second.initialize()
    controller.abort()
    await second.ended
    await client(agent.folder, { signal: AbortSignal.abort() }).ended
    await until(() => gateway?.count() === 0, 5)
  })

  it('wrong options are refused', async () => {
    const given = { server: 'mail', agent: agent.folder, input: process.stdin, output: process.stdout }
    for (const change of [
      { server: 'Mail' },
      { server: '' },
      { input: {} },
      { output: 5 },
      { agent: 5 },
      { sever: 'x' },
    ])
      await expect(connectToGateway({ ...given, ...change } as never)).rejects.toThrow(ArgumentError)
  })
})

describe('a clock of the agent that is wrong', () => {
  it.each([
    [-600, /^Denied \(expired\): the invocation expired at .*; it is now/],
    [600, /^Denied \(lifetime_too_long\): the invocation expires 6\d\d s from now/],
  ])('CON-03 leads to a denial that names the time: %i seconds', async (seconds, message) => {
    const { executed } = await start()
    const clock = { now: () => Math.floor(Date.now() / 1_000) + seconds }
    const { initialize, call } = client(agent.folder, { clock })
    await initialize()
    const denied = await call('send', { to: 'bob@example.com' })
    expect(textOf(denied)).toMatch(message)
    expect(executed).toEqual([])
  })
})
