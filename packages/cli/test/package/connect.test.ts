import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../../../test/setup/entries.ts'
import { actor } from '../../../../test/support/actors.ts'
import { until } from '../../../../test/support/until.ts'
import { type AgentHome, makeAgentHome } from '../gateway/agent-side/connect/agent-home.ts'
import { type FakeGateway, startFakeGateway } from '../gateway/agent-side/connect/fake-gateway.ts'

const [owner, service] = await Promise.all([actor('owner'), actor('service')])
const parties = { audience: service.did, subject: owner.did }
const program = `${root}packages/cli/dist/procura.js`

let home: string
let agent: AgentHome
let gateway: FakeGateway
const children: ChildProcessWithoutNullStreams[] = []

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'procura-connect-'))
  const socket = join(home, 'gateway.sock')
  agent = await makeAgentHome(join(home, 'agents', 'assistant'), { socket }, parties)
  await agent.give(owner, '/mcp/mail/send')
  gateway = await startFakeGateway({ ...parties, listen: socket })
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(async () => {
  await gateway.stop()
  await rm(home, { recursive: true })
})

interface Started {
  readonly child: ChildProcessWithoutNullStreams
  readonly lines: Interface
  readonly errors: () => string
  readonly exit: Promise<readonly unknown[]>
  ask(message: object): Promise<Record<string, unknown>>
}

function start(...words: readonly string[]): Started {
  return startWith([], words)
}

function startWith(flags: readonly string[], words: readonly string[]): Started {
  const parameters = [...flags, program, ...words]
  const child = spawn(process.execPath, parameters, { env: { PATH: '/usr/bin:/bin', PROCURA_HOME: home } })
  children.push(child)
  const exit = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const errors: string[] = []
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
  return {
    ...{ child, lines, exit },
    errors: () => errors.join(''),
    async ask(message) {
      child.stdin.write(`${JSON.stringify(message)}\n`)
      const [line] = (await once(lines, 'line')) as [string]
      return JSON.parse(line)
    },
  }
}

const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params }
const call = {
  jsonrpc: '2.0',
  id: 2,
  method: 'tools/call',
  params: { name: 'send', arguments: { to: 'bob@example.com' } },
}

describe('the program procura connect', { timeout: 30_000 }, () => {
  it.each([
    ['in the file for agents', ['connect', 'mail']],
    ['in the file for all verbs', ['--agent=assistant', 'connect', 'mail']],
  ])('CON-02 CON-09 serves a client, and ends with its input: %s', async (_, words) => {
    const { child, ask, exit, errors } = start(...words)
    expect(await ask(initialize)).toMatchObject({ id: 1, result: { serverInfo: { name: 'mail' } } })
    expect(await ask(call)).toMatchObject({ id: 2, result: { content: [{ text: 'done' }] } })
    // The key and the delegations are in files: neither is in the arguments or the environment of the process.
    const places = await Promise.all(['cmdline', 'environ'].map((name) => readFile(`/proc/${child.pid}/${name}`)))
    const { d } = JSON.parse(await readFile(join(agent.folder, 'agent.key'), 'utf8')).keys?.[0]?.jwk ?? {}
    expect(Buffer.concat(places).includes(String(d))).toBe(false)
    child.stdin.end()
    expect(await exit).toEqual([0, null])
    expect(errors()).toBe('')
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'CON-09 ends by %s at once, with its connection',
    async (signal) => {
      const { child, ask, exit } = start('connect', 'mail')
      await ask(initialize)
      child.kill(signal)
      expect(await exit).toEqual([null, signal])
      await until(() => gateway.count() === 0, 5)
    },
  )

  it('CON-09 ends when nobody reads its output', async () => {
    const { child, ask, exit } = start('connect', 'mail')
    await ask(initialize)
    child.stdout.destroy()
    child.stdin.write(`${JSON.stringify(call)}\n`)
    child.stdin.write(`${JSON.stringify({ ...call, id: 3 })}\n`)
    await exit
    await until(() => gateway.count() === 0, 5)
  })

  it('CON-07 writes nothing but messages to its output when it cannot work', async () => {
    const { ask, errors } = start('connect', 'mail', '--agent', './none')
    expect(await ask(initialize)).toMatchObject({ id: 1, error: { code: -32_000 } })
    expect(errors()).toMatch(/^procura connect mail: .*connect\.json.* does not exist/)
    for (const words of [['connect'], ['connect', 'Mail'], ['connect', 'mail', '--agent', 'a b']]) {
      const failed = start(...words)
      let output = ''
      failed.child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      expect(await failed.exit).toEqual([2, null])
      expect(output).toBe('')
      expect(failed.errors()).toMatch(/^procura: /)
    }
  })
})

describe('the start of procura connect', { timeout: 30_000 }, () => {
  /** Modules of Node that take milliseconds to load. */
  const slow = ['child_process', 'http', 'internal/crypto/webcrypto', 'perf_hooks', 'zlib']

  /** The modules of Node that a program has loaded when it answers its first message. */
  async function loadedBy(...words: readonly string[]): Promise<readonly string[]> {
    const report = join(home, 'report.cjs')
    await writeFile(
      report,
      `process.on('SIGUSR2', () => process.stderr.write(\`\\n[\${process.moduleLoadList.map((name) => JSON.stringify(name))}]\\n\`))`,
    )
    const { ask, child, errors } = startWith(['-r', report], words)
    await ask(initialize)
    child.kill('SIGUSR2')
    await expect.poll(errors).toMatch(/^\[.*\]$/m)
    const names = JSON.parse(/^\[.*\]$/m.exec(errors())?.[0] as string) as readonly string[]
    return names.map((name) => name.replace('NativeModule ', ''))
  }

  it('loads no module of Node that it does not use', async () => {
    const loaded = await loadedBy('connect', 'mail')
    expect(loaded).toContain('crypto')
    expect(slow.filter((name) => loaded.includes(name))).toEqual([])
  })
})
