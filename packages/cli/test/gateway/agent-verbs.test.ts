import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeContainer, systemClock } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { openSignerFile } from 'procura/signer/file'
import { openContainer } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../test/support/actors.ts'
import { delegateRaw } from '../../../../test/support/service.ts'
import { runCli } from '../cli/run-cli.ts'
import { type AgentHome, makeAgentHome } from './agent-side/connect/agent-home.ts'
import { connectClient } from './agent-side/connect/client.ts'
import { type FakeGateway, startFakeGateway } from './agent-side/connect/fake-gateway.ts'

const [owner, service] = await Promise.all([actor('owner'), actor('service')])
const parties = { audience: service.did, subject: owner.did }
let home: string
let socket: string
let assistant: AgentHome
let gateway: FakeGateway

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'procura-agents-'))
  socket = join(home, 'gateway.sock')
  assistant = await makeAgentHome(join(home, 'agents', 'assistant'), { socket }, parties)
  gateway = await startFakeGateway({ ...parties, listen: socket })
})
afterEach(async () => {
  await gateway.stop()
  await rm(home, { recursive: true })
})

const run = (...words: readonly string[]) => runCli([...words, '--home', home])

describe('procura agent', () => {
  it('CON-10 makes the folder of an agent like another one, with a key of its own and no authority', async () => {
    const made = await run('agent', 'new', 'child')
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^did:key:z6Mk\w+$/) })
    const folder = join(home, 'agents', 'child')
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    for (const name of ['agent.key', 'connect.json']) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
    const [child, parent] = await Promise.all(
      [folder, assistant.folder].map(async (one) => JSON.parse(await readFile(join(one, 'connect.json'), 'utf8'))),
    )
    expect(child).toEqual(parent)
    expect(await run('agent', 'show', 'child')).toMatchObject({ code: 0, out: made.out })
    expect(await run('agent', 'new', 'child', '--like', 'assistant')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/exists already; choose another name/),
    })
    expect(await run('agent', 'new', 'third')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/has 2 agents; choose one with --like: /),
    })
    expect((await run('agent', 'show')).err).toMatch(
      /has 2 agents; choose one with `procura agent show NAME --home \S+`: /,
    )
    expect((await run('connect', 'mail')).err).toMatch(/has 2 agents; choose one with --agent: /)
    for (const name of ['../x y', 'a b', '']) expect.soft((await run('agent', 'new', name)).code).toBe(2)
  })

  it('CON-10 makes the first agent of a gateway from its address and its names', async () => {
    const other = join(home, 'other')
    const words = ['agent', 'new', 'first', '--home', other, '--audience', service.did, '--subject', owner.did]
    const made = await runCli([...words, '--address', '127.0.0.1:7333', '--json'])
    expect(made.code, made.err).toBe(0)
    expect(JSON.parse(made.out).folder).toBe(join(other, 'agents', 'first'))
    for (const wrong of [[], ['--socket', '/s', '--address', '127.0.0.1:1'], ['--socket', '/s', '--like', 'first']])
      expect.soft((await runCli([...words.with(2, 'next'), ...wrong])).code).toBe(2)
    expect((await runCli(['agent', 'new', 'x', '--home', join(home, 'none')])).err).toMatch(
      /has no agent; make the first one with `procura wrap --home \S+` or `procura api add --home \S+`, or pass --audience, --subject, /,
    )
  })

  it('CON-11 receives a delegation only if it is for the agent and verifies', async () => {
    await run('agent', 'new', 'child')
    const { signer } = await openSignerFile({ path: join(home, 'agents', 'child', 'agent.key') })
    const [good, foreign] = await Promise.all(
      [signer, await actor('stranger')].map((to) =>
        delegateRaw(owner, to, { command: '/mcp/mail/send', expiration: systemClock.now() + 600 }),
      ),
    )
    const file = join(home, 'foreign')
    await writeFile(file, encodeContainer([foreign as never]))
    expect(await run('agent', 'receive', 'child', file, '--json')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/"accepted":false/),
    })
    const taken = await runCli(['agent', 'receive', 'child', '--home', home], encodeContainer([good as never]))
    expect(taken).toMatchObject({ code: 0, out: expect.stringMatching(/\/mcp\/mail\/send/) })
    const shown = JSON.parse((await run('agent', 'show', 'child', '--json')).out)
    expect(shown).toMatchObject({ did: signer.did, capabilities: [{ subject: owner.did, command: '/mcp/mail/send' }] })
    expect((await run('agent', 'receive')).code).toBe(2)
  })

  it('CON-11 receives a file with one container a line, or nothing of it', async () => {
    await run('agent', 'new', 'child')
    const { signer } = await openSignerFile({ path: join(home, 'agents', 'child', 'agent.key') })
    const line = async (command: string, to = signer): Promise<string> =>
      encodeContainer([await delegateRaw(owner, to, { command, expiration: systemClock.now() + 600 })])
    const receive = (lines: readonly string[]) =>
      runCli(['agent', 'receive', 'child', '--home', home], `${lines.join('\n')}\n`)
    const [send, read] = [await line('/mcp/mail/send'), await line('/mcp/mail/read')]
    for (const wrong of [await line('/mcp/mail', (await actor('stranger')) as never), 'no container'])
      expect((await receive([send, wrong])).code).toBe(1)
    expect((await run('agent', 'show', 'child')).out).not.toMatch(/\/mail/)
    // No token is left out.
    const vectors = JSON.parse(await readFile(new URL('../../../../spec/vectors/ucanto.json', import.meta.url), 'utf8'))
    const other = vectors.cases.find(({ container }: { container: unknown }) => typeof container === 'string').container
    expect(await receive([send, other])).toMatchObject({ code: 2, err: expect.stringContaining('are of UCAN 0.9.1') })
    expect((await run('agent', 'show', 'child')).out).not.toMatch(/\/mail/)
    const { code, out } = await receive([send, read, send])
    expect([code, out.match(/`\/mcp\/mail\/\w+`/g)?.sort()]).toEqual([0, ['`/mcp/mail/read`', '`/mcp/mail/send`']])
  })
})

