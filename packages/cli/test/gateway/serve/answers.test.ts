import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import type { OpenGatewayOptions } from '../../../src/index.ts'
import { type LineClient, newClients, textOf } from '../agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

const program = fileURLToPath(new URL('faulty-server.mjs', import.meta.url))
const clients = newClients()
let home: GatewayHome

beforeEach(async () => {
  home = await makeGatewayHome({ mail: { type: 'stdio', command: process.execPath, args: [program] } })
})

afterEach(async () => {
  await clients.end()
  await home.remove()
})

/** Opens the gateway, and returns a function that begins a session with it. */
async function serve(options: Partial<OpenGatewayOptions> = {}) {
  const gateway = await home.open(options)
  const agent = await home.agent('assistant')
  await agent.give(home.owner, '/mcp/mail')
  return { gateway, connect: (): Promise<LineClient> => clients.open(agent.folder) }
}

/** The calls on record, or their outcomes: the start of a server is a call of the gateway as well. */
async function recorded(kind: 'intent' | 'outcome'): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const records = await home.records()
  const calls = records.filter((one) => one['kind'] === 'intent' && one['command'] === '/mcp/mail/fault')
  return kind === 'intent' ? calls : records.filter(({ intent }) => calls.some(({ id }) => id === intent))
}

const outcomes = async (): Promise<readonly unknown[]> => (await recorded('outcome')).map(({ status }) => status)

const ok = '"result":{"content":[{"type":"text","text":"done"}]}'
const half = '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"do'
const news = '{"jsonrpc":"2.0","method":"notifications/message","params":{}}\n'
const large = `{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"FILL"}]}}\n`

/** Answers after which the session goes on, each with the beginning of the answer for the client. */
const lines: readonly (readonly [name: string, args: object])[] = [
  ['is half a line', { line: `${half}\n` }],
  ['has a byte that is not UTF-8', { line: `{"jsonrpc":"2.0","id":ID,"result":"BYTE"}\n` }],
  ['has more than 4 MiB', { line: large, fill: 4_300_000 }],
  ['has more than 4 MiB, with the id last', { line: `{${ok},"more":"FILL","id":ID}\n`, fill: 4_300_000 }],
  ['has too many values', { line: '{"jsonrpc":"2.0","id":ID,"result":[MANY]}\n' }],
  ['has no result', { line: '{"jsonrpc":"2.0","id":ID}\n' }],
  ['has a result and an error', { line: `{"jsonrpc":"2.0","id":ID,${ok},"error":{"code":1,"message":"x"}}\n` }],
  ['is a request as well', { line: `{"jsonrpc":"2.0","id":ID,"method":"ping",${ok}}\n` }],
  ['has no version', { line: `{"id":ID,${ok}}\n` }],
  ['has another version', { line: `{"jsonrpc":"1.0","id":ID,${ok}}\n` }],
  ['has a result that is no object', { line: '{"jsonrpc":"2.0","id":ID,"result":7}\n' }],
  ['has an error that is no object', { line: '{"jsonrpc":"2.0","id":ID,"error":7}\n' }],
  ['has an error that is null', { line: '{"jsonrpc":"2.0","id":ID,"error":null}\n' }],
  ['has an error of the gateway', { line: '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"x"}}\n' }],
  [
    'is in a batch that is too large',
    { line: `[${'{"jsonrpc":"2.0","method":"x"},'.repeat(100)}{"jsonrpc":"2.0","id":ID,${ok}}]\n` },
  ],
]

describe('a call of a tool, through a gateway that runs', () => {
  it('is answered whatever the answer of its server is, and the session goes on [MCP-25] [MCP-27] [MCP-36]', async () => {
    const mail = await (await serve({ callTimeoutMs: 5_000 })).connect()
    for (const [name, args] of lines) {
      // The time of a call would answer it, too, as `stopped`.
      expect.soft(textOf(await mail.call('fault', args)), name).toMatch(/^Failed \(failed\): |^\{.*"error":/)
    }
    expect((await mail.ask('ping')).error?.message).toBe('the answer of the server is malformed')
    expect(textOf(await mail.call('fault', { line: `{"jsonrpc":"2.0","id":ID,${ok}}\n` }))).toBe('done')
    expect(await outcomes()).toEqual([...lines.map(() => 'error'), 'ok'])
    // GTW-37: no answer of a server makes a refusal of the gateway.
    expect((await home.records()).filter(({ kind }) => kind === 'denied')).toEqual([])
  }, 60_000)

  it.each([
    ['exits', 'exit'],
    ['is killed', 'kill'],
    ['closes its output', 'close'],
  ])(
    'is answered when its server %s, also in the middle of an answer [GTW-23] [MCP-25]',
    async (_, act) => {
      const { connect } = await serve()
      for (const line of ['', half]) {
        const mail = await connect()
        const other = mail.call('fault', { line: news, act: 'hang' })
        await until(() => mail.lines.some((one) => one.includes('notifications/message')))
        const answer = await mail.call('fault', { line, act })
        for (const one of [answer, await other]) expect(textOf(one)).toMatch(/^(?:Failed|Outcome unknown) \(/)
      }
      expect(await outcomes()).toEqual(['unknown', 'unknown', 'unknown', 'unknown'])
    },
    60_000,
  )

  it('is answered when its server hangs: after the time of a call, and at the end of the gateway [GTW-35] [MCP-25]', async () => {
    const { gateway, connect } = await serve({ callTimeoutMs: 1_500, stopTimeoutMs: 100 })
    const mail = await connect()
    expect(textOf(await mail.call('fault', { act: 'hang' }))).toMatch(/^Failed \(stopped\): .*may have had its effect/)
    const open = mail.call('fault', { act: 'hang' })
    await until(async () => (await recorded('intent')).length === 2)
    await gateway.close()
    expect(textOf(await open)).toMatch(/^(?:Failed \((?:closed|stopped)\)|Outcome unknown)/)
    expect(await outcomes()).toEqual(['unknown', 'unknown'])
  }, 60_000)
})
