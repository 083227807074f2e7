/**
 * Each command that a message recommends is pasted into a shell, and ends the situation that the message is about: with
 * the default home folder, and with one elsewhere whose path has a space.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { verbs } from '../../src/cli/verbs.ts'
import { withPlace } from '../../src/support/command-place.ts'
import { approveAt } from '../gateway/approvals/approver.ts'
import { newClients } from '../gateway/connect/client.ts'
import { mailServer } from '../gateway/serve/gateway-home.ts'
import { root } from '../setup/entries.ts'
import { bundleProcura } from '../support/bundle-program.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'

let tools: string
let bin: string

beforeAll(async () => {
  tools = await mkdtemp(join(tmpdir(), 'procura-remedies-'))
  const program = await bundleProcura(tools)
  bin = join(tools, 'bin')
  await mkdir(bin)
  writeFileSync(join(bin, 'procura'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 })
}, 60_000)

afterAll(() => rmSync(tools, { recursive: true, force: true }))

/** The output of a command line. */
interface Said {
  readonly code: number | null
  readonly all: string
}

/** A user with a home folder, and a gateway that is at its default place or elsewhere. */
interface World {
  readonly folder: string
  readonly home: string
  readonly keyFile: string
  readonly config: string
  readonly agent: string
  write(name: string, text: string): string
  /** Runs the program as the person did who gets a message. */
  run(words: readonly string[], input?: string): Said
  /** Pastes a command line into a shell that has no PROCURA_HOME. */
  paste(line: string, input?: string): Said
  /** Pastes one that goes on, and waits for its output. */
  keep(line: string, output: RegExp): Promise<void>
  doctor(check: string): string
  call(name: string, args?: object): Promise<string>
  end(): Promise<void>
}