describe('a sub-agent with its own connection', () => {
  async function child(...policy: readonly string[]): Promise<{ readonly code: number; readonly err: string }> {
    await assistant.give(owner, '/mcp/mail', [['like', '.to', '*@example.com']])
    const { out } = await run('agent', 'new', 'child', '--like', 'assistant')
    const store = fileDelegationStore({ path: join(assistant.folder, 'delegations') })
    const proofs = encodeContainer((await store.load({})).map((bytes) => ({ bytes })))
    const from = ['attenuate', '--from', join(assistant.folder, 'agent.key'), '--to', out.split('\n')[0] as string]
    const narrow = await runCli([...from, ...policy], proofs)
    if (narrow.code !== 0) return narrow
    return runCli(['agent', 'receive', 'child', '--home', home], narrow.out)
  }

  it('CON-11 calls within its part, and is refused by the gateway beyond it', async () => {
    expect(await child('--command', '/mcp/mail/send', '--policy', '.to == bob@example.com')).toMatchObject({ code: 0 })
    const client = connectClient(join(home, 'agents', 'child'))
    await client.initialize()
    expect((await client.call('send', { to: 'bob@example.com' })).result?.isError).toBeUndefined()
    for (const [tool, args] of [
      ['send', { to: 'carol@example.com' }],
      ['readAll', {}],
    ] as const)
      expect((await client.call(tool, args)).result?.isError).toBe(true)
    expect(gateway.executed).toEqual([{ to: 'bob@example.com' }])
    const [{ principals = [] } = {}] = gateway.events() as { principals?: readonly string[] }[]
    expect(principals.slice(0, 2)).toEqual([owner.did, assistant.signer.did])
    client.input.end()
    await client.ended
  })

  it.each([
    ['another command', ['--command', '/mcp/files']],
    ['every command', ['--any-command']],
    ['a longer life', ['--command', '/mcp/mail/send', '--expires-in', '9d']],
  ])('[attack 88] that asks for more than its parent has is refused when it is minted: %s', async (_, words) => {
    expect(await child(...words)).toMatchObject({ code: 2, err: expect.stringMatching(/ERR_ATTENUATION/) })
  })

  it.each([
    ['another command', { command: '/' }, 'readAll', {}],
    ['the same command without the condition', { command: '/mcp/mail/send' }, 'send', { to: 'eve@evil.example' }],
    ['a longer life', { command: '/mcp/mail/send', expiration: systemClock.now() + 900_000 }, 'send', { to: 'e@evil' }],
  ] as const)(
    '[attack 88] whose parent signs more than it has is refused by the gateway: %s',
    async (_, more, tool, args) => {
      await assistant.give(owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
      await run('agent', 'new', 'child')
      const folder = join(home, 'agents', 'child')
      const { signer } = await openSignerFile({ path: join(folder, 'agent.key') })
      const store = fileDelegationStore({ path: join(assistant.folder, 'delegations') })
      const [root] = (await openContainer(encodeContainer((await store.load({})).map((bytes) => ({ bytes })))))
        .delegations
      // Signed by hand, without the checks of the minting side, and stored without those of `receive`.
      const given = { subject: owner.did, expiration: systemClock.now() + 600, ...more }
      const wide = await delegateRaw(assistant.signer, signer, given)
      const held = [root, wide].map((one) => [String(one?.cid), one?.bytes as Uint8Array] as const)
      await fileDelegationStore({ path: join(folder, 'delegations') }).change({ add: new Map(held), remove: [] }, {})
      const client = connectClient(folder)
      await client.initialize()
      expect((await client.call(tool, args)).result).toMatchObject({ isError: true })
      expect(gateway.executed).toEqual([])
      expect(gateway.events().map(({ kind }) => kind)).toEqual(['denied'])
      client.input.end()
      await client.ended
    },
  )
})
