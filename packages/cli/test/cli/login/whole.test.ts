import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { type Answer, textOf } from '../../gateway/agent-side/connect/client.ts'
import { servedGateways } from '../../gateway/serve/served-gateway.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'
import { logIn } from './log-in.ts'
import { type OauthWorld, startOauthWorld } from './oauth-world.ts'

const program = bundledProcura()
const gateways = servedGateways(program)
const children: ChildProcess[] = []
let machine: Machine
let world: OauthWorld

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await gateways.end()
  await world.close()
  machine.remove()
})

/** A client that starts the command of its configuration, with all that the command writes. */
interface Program {
  readonly pid: number
  readonly written: string[]
  ask(method: string, params: object): Promise<Answer>
}

function start({ command, args }: { readonly command: string; readonly args: readonly string[] }): Program {
  const child = spawn(command, args, { env: { ...process.env, ...machine.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  children.push(child)
  const written: string[] = []
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on('line', (line) => void written.push(line))
  let last = 0
  return {
    ...{ pid: child.pid as number, written },
    async ask(method, params) {
      const id = ++last
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
      const found = (): Answer | undefined =>
        written
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as Answer)
          .find((answer) => answer.id === id)
      await until(() => found() !== undefined)
      return found() as Answer
    },
  }
}

function verb(...words: readonly string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [program(), ...words], {
    encoding: 'utf8',
    env: { ...process.env, ...machine.env },
  })
  return stdout + stderr
}

/** Files below a folder with one of the texts, as they are or in base64. */
function filesWith(folder: string, texts: readonly string[]): readonly string[] {
  const forms = texts.flatMap((text) => [text, Buffer.from(text).toString('base64').slice(0, -4)])
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(folder, name)
    if (!statSync(path).isFile()) return false
    const bytes = readFileSync(path, 'latin1')
    return forms.some((form) => bytes.includes(form))
  })
}

/** The arguments and the environment of a process and of those that it started. */
function processesOf(pid: number): string {
  const own = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1'))
  const started = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return [...own, ...started.map((one) => processesOf(Number(one)))].join('\n')
}

describe('a wrapped server with a login', () => {
  it('is used by its client, which has no token anywhere, until the grant ends [LGN-13] [LGN-20] [LGN-22]', async () => {
    machine = newMachine()
    world = await startOauthWorld()
    const path = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: { type: 'http', url: world.url } } }))
    const wrapped = await machine.procura(['wrap', path, '--key-file', machine.keyFile], {
      program: [process.execPath, program()],
    })
    expect([wrapped.code, wrapped.err]).toEqual([0, expect.stringContaining('run `procura login mail`')])
    const login = await logIn(world, machine.home)
    expect(login.code).toBe(0)
    const served = await gateways.serve(machine.home, [], machine.env)
    const client = start(JSON.parse(readFileSync(path, 'utf8')).mcpServers.mail)
    const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
    expect((await client.ask('initialize', initialize)).error).toBeUndefined()
    const send = (text: string): Promise<Answer> => client.ask('tools/call', { name: 'send', arguments: { text } })

    expect(textOf(await send('a'))).toBe('sent a')
    await world.endTokens()
    const before = world.refreshes()
    const texts = Array.from({ length: 64 }, (_, at) => `${at}`)
    expect((await Promise.all(texts.map(send))).map(textOf)).toEqual(texts.map((text) => `sent ${text}`))
    expect(world.refreshes()).toBe(before + 1)
    const running = [client.pid, served.child.pid as number].map(processesOf)

    await world.endGrants()
    // The server has just refused a token, so its successor is not renewed for a minute.
    const ended = /^the server `mail` (?:refuses the tokens of its login|needs a new login: its grant has ended)/
    const remedy = (await send('b')).error?.message
    expect([remedy, remedy]).toEqual([
      expect.stringMatching(ended),
      expect.stringMatching(/; run `procura login mail`$/),
    ])
    expect(verb('doctor')).toContain(remedy)
    expect([...world.sent].sort()).toEqual(['a', ...texts].sort())

    // Two access tokens and two refresh tokens, at least.
    expect(new Set(world.tokens).size).toBeGreaterThan(3)
    const shown = [wrapped, login].flatMap(({ out, err }) => [out, err])
    const read = [verb('log'), verb('log', '--json'), verb('status'), verb('doctor', '--json')]
    const all = [...shown, ...running, ...read, served.out(), ...client.written].join('\n')
    expect(all).toContain('sent 63')
    expect(world.tokens.filter((token) => all.includes(token))).toEqual([])
    expect(filesWith(machine.folder, world.tokens)).toEqual([])
    machine.write('found', `a ${world.tokens.at(-1)}`)
    expect(filesWith(machine.folder, world.tokens)).toEqual(['found'])
  })
})