async function newWorld(isElsewhere: boolean): Promise<World> {
  const folder = realpathSync(await mkdtemp(join(tmpdir(), 'remedy-')))
  const home = isElsewhere ? join(folder, 'an other') : join(folder, '.config', 'procura')
  const env = { HOME: folder, PATH: `${bin}:${process.env['PATH']}` }
  const at = isElsewhere ? ['--home', home] : []
  const kept: ChildProcess[] = []
  const clients = newClients()
  const shell = (line: string, input: string, words: readonly string[] = []): Said => {
    const options = { env, input, cwd: tools, encoding: 'utf8', timeout: 60_000 } as const
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line, 'procura', ...words], options)
    return { code: status, all: `${stdout}${stderr}` }
  }
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const agent = join(home, 'agents', 'claude')
  return {
    ...{ folder, home, agent, write, keyFile: join(folder, 'vault.key') },
    config: write('.mcp.json', JSON.stringify({ mcpServers: { mail: mail() } })),
    run(words, input = '') {
      const verb = verbs.find(({ name }) => words.join(' ').startsWith(name))
      const takes = verb?.options.some(({ name }) => name === 'home') === true
      return shell('exec procura "$@"', input, takes ? [...words, ...at] : words)
    },
    paste: (line, input = '') => shell(line, input),
    async keep(line, output) {
      const child = spawn('sh', ['-c', `exec ${line}`], { env, cwd: tools })
      kept.push(child)
      let all = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (all += chunk))
      await until(() => output.test(all) || child.exitCode !== null)
      expect(all).toMatch(output)
    },
    doctor(check) {
      const { all } = shell('exec procura doctor "$@"', '', at)
      return all
        .split('\n')
        .filter((line) => line.split('\t')[1] === check)
        .join('\n')
    },
    async call(name, args = {}) {
      const client = await clients.open(agent)
      const { result, error } = await client.call(name, args)
      return error?.message ?? result?.content?.[0].text ?? ''
    },
    async end() {
      await clients.end()
      for (const child of kept) {
        const exit = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGKILL')
        if (child.exitCode === null && child.signalCode === null) await exit
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const mail = (env: object = {}): object => ({
  command: process.execPath,
  args: [mailServer],
  env: { MAIL_KEY: 'canary-1', ...env },
})

/** The commands in backticks of a message, in which `start` is the first word after the name of the program. */
function commandsIn(message: string, start: string): readonly string[] {
  return [...message.matchAll(/`(procura [^`]*)`/g)]
    .map(([, line]) => line as string)
    .filter((line) => line.startsWith(`procura ${start}`))
}

/** The command of a message. */
function commandIn(message: string, start: string): string {
  const [line] = commandsIn(message, start)
  expect(line, message).toBeDefined()
  return line as string
}

/** Pastes a command that has to succeed. */
function done(world: World, line: string, input?: string): void {
  const { code, all } = world.paste(line, input)
  expect(code, `${line}\n${all}`).toBe(0)
}

const wrap = (world: World, ...more: readonly string[]): Said =>
  world.run(['wrap', world.config, '--key-file', world.keyFile, ...more])

function wrapped(world: World, ...more: readonly string[]): string {
  const { code, all } = wrap(world, ...more)
  expect(code, all).toBe(0)
  return all
}

/** Starts the gateway as `wrap` recommends it. */
async function served(world: World): Promise<void> {
  await world.keep(commandIn(wrapped(world, '--approve', 'send'), 'serve'), /^process \d+/m)
}

/** The tools of the server, as the gateway saw them. */
async function seen(world: World, kind: 'seen' | 'accepted', ...names: readonly string[]): Promise<void> {
  await mkdir(join(world.home, 'tools'), { mode: 0o700, recursive: true })
  const inputSchema = { type: 'object', properties: { to: {} }, additionalProperties: false }
  const text = JSON.stringify({ version: 1, tools: names.map((name) => ({ name, description: name, inputSchema })) })
  const file = kind === 'seen' ? 'mail.seen.json' : 'mail.json'
  writeFileSync(join(world.home, 'tools', file), text, { mode: 0o600 })
}

interface Row {
  readonly situation: string
  /** The verbs whose commands are pasted. */
  readonly verbs: readonly string[]
  readonly ends: (world: World) => Promise<void>
}

const rows: readonly Row[] = [
  {
    situation: 'a server that was wrapped, and waits for its gateway',
    verbs: ['serve', 'doctor'],
    async ends(world) {
      const said = wrapped(world)
      expect(world.doctor('gateway')).toMatch(/^FAULT/)
      await world.keep(commandIn(world.doctor('gateway'), 'serve'), /^process \d+/m)
      expect(world.paste(commandIn(said, 'doctor')).all).toMatch(/^ok\tgateway/m)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'a call without a gateway',
    verbs: ['serve'],
    async ends(world) {
      wrapped(world)
      await world.keep(commandIn(await world.call('send', { to: 'bob' }), 'serve'), /^process \d+/m)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'a call that needs an approval',
    verbs: ['approve'],
    async ends(world) {
      await served(world)
      const line = commandIn(await world.call('send', { to: 'bob' }), 'approve')
      // It asks at a terminal: the shell only splits it.
      const { all } = world.paste(`procura() { printf '%s\\n' "$@"; }; ${line}`)
      const [, id = '', ...rest] = all.trim().split('\n')
      if (rest.length > 0) expect(rest).toEqual(['--home', world.home])
      expect((await approveAt(world.home, [id])).code).toBe(0)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'an answer to a request that is gone',
    verbs: ['approve'],
    async ends(world) {
      await served(world)
      await world.call('send', { to: 'bob' })
      const { err } = await approveAt(world.home, ['a'.repeat(16)])
      expect(world.paste(commandIn(err, 'approve')).all).toContain('/mcp/mail/send')
    },
  },
  {
    situation: 'an agent without a delegation',
    verbs: ['agent show', 'agent receive', 'delegate'],
    async ends(world) {
      const said = wrapped(world)
      // At an address, a session begins with a proof of a delegation.
      const address = `127.0.0.1:${await freePort()}`
      const change = (file: string, next: (content: Record<string, unknown>) => object): void =>
        writeFileSync(file, JSON.stringify(next(JSON.parse(readFileSync(file, 'utf8')))))
      change(join(world.home, 'gateway.json'), (content) => ({ ...content, listen: { address } }))
      change(join(world.agent, 'connect.json'), ({ socket: _, ...content }) => ({ ...content, address }))
      rmSync(join(world.agent, 'delegations'))
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      const refused = await world.call('send', { to: 'bob' })
      expect(world.paste(commandIn(refused, 'agent show')).all).toMatch(/did:key:/)
      const line = commandIn(world.doctor('delegations'), 'delegate')
      const { all } = world.paste(line.split(' | ')[0] as string)
      done(
        world,
        commandIn(refused, 'agent receive'),
        all.split('\n').find((one) => !one.includes(' ')),
      )
      expect(world.doctor('delegations')).toMatch(/^ok/)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'an agent whose key was replaced',
    verbs: ['delegate', 'agent receive'],
    async ends(world) {
      wrapped(world, '--policy', 'send: .to == "it\'s bob" or not (.to like "*@b c.example")', '--tools', 'secret')
      world.run(['key', 'rotate', join(world.agent, 'agent.key')])
      const found = world.doctor('delegations')
      expect(found).toMatch(/^FAULT.*is not to the key/)
      const lines = commandsIn(found, 'delegate')
      expect(lines).toHaveLength(2)
      for (const line of lines) done(world, line)
      expect(world.doctor('delegations')).not.toMatch(/^FAULT/m)
      expect(world.run(['agent', 'show', 'claude']).all).toMatch(/it's bob/)
    },
  },
  {
    situation: 'a delegation for a tool whose name is misspelt',
    verbs: ['delegate', 'agent receive', 'revoke'],
    async ends(world) {
      wrapped(world, '--policy', 'sned: .to == bob')
      await seen(world, 'seen', 'send', 'read')
      const found = world.doctor('delegations')
      expect(found).toMatch(/did you mean the tool `send`/)
      for (const start of ['delegate', 'revoke']) done(world, commandIn(found, start))
      expect(world.doctor('delegations')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a delegation for a tool that the server does not have',
    verbs: ['tools list', 'revoke'],
    async ends(world) {
      wrapped(world, '--tools', 'nothing_like_it', '--tools', 'send')
      await seen(world, 'seen', 'send')
      const found = world.doctor('delegations')
      expect(world.paste(commandIn(found, 'tools list')).all).toMatch(/mail\tsend/)
      done(world, commandIn(found, 'revoke'))
      expect(world.doctor('delegations')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a policy about an argument that the tool does not have',
    verbs: ['revoke'],
    async ends(world) {
      wrapped(world, '--policy', 'send: .too == bob', '--tools', 'read')
      await seen(world, 'seen', 'send', 'read')
      done(world, commandIn(world.doctor('delegations'), 'revoke'))
      expect(world.doctor('delegations')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a tool that nobody has accepted',
    verbs: ['tools list', 'tools accept'],
    async ends(world) {
      wrapped(world)
      await seen(world, 'accepted', 'read')
      await seen(world, 'seen', 'read', 'send')
      const listed = world.paste(commandIn(world.doctor('tools'), 'tools list'))
      done(world, commandsIn(listed.all, 'tools accept').find((line) => !line.includes('HASH')) ?? listed.all)
      expect(world.doctor('tools')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a hook that is missing',
    verbs: ['hook install'],
    async ends(world) {
      wrapped(world)
      await mkdir(join(world.folder, '.claude'))
      done(world, commandIn(world.doctor('hooks'), 'hook install'))
      expect(world.doctor('hooks')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a hook that fails',
    verbs: ['hook install'],
    async ends(world) {
      wrapped(world)
      await mkdir(join(world.folder, '.claude'))
      done(world, commandIn(world.doctor('hooks'), 'hook install'))
      const file = join(world.folder, '.claude', 'settings.json')
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(process.execPath, '/absent/node'))
      done(world, commandIn(world.doctor('hooks'), 'hook install'))
      expect(world.doctor('hooks')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a configuration whose server was put back by hand',
    verbs: ['wrap'],
    async ends(world) {
      const original = readFileSync(world.config)
      wrapped(world)
      writeFileSync(world.config, original)
      done(world, commandIn(world.doctor('clients'), 'wrap'))
      expect(world.doctor('clients')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a configuration whose server was removed',
    verbs: ['unwrap'],
    async ends(world) {
      wrapped(world)
      writeFileSync(world.config, '{"mcpServers":{}}')
      world.paste(commandIn(world.doctor('clients'), 'unwrap'))
      expect(world.doctor('clients')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a policy of a server that is wrapped already',
    verbs: ['unwrap'],
    async ends(world) {
      wrapped(world)
      const { code, all } = wrap(world, '--policy', 'send: .to == bob')
      expect(code).toBe(1)
      done(world, commandIn(all, 'unwrap'))
      wrapped(world, '--policy', 'send: .to == bob')
      expect(world.run(['agent', 'show', 'claude']).all).toContain('bob')
    },
  },
  {
    situation: 'a configuration behind the gateway of another home folder',
    verbs: ['unwrap'],
    async ends(world) {
      wrapped(world)
      const words = ['wrap', world.config, '--home', join(world.folder, 'new home'), '--key-file', world.keyFile]
      const { all } = world.paste(`procura ${words.map((word) => `'${word}'`).join(' ')}`)
      done(world, commandIn(all, 'unwrap'))
      expect(readFileSync(world.config, 'utf8')).toContain('canary-1')
    },
  },
  {
    situation: 'the name of an agent that is misspelt',
    verbs: ['agent new'],
    async ends(world) {
      wrapped(world)
      const other = world.write('b.mcp.json', JSON.stringify({ mcpServers: { post: mail() } }))
      const again = (): Said =>
        world.run(['wrap', other, '--client', 'claude', '--agent', 'claud', '--key-file', world.keyFile])
      const { code, all } = again()
      expect(code, all).toBe(2)
      done(world, commandIn(all, 'agent new'))
      expect(again().code).toBe(0)
    },
  },
  {
    situation: 'an agent that does not exist',
    verbs: ['agent list'],
    async ends(world) {
      wrapped(world)
      const { all } = world.run(['agent', 'show', 'nobody'])
      expect(world.paste(commandIn(all, 'agent list')).all).toMatch(/^claude\tdid:key:/)
    },
  },
  {
    situation: 'a rotation of the key of the owner that was killed',
    verbs: ['key rotate'],
    async ends(world) {
      wrapped(world)
      const file = join(world.home, 'gateway.json')
      const before = readFileSync(file)
      world.run(['key', 'rotate', join(world.home, 'owner.key'), '--key-file', world.keyFile])
      writeFileSync(file, before)
      done(world, commandIn(world.doctor('owner-key'), 'key rotate'))
      expect(world.doctor('owner-key')).not.toMatch(/^FAULT/m)
      writeFileSync(file, before)
      const other = world.write('b.mcp.json', JSON.stringify({ mcpServers: { post: mail() } }))
      const again = (): Said => world.run(['wrap', other, '--client', 'claude', '--key-file', world.keyFile])
      done(world, commandIn(again().all, 'key rotate'))
      expect(again().code).toBe(0)
    },
  },
  {
    situation: 'a credential that is missing',
    verbs: ['vault put'],
    async ends(world) {
      const said = wrapped(world)
      world.run(['vault', 'remove', 'mail.MAIL_KEY', '--file', join(world.home, 'vault'), '--key-file', world.keyFile])
      done(world, commandIn(world.run(['serve']).all, 'vault put'), 'canary-2')
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'a revocation that the gateway did not confirm',
    verbs: ['revoke', 'serve'],
    async ends(world) {
      const said = wrapped(world)
      const server = createServer((socket) => socket.destroy())
      const path = join(world.home, 'gateway.sock')
      await new Promise<void>((resolve) => server.listen(path, resolve))
      // The other program cannot answer while a process is waited for in this one.
      const child = spawn(
        'sh',
        ['-c', `exec ${commandIn(said, 'doctor').replace('doctor', 'unwrap')} '${world.config}'`],
        {
          env: { HOME: world.folder, PATH: `${bin}:${process.env['PATH']}` },
        },
      )
      let all = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (all += chunk))
      await new Promise((resolve) => child.once('exit', resolve))
      await new Promise((resolve) => server.close(resolve))
      done(world, commandIn(all, 'revoke'))
      expect(readdirSync(join(world.home, 'revocations'))).not.toEqual([])
      await world.keep(commandIn(all, 'serve'), /^process \d+/m)
      await until(() => readdirSync(join(world.home, 'revocations')).length === 0)
    },
  },
  {
    situation: 'an API that was added, and the name of one that is taken',
    verbs: ['serve', 'connect', 'api remove'],
    async ends(world) {
      const add = (): Said =>
        world.run(
          ['api', 'add', 'crm', 'https://api.example.com', '--bearer', '--agent', 'a', '--key-file', world.keyFile],
          'canary-3',
        )
      const { code, all } = add()
      expect(code, all).toBe(0)
      await world.keep(commandIn(all, 'serve'), /^process \d+/m)
      await world.keep(commandIn(all, 'connect').replace('8080', '0'), /listening on http/)
      const again = add()
      expect(again.code).toBe(2)
      done(world, commandIn(again.all, 'api remove'))
      expect(add().code).toBe(0)
    },
  },
  {
    situation: 'a log that was changed',
    verbs: ['audit verify'],
    async ends(world) {
      await served(world)
      await world.call('send', { to: 'bob' })
      const folder = join(world.home, 'log')
      const [name = ''] = readdirSync(folder).filter((one) => one.endsWith('.jsonl'))
      const text = readFileSync(join(folder, name), 'utf8')
      writeFileSync(join(folder, name), text.replace('"command":"/', '"command":"/x'))
      const { code, all } = world.paste(commandIn(world.doctor('log'), 'audit verify'))
      expect(code).toBe(1)
      expect(all).toMatch(/record/)
    },
  },
  {
    situation: 'a key of the owner that does not open with the key of the vault',
    verbs: ['vault change-key', 'vault new-key'],
    async ends(world) {
      wrapped(world)
      const next = join(world.folder, 'next.key')
      const missing = world.run(['vault', 'list', '--file', join(world.home, 'vault'), '--key-file', next])
      done(world, commandIn(missing.all, 'vault new-key').replace('FILE', next))
      const owner = join(world.home, 'owner.key')
      const before = readFileSync(owner)
      const keys = ['--key-file', world.keyFile, '--new-key-file', next]
      expect(world.run(['vault', 'change-key', '--file', join(world.home, 'vault'), ...keys]).code).toBe(0)
      writeFileSync(owner, before)
      const file = join(world.home, 'gateway.json')
      writeFileSync(file, readFileSync(file, 'utf8').replace(world.keyFile, next))
      const found = world.doctor('owner-key')
      expect(found).toMatch(/^FAULT/)
      done(world, `${commandIn(found, 'vault change-key')} ${keys.join(' ')}`)
      expect(world.doctor('owner-key')).not.toMatch(/^FAULT/m)
    },
  },
  {
    situation: 'a key file that does not exist',
    verbs: ['key new', 'key show'],
    async ends(world) {
      const path = join(world.folder, 'new.key')
      const to = ['--to', 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', '--command', '/a']
      const asked = (): Said => world.run(['delegate', '--from', path, ...to])
      done(world, commandIn(asked().all, 'key new').replace('FILE', path))
      expect(asked().code).toBe(0)
      const wrong = world.run(['delegate', '--from', path, '--to', 'nobody', '--command', '/a'])
      expect(world.paste(commandIn(wrong.all, 'key show').replace('FILE', path)).all).toMatch(/did:key:/)
    },
  },
]

/** Verbs that a message only names, because their operands are files and places of the reader alone. */
const named: readonly string[] = [
  ...['api add', 'attenuate', 'inspect', 'why', 'log', 'store prepare', 'store revoke', 'vault put'],
]

describe.each([
  ['at the default home folder', false],
  ['with a home folder elsewhere', true],
])('%s, a pasted command ends', (_place, isElsewhere) => {
  let world: World
  beforeEach(async () => {
    world = await newWorld(isElsewhere)
  })
  afterEach(() => world.end())

  it.each(rows)('$situation [CLI-30]', async ({ ends }) => ends(world), 60_000)
})

it('adds the home folder to the commands of the verbs that take it, once [CLI-30]', () => {
  const home = "/it's here"
  for (const { name, options } of verbs) {
    const has = (option: string): boolean => options.some((one) => one.name === option)
    const quoted = (option: string, path: string): string => ` --${option} '${path.replace("'", "'\\''")}'`
    const more = has('home') ? quoted('home', home) : ''
    const said = withPlace(`run \`procura ${name} X\``, { home }, '/usual')
    expect(said).toBe(`run \`procura ${name} X${more}\``)
    expect(withPlace(said, { home }, '/usual')).toBe(said)
    expect(withPlace(`\`procura ${name}\``, { home }, home)).toBe(`\`procura ${name}\``)
    const config = `${home}/other.json`
    expect(withPlace(`\`procura ${name}\``, { home, config }, '/usual')).toBe(
      `\`procura ${name}${has('config') ? quoted('config', config) : more}\``,
    )
  }
})

it('has a row for each verb that a message recommends', () => {
  const known = new Set([...rows.flatMap((row) => row.verbs), ...named])
  const names = verbs.map(({ name }) => name).sort((a, b) => b.length - a.length)
  const missing = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => readFileSync(join(root, 'src', path), 'utf8'))
    .flatMap((text) => text.split('\n').filter((line) => !/^\s*(?:\/\/|\/?\*)|\babout:|\bexample:/.test(line)))
    .flatMap((line) => [...line.matchAll(/`procura ([a-z][a-z -]*)/g)].map(([, words]) => words as string))
    .flatMap((words) => names.find((name) => `${words} `.startsWith(`${name} `)) ?? [])
    .filter((name) => !known.has(name))
  expect([...new Set(missing)]).toEqual([])
})
