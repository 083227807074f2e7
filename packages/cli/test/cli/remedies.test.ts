/**
 * Each command that a message recommends is pasted into a shell, and ends the situation that the message is about: with
 * the default home folder, and with one elsewhere whose path has a space.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateSigner } from 'procura'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bundleProcura } from '../../../../test/support/bundle-program.ts'
import { freePort } from '../../../../test/support/free-port.ts'
import { until } from '../../../../test/support/until.ts'
import { verbs } from '../../src/cli/verbs.ts'
import { withPlace } from '../../src/support/command-place.ts'
import { connectClient, newClients } from '../gateway/agent-side/connect/client.ts'
import { approveAt } from '../gateway/serve/approvals/approver.ts'
import { atPage, linkOf, offerKey } from '../gateway/serve/approvals/page-world.ts'
import { mailServer } from '../gateway/serve/gateway-home.ts'
import { fakeSystemctl } from '../support/fake-systemctl.ts'
import { atTerminal } from './at-terminal.ts'
import { startOauthWorld } from './login/oauth-world.ts'
import { type Recommendation, recommendations, verbsIn } from './recommended-commands.ts'

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
  /** Pastes one that goes on, waits for its output, and returns a function that ends it and returns all of it. */
  keep(line: string, output: RegExp): Promise<(() => Promise<string>) & { readonly said: () => string }>
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
      const end = async (): Promise<string> => {
        const exit = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGTERM')
        if (child.exitCode === null && child.signalCode === null) await exit
        return all
      }
      return Object.assign(end, { said: () => all })
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
      if (existsSync(join(home, 'serve.log'))) shell('exec procura stop "$@"', '', at)
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

/** The lines of output whose command was taken, each with its verb. */
const taken: { readonly line: string; readonly verb: string }[] = []

/** The commands in backticks of a message, in which `start` is the first word after the name of the program. */
function commandsIn(message: string, start: string): readonly string[] {
  return message.split('\n').flatMap((line) => {
    const commands = [...line.matchAll(/`(procura [^`]*)`/g)]
      .map(([, command]) => command as string)
      .filter((command) => command.startsWith(`procura ${start}`))
    for (const verb of verbsIn(commands.map((one) => `\`${one}`).join(' '))) taken.push({ line, verb })
    return commands
  })
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

/** Pastes a command with the operands of the reader, which has to succeed, or to print some output. */
function follow(world: World, message: string, start: string, operands = '', output?: RegExp, input?: string): void {
  const line = commandIn(message, start)
  const filled = line.replace(/(?<= )(?:FILE|NAME|DIR|owner\.key)(?= |$)/, operands)
  const whole = filled === line ? `${line} ${operands}` : filled
  const { code, all } = world.paste(whole, input)
  if (output === undefined) expect(code, `${whole}\n${all}`).toBe(0)
  else expect(all).toMatch(output)
}

/** The words after `procura approve` of a command, which asks at a terminal: the shell only splits it. */
function approveWords(world: World, line: string): readonly string[] {
  const { all } = world.paste(`procura() { printf '%s\\n' "$@"; }; ${line}`)
  return all.trim().split('\n').slice(1)
}

/** Answers at a terminal by a pasted command, which names the home folder where it is elsewhere. */
function answered(world: World, line: string, ...more: readonly string[]): ReturnType<typeof approveAt> {
  const words = approveWords(world, line)
  const at = words.indexOf('--home')
  expect(at >= 0 ? words[at + 1] : join(world.folder, '.config', 'procura')).toBe(world.home)
  return approveAt(world.home, [...(at >= 0 ? words.slice(0, at) : words), ...more])
}

/** Answers `procura tools accept` at a terminal, by a pasted command. */
function acceptedAt(world: World, line: string): ReturnType<typeof atTerminal> {
  const { all } = world.paste(`procura() { printf '%s\\n' "$@"; }; ${line}`)
  const words = all.trim().split('\n')
  return atTerminal(words.includes('--home') ? words : [...words, '--home', world.home])
}

/** Changes `gateway.json`. */
function configure(world: World, next: (content: Record<string, unknown>) => object): void {
  const file = join(world.home, 'gateway.json')
  writeFileSync(file, JSON.stringify(next(JSON.parse(readFileSync(file, 'utf8')))))
}

/** A delegation by the owner, in text. */
function delegationTo(world: World, to: string): string {
  const from = ['--from', join(world.home, 'owner.key'), '--key-file', world.keyFile]
  const { all } = world.run(['delegate', ...from, '--to', to, '--command', '/mcp/mail', '--expires-in', '30d'])
  return all.split('\n').find((line) => line !== '' && !line.includes(' ')) ?? ''
}

/** A file with a delegation by a key. */
function tokenFile(world: World, from: string): string {
  const file = join(world.folder, 'a.ucan')
  const { code, all } = world.run(['delegate', '--from', from, '--to', stranger, '--command', '/a', '--out', file])
  expect(code, all).toBe(0)
  return file
}

/** Answers as another program in the place of the gateway, while a task runs. */
async function displaced<T>(world: World, answer: (socket: Socket) => void, task: () => Promise<T>): Promise<T> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    answer(socket)
  })
  await new Promise<void>((resolve) => server.listen(join(world.home, 'gateway.sock'), resolve))
  try {
    return await task()
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

const stranger = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

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
  readonly ends: (world: World) => Promise<void>
}

const rows: readonly Row[] = [
  {
    situation: 'a server that was wrapped, and waits for its gateway',
    async ends(world) {
      const said = wrapped(world)
      expect(world.doctor('gateway')).toMatch(/^FAULT/)
      follow(world, world.doctor('gateway'), 'start')
      expect(world.paste(commandIn(said, 'doctor')).all).toMatch(/^ok\tgateway/m)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'a call without a gateway',
    async ends(world) {
      wrapped(world)
      follow(world, await world.call('send', { to: 'bob' }), 'start')
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'a log that the gateway has not begun',
    async ends(world) {
      wrapped(world)
      done(world, commandIn(world.run(['log']).all, 'start'))
      expect(world.run(['log', '--json']).code).toBe(0)
    },
  },
  {
    situation: 'a call that needs an approval',
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
    situation: 'an approval with a scope, which status shows',
    async ends(world) {
      const said = wrapped(world, '--policy', 'send: .to == carl')
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      const scope = async (to: string): Promise<string> => {
        const line = commandIn(await world.call('send', { to }), 'approve')
        return (await approveAt(world.home, approveWords(world, line).slice(0, 1), '1')).err
      }
      const given = await scope('bob')
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
      done(world, commandIn(given, 'revoke'))
      expect(await world.call('send', { to: 'bob' })).toMatch(/^Denied/)
      await scope('dan')
      expect(await world.call('send', { to: 'dan' })).toBe('sent to dan')
      done(world, commandIn(world.run(['status']).all, 'revoke'))
      expect(await world.call('send', { to: 'dan' })).toMatch(/^Denied/)
      const line = commandIn(await world.call('send', { to: 'eve' }), 'approve')
      const id = approveWords(world, line)[0] as string
      const { err } = await approveAt(world.home, [id, '--scope', '3'])
      expect((await answered(world, commandIn(err, 'approve'))).code).toBe(0)
      const long = (await approveAt(world.home, [id, '--for', '8d'])).err
      expect(world.paste(commandIn(long, 'delegate')).all).toContain('--from is missing')
    },
  },
  {
    situation: 'an answer to a request that is gone',
    async ends(world) {
      await served(world)
      await world.call('send', { to: 'bob' })
      const { err } = await approveAt(world.home, ['a'.repeat(16)])
      expect(world.paste(commandIn(err, 'approve')).all).toContain('/mcp/mail/send')
    },
  },
  {
    situation: 'a request on the page for approvals, and the key of no browser',
    async ends(world) {
      const said = wrapped(world, '--policy', 'send: .to == carl')
      configure(world, (content) => ({ ...content, approvals: { page: '127.0.0.1:0' } }))
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      const { did } = await generateSigner()
      const enrolled = approveAt(world.home, ['--page'], 'yes', [did.slice(-6)])
      await offerKey(await linkOf(world.home), did)
      expect((await enrolled).code).toBe(0)
      let [refused, to] = ['', 0]
      await until(async () => {
        refused = await world.call('send', { to: `bob${++to}` })
        return refused.includes('open http')
      }, 300)
      const [, url = '', id = ''] = /open (\S+)#(\S+) in the browser/.exec(refused) ?? []
      const { text } = await atPage(`${url}requests/${id}?approver=${encodeURIComponent(did)}`)
      const { longer } = JSON.parse(text) as { readonly longer: string }
      const line = commandIn(`\`${longer}\``, 'approve')
      const words = approveWords(world, line)
      expect((await approveAt(world.home, words.slice(0, 3), '1')).code).toBe(0)
      expect(await world.call('send', { to: `bob${to}` })).toBe(`sent to bob${to}`)
      const wrong = (await approveAt(world.home, ['--remove', (await generateSigner()).did])).err
      expect(world.paste(commandIn(wrong, 'approve')).all).toContain(`the browser ${did}`)
    },
  },
  {
    situation: 'an agent without a delegation',
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
      expect(world.paste(commandIn(refused, 'renew')).all).toContain('the agent claude')
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'an agent whose key was replaced',
    async ends(world) {
      wrapped(world, '--policy', 'send: .to == "it\'s bob" or not (.to like "*@b c.example")', '--tools', 'secret')
      world.run(['key', 'rotate', join(world.agent, 'agent.key')])
      const found = world.doctor('delegations')
      expect(found).toMatch(/^FAULT.*is not to the key/)
      done(world, commandIn(found, 'renew'))
      expect(world.doctor('delegations')).not.toMatch(/^FAULT/m)
      expect(world.run(['agent', 'show', 'claude']).all).toMatch(/it's bob/)
    },
  },
  {
    situation: 'a delegation for a tool whose name is misspelt',
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
    situation: 'a tool that nobody has accepted',
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
    situation: 'a tool that its server has changed while the gateway runs',
    async ends(world) {
      const describeAs = (description: string): string => {
        const inputSchema = { type: 'object', properties: { to: { type: 'string' } } }
        return world.write('tools.list', JSON.stringify([{ name: 'send', description, inputSchema }]))
      }
      const file = describeAs('Sends a mail.')
      writeFileSync(world.config, JSON.stringify({ mcpServers: { mail: mail({ TOOLS_FILE: file }) } }))
      wrapped(world)
      expect(world.run(['start']).code).toBe(0)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
      describeAs('Sends all files.')
      const refused = await world.call('send', { to: 'bob' })
      const line = commandIn(refused, 'tools accept')
      const alone = world.paste(line)
      follow(world, alone.all, 'tools list', '', /description changed/)
      const { code, err } = await acceptedAt(world, line)
      expect(code, err).toBe(0)
      expect(err).toContain('the running gateway has taken them')
      expect(world.doctor('tools')).toMatch(/^ok/)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'a hook that is missing',
    async ends(world) {
      wrapped(world)
      await mkdir(join(world.folder, '.claude'))
      done(world, commandIn(world.doctor('hooks'), 'hook install'))
      expect(world.doctor('hooks')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a hook that fails',
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
    situation: 'a rotation that names none of several secrets, and one whose former value is used elsewhere',
    async ends(world) {
      const servers = { mail: mail({ SECOND_KEY: 'canary-2' }), post: mail() }
      writeFileSync(world.config, JSON.stringify({ mcpServers: servers }))
      wrapped(world)
      const { all } = world.run(['rotate', 'mail'], 'canary-3')
      const rotated = world.paste(commandIn(all, 'rotate mail MAIL_KEY'), 'canary-3')
      expect(rotated.code, rotated.all).toBe(0)
      done(world, commandIn(rotated.all, 'rotate post MAIL_KEY'), 'canary-3')
    },
  },
  {
    situation: 'a configuration whose server was put back by hand',
    async ends(world) {
      const original = readFileSync(world.config)
      wrapped(world)
      writeFileSync(world.config, original)
      done(world, commandIn(world.doctor('clients'), 'wrap'))
      expect(world.doctor('clients')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a configuration whose project was moved',
    async ends(world) {
      const folder = join(world.folder, 'project')
      await mkdir(folder)
      const text = JSON.stringify({ mcpServers: { mail: mail() } })
      writeFileSync(join(folder, '.mcp.json'), text)
      const path = join(world.folder, 'moved', '.mcp.json')
      const keys = ['--key-file', world.keyFile]
      follow(world, world.run(['wrap', join(folder, '.mcp.json'), ...keys]).all, 'start')
      renameSync(folder, join(world.folder, 'moved'))
      const found = world.doctor('clients')
      expect(found).toMatch(/^FAULT.*does not exist/)
      const refused = world.run(['unwrap', path, ...keys]).all
      const said = world.paste(commandIn(refused, 'wrap')).all
      follow(world, said, 'reload')
      follow(world, found, 'wrap', `'${path}'`)
      expect(world.doctor('clients')).toMatch(/^ok/)
      expect(world.run(['unwrap', path, ...keys]).code).toBe(0)
      expect(readFileSync(path, 'utf8')).toBe(text)
    },
  },
  {
    situation: 'a configuration whose server was removed',
    async ends(world) {
      wrapped(world)
      writeFileSync(world.config, '{"mcpServers":{}}')
      world.paste(commandIn(world.doctor('clients'), 'unwrap'))
      expect(world.doctor('clients')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a policy of a server that is wrapped already',
    async ends(world) {
      const said = wrapped(world, '--policy', 'send: .to == ann')
      done(world, commandIn(said, 'allow').replace('TOOL', 'variables'))
      await world.keep(
        'procura serve'.concat(world.home.includes(' ') ? ` --home '${world.home}'` : ''),
        /^process \d+/m,
      )
      const { code, all } = wrap(world, '--policy', 'send: .to == bob', '--tools', 'slow', '--approve', 'slow')
      expect(code).toBe(1)
      for (const start of ['policy', 'allow', 'reload']) done(world, commandIn(all, start))
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
      expect(await world.call('send', { to: 'ann' })).toContain('Denied (policy_unsatisfied)')
      const again = world.run(['allow', 'mail/slow'])
      expect(world.paste(commandIn(again.all, 'policy')).all).toMatch(/may call the tool slow of mail/)
      done(world, commandIn(world.run(['policy', 'mail', '--policy', 'secret: .to == ann']).all, 'allow'))
    },
  },
  {
    situation: 'a policy for one tool of an agent that may call every tool, before the gateway has seen them',
    async ends(world) {
      wrapped(world)
      const change = ['policy', 'mail', '--policy', 'send: .to == bob']
      const { code, all } = world.run(change)
      expect(code, all).toBe(2)
      done(world, commandIn(all, 'start'))
      expect(world.run(change).code).toBe(0)
      expect(await world.call('send', { to: 'eve' })).toContain('Denied (policy_unsatisfied)')
    },
  },
  {
    situation: 'a configuration behind the gateway of another home folder',
    async ends(world) {
      wrapped(world)
      const words = ['wrap', world.config, '--home', join(world.folder, 'new home'), '--key-file', world.keyFile]
      const { all } = world.paste(`procura ${words.map((word) => `'${word}'`).join(' ')}`)
      done(world, commandIn(all, 'unwrap'))
      expect(readFileSync(world.config, 'utf8')).toContain('canary-1')
    },
  },
  {
    situation: 'a configuration that is not named',
    async ends(world) {
      const keys = ` --key-file '${world.keyFile}'`
      const without = world.run(['wrap']).all
      commandIn(world.run(['wrap', '--tools', 'send']).all, 'wrap')
      follow(world, without, 'wrap', `'${world.config}'${keys}`)
    },
  },
  {
    situation: 'a configuration that git tracks',
    async ends(world) {
      for (const words of [
        ['init', '-q'],
        ['add', '.mcp.json'],
      ])
        spawnSync('git', ['-C', world.folder, ...words])
      const { code, all } = world.run(['wrap', world.config, '--key-file', world.keyFile])
      expect(code, all).toBe(2)
      // shared-file.test.ts pastes the commands before it.
      const projects = { [world.folder]: { mcpServers: { mail: mail() } } }
      const own = world.write('.claude.json', JSON.stringify({ projects }))
      follow(world, all, 'wrap')
      expect(readFileSync(own, 'utf8')).not.toContain('canary-1')
    },
  },
  {
    situation: 'the name of an agent that is misspelt',
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
    async ends(world) {
      wrapped(world)
      const { all } = world.run(['agent', 'show', 'nobody'])
      expect(world.paste(commandIn(all, 'agent list')).all).toMatch(/^claude\tdid:key:/)
    },
  },
  {
    situation: 'a rotation of the key of the owner that was killed',
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
    situation: 'a rotation of the key of the owner under a gateway that runs, and under one that does not',
    async ends(world) {
      const said = wrapped(world)
      follow(world, said, 'start')
      const keys = ['--key-file', world.keyFile]
      const rotated = world.run(['key', 'rotate', join(world.home, 'owner.key'), ...keys]).all
      const revoked = world.run(['revoke', '--agent', 'claude', ...keys]).all
      const lines = commandsIn(revoked, 'reload')
      expect(lines.length).toBeGreaterThan(1)
      for (const line of lines) done(world, line)
      expect(await world.call('send', { to: 'bob' })).toMatch(/^Denied/)
      follow(world, rotated, 'reload')
      expect(world.run(['stop']).code).toBe(0)
      follow(world, rotated, 'start')
    },
  },
  {
    situation: 'an argument of a policy that has no type',
    async ends(world) {
      const said = wrapped(world, '--policy', 'send: .to like "*@example.com"')
      follow(world, said, 'start')
      const found = world.doctor('delegations')
      configure(world, ({ servers, ...content }) => ({
        ...content,
        servers: { mail: { ...(servers as { mail: object }).mail, types: { to: 'email' } } },
      }))
      follow(world, found, 'reload')
      expect(await world.call('send', { to: 'a@example.com' })).toBe('sent to a@example.com')
      expect(world.doctor('delegations')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a credential that is missing',
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
      follow(world, all, 'start')
      await until(() => readdirSync(join(world.home, 'revocations')).length === 0)
    },
  },
  {
    situation: 'a revocation that is damaged while it waits for the gateway',
    async ends(world) {
      const said = wrapped(world)
      const copy = readFileSync(join(world.agent, 'delegations'))
      const ofAgent = join(world.folder, 'agent.ucan')
      writeFileSync(ofAgent, copy, { mode: 0o600 })
      const revoke = ['revoke', '--agent', 'claude', '--key-file', world.keyFile]
      expect(world.run(revoke).code).toBe(0)
      const folder = join(world.home, 'revocations')
      const [name = ''] = readdirSync(folder)
      const [line = ''] = commandsIn(said, 'serve')
      const damaged = (): string => {
        writeFileSync(join(folder, name), 'x')
        const { code, all } = world.paste(line)
        expect(code).not.toBe(0)
        return all
      }
      const operands = `--from '${join(world.home, 'owner.key')}' --key-file '${world.keyFile}'`
      const [byAgent = '', byFile = ''] = commandsIn(damaged(), 'revoke')
      done(world, byFile.replace('FILE --from KEY', `'${ofAgent}' ${operands}`))
      expect(readFileSync(join(folder, name), 'utf8')).not.toBe('x')
      damaged()
      done(world, byAgent.replace('NAME', `claude --key-file '${world.keyFile}'`))
      await world.keep(line, /^process \d+/m)
      expect(readdirSync(folder)).toEqual([])
      writeFileSync(join(world.agent, 'delegations'), copy)
      expect(await world.call('send', { to: 'bob' })).toMatch(/^Denied \(revoked\)/)
    },
  },
  {
    situation: 'an API that was added, and the name of one that is taken',
    async ends(world) {
      const add = (): Said =>
        world.run(
          ['api', 'add', 'crm', 'https://api.example.com', '--bearer', '--agent', 'a', '--key-file', world.keyFile],
          'canary-3',
        )
      const { code, all } = add()
      expect(code, all).toBe(0)
      follow(world, all, 'start')
      follow(world, all, 'reload', '', /^API crm/m)
      await world.keep(commandIn(all, 'connect').replace('8080', '0'), /listening on http/)
      const again = add()
      expect(again.code).toBe(2)
      done(world, commandIn(again.all, 'api remove'))
      expect(add().code).toBe(0)
    },
  },
  {
    situation: 'a log that was changed',
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
    situation: 'a passphrase that is changed while the gateway runs, or is elsewhere',
    async ends(world) {
      wrapped(world)
      const [vault, next] = [join(world.home, 'vault'), `${world.keyFile}.next`]
      const file = world.run(['passphrase']).all
      done(world, commandIn(file, 'vault new-key'))
      done(world, commandIn(file, 'vault change-key'))
      expect(world.run(['vault', 'list', '--file', vault, '--key-file', next]).code).toBe(0)
      const [former, young] = ['the former passphrase', 'the next passphrase']
      const toTyped = `vault change-key --file '${vault}' --key-file '${next}' --home '${world.home}'`
      done(world, `PROCURA_VAULT_NEW_PASSPHRASE='${former}' procura ${toTyped}`)
      const vaultOf = (more: object): void => configure(world, (all) => ({ ...all, vault: { file: 'vault', ...more } }))
      vaultOf({ unlock: { command: ['echo', former] } })
      expect(world.run(['start']).code).toBe(0)
      const elsewhere = world.run(['passphrase']).all
      vaultOf({})
      const runs = world.run(['passphrase']).all
      done(world, commandIn(runs, 'stop'))
      const change = commandIn(runs, 'passphrase')
      expect(commandIn(elsewhere, 'passphrase')).toBe(change)
      done(world, `PROCURA_VAULT_PASSPHRASE='${former}' PROCURA_VAULT_NEW_PASSPHRASE='${young}' ${change}`)
      vaultOf({ unlock: { command: ['echo', young] } })
      done(world, commandIn(runs, 'start'))
    },
  },
  {
    situation: 'a home folder without a gateway',
    async ends(world) {
      const said = [['agent', 'new', 'x'], ['agent', 'show'], ['doctor'], ['serve'], ['connect', 'mail']]
        .map((words) => world.run(words).all)
        .map((message) => [commandIn(message, 'wrap'), commandIn(message, 'api add')] as const)
      for (const [line, other] of said) expect([line, other]).toEqual(said[0])
      const [line, other] = said[0] as readonly [string, string]
      done(world, `${line} '${world.config}' --key-file '${world.keyFile}'`)
      done(world, `${other} crm https://api.example.com --bearer --agent a --key-file '${world.keyFile}'`, 'canary-3')
      await world.keep(`procura serve --home '${world.home}'`, /^API crm/m)
    },
  },
  {
    situation: 'a verb for one of several agents',
    async ends(world) {
      wrapped(world)
      const made = world.run(['agent', 'new', 'x', '--like', 'claude']).all
      follow(world, made, 'agent receive', '', undefined, delegationTo(world, 'x'))
      for (const words of [
        ['agent', 'show'],
        ['agent', 'list', 'x'],
      ])
        follow(world, world.run(words).all, 'agent show', 'x', /\/mcp\/mail/)
      follow(world, world.run(['revoke', '--agent', 'nobody']).all, 'agent list', '', /^x\tdid:key:/m)
      const absent = world.run(['connect', 'mail', '--agent', 'nobody']).all
      follow(world, absent, 'agent list', '', /^x\tdid:key:/m)
      follow(world, absent, 'agent new', '--like claude')
      const given = ['agent', 'new', 'z', '--socket', join(world.home, 'gateway.sock')]
      const end = await world.keep(commandIn(world.run(given).all, 'serve'), /^audience did:/m)
      const [, audience = ''] = /^audience (.*)$/m.exec(await end()) ?? []
      const noSubject = world.run([...given, '--audience', audience]).all
      follow(world, noSubject, 'key show', `'${join(world.home, 'owner.key')}'`, /did:key:/)
    },
  },
  {
    situation: 'delegations of an agent in a file that is damaged, or not encrypted',
    async ends(world) {
      const said = wrapped(world)
      const token = delegationTo(world, 'claude')
      const file = join(world.agent, 'delegations')
      const connect = join(world.agent, 'connect.json')
      const unlock = { delegations: { file: world.keyFile } }
      writeFileSync(connect, JSON.stringify({ ...JSON.parse(readFileSync(connect, 'utf8')), unlock }))
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      const messages = [world.run(['agent', 'show', 'claude']).all, await world.call('send', { to: 'bob' })]
      rmSync(file)
      for (const message of messages) follow(world, message, 'agent receive', 'claude', undefined, token)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'tools that wait, and hashes that are wrong',
    async ends(world) {
      const tools = world.write('tools.json', '')
      const list = (...names: readonly string[]): void =>
        writeFileSync(tools, JSON.stringify(names.map((name) => ({ name, inputSchema: { type: 'object' } }))))
      world.write('.mcp.json', JSON.stringify({ mcpServers: { mail: mail({ TOOLS_FILE: tools }) } }))
      const start = commandIn(wrapped(world), 'serve')
      const serve = async (): Promise<string> => (await world.keep(start, /^server mail/m))()
      list('send')
      const unseen = world.run(['tools', 'accept', 'mail', 'a'.repeat(32)]).all
      follow(world, unseen, 'start')
      const first = readFileSync(join(world.home, 'serve.log'), 'utf8')
      expect(world.run(['stop']).code).toBe(0)
      list('send', 'read')
      const second = await serve()
      const about = (text: string, part: string): string => text.split('\n').find((line) => line.includes(part)) ?? text
      const messages = [
        about(first, 'at first sight'),
        about(second, 'until somebody accepts'),
        about(second, '1 waiting'),
        ...[[], ['xyz'], ['a'.repeat(32)]].map((hashes) => world.run(['tools', 'accept', 'mail', ...hashes]).all),
        world.run(['connect']).all,
      ]
      // Some name the form with the whole definitions.
      const listed = /mail\tread\tnew|"name":"read","state":"new"/
      for (const message of messages) follow(world, message, 'tools list', '', listed)
      writeFileSync(join(world.home, 'tools', 'mail.json'), '{')
      const damaged = world.doctor('tools')
      rmSync(join(world.home, 'tools', 'mail.json'))
      follow(world, damaged, 'start')
      expect(world.run(['stop']).code).toBe(0)
      follow(world, damaged, 'tools list', '', /mail\tread/)
      expect(world.doctor('tools')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a server that a running gateway does not have yet',
    async ends(world) {
      const end = await world.keep(commandIn(wrapped(world), 'serve'), /^process \d+/m)
      const file = world.write('b.mcp.json', JSON.stringify({ mcpServers: { post: mail() } }))
      expect(world.run(['wrap', file, '--client', 'claude', '--key-file', world.keyFile]).code).toBe(0)
      const found = world.doctor('gateway')
      const client = connectClient(world.agent, { server: 'post' })
      const refused = (await client.initialize()).error?.message ?? ''
      client.input.end()
      follow(world, found, 'reload', '', /^server post/m)
      follow(world, refused, 'reload', '', /^server post/m)
      await end()
      await world.keep(commandIn(refused, 'serve'), /^server post/m)
      expect(world.doctor('gateway')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a changed configuration of a gateway that does not run, and of one that runs',
    async ends(world) {
      wrapped(world)
      const { code, all } = world.run(['reload'])
      expect(code).toBe(1)
      follow(world, all, 'start')
      const said = readFileSync(join(world.home, 'serve.log'), 'utf8')
      const file = world.write('b.mcp.json', JSON.stringify({ mcpServers: { post: mail() } }))
      const more = world.run(['wrap', file, '--client', 'claude', '--key-file', world.keyFile])
      follow(world, more.all, 'reload', '', /^server post/m)
      follow(world, said, 'reload', '', /^server post/m)
    },
  },
  {
    situation: 'each next step of `status`',
    async ends(world) {
      const said = wrapped(world, '--expires-in', '5d')
      await seen(world, 'accepted', 'read')
      const status = (): string => world.run(['status']).all
      follow(world, status(), 'start')
      follow(world, status(), 'tools list', '', /send/)
      expect(world.run(['stop']).code).toBe(0)
      rmSync(join(world.home, 'tools'), { recursive: true })
      follow(world, said, 'start')
      expect(status()).toContain('ends soon')
      follow(world, status(), 'renew', '--expires-in 30d', /^renewed until/m)
      expect(status()).not.toContain('ends soon')
      configure(world, ({ servers, ...content }) => ({
        ...content,
        servers: { mail: { ...(servers as { mail: object }).mail, command: '/absent' } },
      }))
      expect(world.run(['reload']).code).toBe(0)
      follow(world, world.doctor('gateway'), 'status', '', /mail/)
      follow(world, status(), 'doctor', '', /gateway/)
    },
  },
  {
    situation: 'a program in the place of the gateway, and a gateway that ends',
    async ends(world) {
      wrapped(world)
      const call = (): Promise<string> => world.call('send', { to: 'bob' })
      const ended = await displaced(world, (socket) => socket.end(), call)
      follow(world, ended, 'start')
      const client = connectClient(world.agent)
      await client.initialize()
      expect(world.run(['stop']).code).toBe(0)
      await until(() => client.faults.length > 0)
      client.input.end()
      follow(world, client.faults[0] ?? '', 'start')
      expect(await call()).toBe('sent to bob')
    },
  },
  {
    situation: 'a server that is wrapped for another agent, or whose program is gone',
    async ends(world) {
      wrapped(world)
      world.run(['agent', 'new', 'other', '--like', 'claude'])
      done(world, commandIn(wrap(world, '--agent', 'other').all, 'unwrap'))
      wrapped(world, '--agent', 'other')
      writeFileSync(world.config, readFileSync(world.config, 'utf8').replace(process.execPath, '/absent/node'))
      done(world, commandIn(world.doctor('clients'), 'wrap'))
      expect(world.doctor('clients')).toMatch(/^ok/)
    },
  },
  {
    situation: 'an API that was removed beside another program in the place of the gateway',
    async ends(world) {
      world.run(
        ['api', 'add', 'crm', 'https://api.example.com', '--bearer', '--agent', 'a', '--key-file', world.keyFile],
        'canary-3',
      )
      // The other program cannot answer while a process is waited for in this one.
      const end = await displaced(
        world,
        (socket) => socket.destroy(),
        () =>
          world.keep(
            `procura api remove crm --home '${world.home}' --key-file '${world.keyFile}'; sleep 9`,
            /repeat it/,
          ),
      )
      done(world, commandIn(await end(), 'revoke'))
    },
  },
  {
    situation: 'an operand that is missing, or is something else',
    async ends(world) {
      wrapped(world)
      const key = join(world.folder, 'new.key')
      follow(world, world.run(['delegate', '--to', stranger, '--command', '/a']).all, 'key new', `'${key}'`)
      const file = tokenFile(world, key)
      const notDid = world.run(['agent', 'new', 'z', '--socket', 's', '--audience', 'x']).all
      follow(world, notDid, 'key show', `'${key}'`, /^did:key:/m)
      follow(world, notDid, 'agent list', '', /^claude\tdid:key:/m)
      follow(world, world.run(['inspect', key]).all, 'key show', `'${key}'`, /^did:key:/m)
      const other = 'bafyreidykglsfhoixmivffc5uwhcgshx4j465xwqntbmu43nb2dzqwfvae'
      const noCid = world.run(['revoke', file, '--from', key, '--delegation', other]).all
      follow(world, noCid, 'inspect', `'${file}'`, /^delegation bafyrei/m)
      const shown = world.run(['inspect', file]).all
      follow(world, shown, 'why', `'${file}' --from '${key}' --command /a`, /./)
    },
  },
  {
    situation: 'a credential or a vault that does not exist',
    async ends(world) {
      wrapped(world)
      const at = (file: string): string[] => ['--file', file, '--key-file', world.keyFile]
      for (const words of [
        ['vault', 'rotate', 'nope', ...at(join(world.home, 'vault'))],
        ['vault', 'list', ...at(join(world.folder, 'absent'))],
      ])
        follow(world, world.run(words, 'canary-4').all, 'vault put', '', /--origin URL/)
    },
  },
  {
    situation: 'stores without their secret, and without their data',
    async ends(world) {
      const [key, stores] = [join(world.folder, 'store.key'), join(world.folder, 'stores')]
      const place = ['--sqlite', stores]
      follow(world, world.run(['store', 'prepare', ...place]).all, 'vault new-key', `'${key}'`)
      const revoke = ['store', 'revoke', stranger, ...place, '--secret-file', key]
      const absent = world.run(revoke).all
      follow(world, absent, 'store prepare', `--sqlite '${stores}' --secret-file '${key}' --new-service`)
      expect(world.run(revoke).code).toBe(0)
      const from = join(world.folder, 'own.key')
      world.run(['key', 'new', from])
      const file = tokenFile(world, from)
      const noId = world.run(['store', 'revoke', 'x', ...place, '--secret-file', key]).all
      follow(world, noId, 'inspect', `'${file}'`, /^delegation bafyrei/m)
      const lost = world.run(['store', 'prepare', ...place, '--secret-file', key, '--epoch', 'now']).all
      follow(world, lost, 'store revoke', `${stranger} --sqlite '${stores}' --secret-file '${key}'`)
      const rotated = world.run(['key', 'rotate', from]).all
      follow(world, rotated, 'store revoke', `${stranger} --sqlite '${stores}' --secret-file '${key}'`)
      follow(world, rotated, 'revoke', `'${file}' --from '${from}'`)
    },
  },
  {
    situation: 'requests for approvals, at each place that names them',
    async ends(world) {
      const said = wrapped(world, '--approve', 'send')
      expect(said).toContain('needs an approval')
      const end = await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      const client = connectClient(world.agent, { approvalWait: 1 })
      await client.initialize()
      client.write({
        ...{ jsonrpc: '2.0', id: 'a', method: 'tools/call' },
        params: { name: 'send', arguments: { to: 'bob' }, _meta: { progressToken: 'p' } },
      })
      await client.answer('a')
      client.input.end()
      const progress = client.lines.find((line) => line.includes('waiting for an approval')) ?? ''
      const plan = said.split('\n').find((line) => line.includes('needs an approval')) ?? ''
      expect((await answered(world, commandIn(plan, 'approve'))).code).toBe(0)
      const lines = [(await end()).split('\n').find((line) => line.includes('an agent requests')) ?? '', progress]
      for (const line of lines) {
        const { code } = await approveAt(world.home, [commandIn(line, 'approve').split(' ')[2] as string, '--list'])
        expect(code).toBe(0)
      }
    },
  },
  {
    situation: 'a call that needs two approvals',
    async ends(world) {
      const said = wrapped(world, '--approve', 'send')
      const second = join(world.folder, 'second.key')
      const made = world.run(['key', 'new', second]).all.match(/did:key:\w+/)?.[0] ?? ''
      const enrolled = await approveAt(world.home, ['--enroll', made, '--elsewhere'])
      expect(enrolled.code).toBe(0)
      configure(world, ({ servers, ...content }) => {
        const { mail: server, ...others } = servers as Record<string, object>
        return { ...content, servers: { ...others, mail: { ...server, approvals: { send: { threshold: 2 } } } } }
      })
      const end = await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      follow(world, enrolled.err, 'reload')
      const refused = await world.call('send', { to: 'bob' })
      const lines = commandsIn(refused, 'approve')
      expect([lines.length, refused]).toEqual([2, expect.stringContaining('--from and the key file')])
      const ofSecond = refused.indexOf(made) > refused.indexOf(lines[1] as string) ? 1 : 0
      expect((await answered(world, lines[1 - ofSecond] as string)).code).toBe(0)
      const line = lines[ofSecond] as string
      expect((await answered(world, line)).err).toContain('pass --from')
      expect((await answered(world, line, '--from', second)).code).toBe(0)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
      await end()
    },
  },
  {
    situation: 'a key in a browser, and a gateway without a page or with a damaged enrolment',
    async ends(world) {
      const said = wrapped(world, '--approve', 'send')
      const absent = (await approveAt(world.home, ['--page'])).err
      configure(world, (content) => ({ ...content, approvals: { page: '127.0.0.1:0' } }))
      world.paste(commandIn(absent, 'stop'))
      follow(world, absent, 'start')
      const { did } = await generateSigner()
      const elsewhere = (await approveAt(world.home, ['--enroll', did])).err
      const folder = join(world.home, 'approvals')
      const [, url] = readFileSync(join(folder, 'page.run'), 'utf8').trim().split(' ')
      const { text } = await offerKey(`${url}#enroll-${'a'.repeat(16)}`, did)
      for (const message of [elsewhere, text]) {
        const words = approveWords(world, commandIn(message, 'approve'))
        const ended = approveAt(world.home, words.slice(0, 1), 'yes', [did.slice(-6)])
        expect((await offerKey(await linkOf(world.home), did)).status).toBeLessThan(300)
        expect((await ended).code).toBe(0)
      }
      const [name = ''] = readdirSync(folder).filter((one) => one.endsWith('.page'))
      const copy = readFileSync(join(folder, name))
      expect(world.run(['stop']).code).toBe(0)
      writeFileSync(join(folder, name), copy, { mode: 0o600 })
      chmodSync(join(folder, name), 0o644)
      const serve = commandIn(said, 'serve')
      const { code, all } = world.paste(serve)
      expect(code).not.toBe(0)
      const operands = `'${join(folder, name)}' --from '${join(world.home, 'owner.key')}' --key-file '${world.keyFile}'`
      done(world, commandIn(all, 'revoke').replace('procura revoke', `procura revoke ${operands}`))
      rmSync(join(folder, name))
      await world.keep(serve, /^approvals on/m)
      expect(readdirSync(join(world.home, 'revocations'))).toEqual([])
    },
  },
  {
    situation: 'a delegation to somebody that has no folder, and an agent whose key is gone',
    async ends(world) {
      const said = wrapped(world)
      world.run(['agent', 'new', 'other', '--like', 'claude'])
      const other = join(world.home, 'agents', 'other')
      const token = delegationTo(world, stranger)
      const file = world.write('stranger.ucan', token)
      writeFileSync(join(other, 'delegations'), readFileSync(join(world.agent, 'delegations')), { mode: 0o600 })
      // The agent of the delegation has no folder any more.
      rmSync(world.agent, { recursive: true })
      const revoke = ['revoke', '--agent', 'other', '--key-file', world.keyFile]
      const left = world.run(revoke).all
      rmSync(join(other, 'agent.key'))
      const unknown = world.run(revoke).all
      const end = await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      for (const [message, path] of [
        [left, join(other, 'delegations')],
        [unknown, file],
      ] as const) {
        const { code, all } = world.paste(
          `${commandIn(message, 'revoke').replace('FILE', `'${path}'`)} --key-file '${world.keyFile}'`,
        )
        expect(all).toMatch(/has accepted the revocation/)
        expect(code).toBe(0)
      }
      await end()
    },
  },
  {
    situation: 'agents that need new delegations after a rotation of the key of the owner',
    async ends(world) {
      wrapped(world)
      world.run(['agent', 'receive', 'claude'], delegationTo(world, 'claude'))
      const { all } = world.run(['key', 'rotate', join(world.home, 'owner.key'), '--key-file', world.keyFile])
      const owner = `--from '${join(world.home, 'owner.key')}' --key-file '${world.keyFile}'`
      const file = join(world.folder, 'new.ucan')
      const lines = commandsIn(all, 'delegate')
      expect(lines).toHaveLength(2)
      for (const line of lines) done(world, `${line} ${owner} --to claude --command /mcp/mail > '${file}'`)
      const from = `--from '${join(world.agent, 'agent.key')}'`
      done(world, `${commandIn(all, 'attenuate')} '${file}' ${from} --to ${stranger} --command /mcp/mail/send`)
    },
  },
  {
    situation: 'stores that belong to a gateway which runs, or that were restored',
    async ends(world) {
      const end = await world.keep(commandIn(wrapped(world), 'serve'), /^process \d+/m)
      const [key, state] = [join(world.folder, 'store.key'), join(world.home, 'state.db')]
      done(world, `procura vault new-key --key-file '${key}'`)
      const found = world.run(['store', 'revoke', stranger, '--sqlite', state, '--secret-file', key]).all
      follow(world, found, 'revoke', `claude --key-file '${world.keyFile}'`)
      expect(await world.call('send', { to: 'bob' })).not.toBe('sent to bob')
      await end()
      const stores = ['--sqlite', join(world.folder, 'stores'), '--secret-file', key]
      const { all } = world.run(['store', 'prepare', ...stores, '--epoch', 'now'])
      follow(world, all, 'log', `'${join(world.home, 'log')}'`, /revoked/)
    },
  },
  {
    situation: 'a service where a gateway runs already, or where there is the service of another one',
    async ends(world) {
      fakeSystemctl(bin)
      const end = await world.keep(commandIn(wrapped(world), 'serve'), /^process \d+/m)
      follow(world, world.run(['service', 'install']).all, 'stop', '', /has ended/)
      await end()
      const units = join(world.folder, '.config', 'systemd', 'user')
      await mkdir(units, { recursive: true })
      writeFileSync(join(units, 'procura.service'), 'Description=Procura gateway\n')
      follow(world, world.run(['service', 'install']).all, 'service remove', '', /^removed/m)
    },
  },
  {
    situation: 'a secret in gateway.json in the place of its name',
    async ends(world) {
      const said = wrapped(world)
      const before = readFileSync(join(world.home, 'gateway.json'))
      configure(world, ({ servers, ...content }) => {
        const { mail: server } = servers as Record<string, object>
        return { ...content, servers: { mail: { ...server, secretEnv: { MAIL_KEY: 'canary 5' } } } }
      })
      const { all } = world.run(['serve'])
      const vault = `mail.MAIL_KEY --replace --file '${join(world.home, 'vault')}' --key-file '${world.keyFile}'`
      follow(world, all, 'vault put', vault, /./, 'canary-5')
      writeFileSync(join(world.home, 'gateway.json'), before)
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      expect(await world.call('send', { to: 'bob' })).toBe('sent to bob')
    },
  },
  {
    situation: 'a server with a key that is not behind the gateway',
    async ends(world) {
      writeFileSync(
        world.config,
        JSON.stringify({ mcpServers: { mail: mail(), post: mail({ POST_KEY: 'canary-2' }) } }),
      )
      wrapped(world, '--server', 'mail')
      done(world, commandIn(world.doctor('unwrapped'), 'wrap'))
      expect(world.doctor('unwrapped')).toMatch(/^ok/)
    },
  },
  {
    situation: 'a home folder that is lost, and a backup of it; then its state',
    async ends(world) {
      wrapped(world, '--policy', 'send: .to == ann')
      const saved = join(world.folder, "the owner's copy")
      const said = world.run(['backup', saved])
      expect(said.code, said.all).toBe(0)
      renameSync(world.home, join(world.folder, 'lost'))
      const restored = world.paste(commandIn(said.all, 'restore'))
      expect(restored.code, restored.all).toBe(0)
      follow(world, restored.all, 'start')
      expect(await world.call('send', { to: 'ann' })).not.toContain('sent')
      follow(world, world.run(['renew']).all, 'renew')
      follow(world, restored.all, 'renew')
      expect(await world.call('send', { to: 'ann' })).toBe('sent to ann')
      follow(world, restored.all, 'doctor', '', /^ok\tgateway/m)
      expect(world.run(['stop']).code).toBe(0)
      rmSync(join(world.home, 'state.db'))
      const renew = (): Said => world.run(['renew', 'claude', '--expires-in', '60d'])
      follow(world, renew().all, 'start')
      expect(renew().code).toBe(0)
    },
  },
  {
    situation: 'delegations that have ended, or cannot be renewed',
    async ends(world) {
      const key = ['--key-file', world.keyFile]
      const stop = await world.keep(commandIn(wrapped(world, '--expires-in', '4s'), 'serve'), /delegations end/)
      const status = (): string => world.run(['status']).all
      await until(() => status().includes('has ended'), 200)
      const elsewhere = join(world.folder, 'elsewhere', 'a', 'b')
      cpSync(world.agent, elsewhere, { recursive: true })
      const connection = JSON.parse(readFileSync(join(elsewhere, 'connect.json'), 'utf8'))
      writeFileSync(
        join(elsewhere, 'connect.json'),
        JSON.stringify({ ...connection, socket: join(world.home, 'gateway.sock') }),
      )
      const opened = async (folder: string): Promise<string> => {
        const client = connectClient(folder)
        const { result } = await client.initialize()
        client.input.end()
        await client.ended
        return String((result as { readonly instructions?: string }).instructions)
      }
      done(world, commandIn(await opened(elsewhere), 'agent receive'), delegationTo(world, 'claude'))
      follow(world, await opened(world.agent), 'renew', '--expires-in 30d', /^renewed until/m)
      expect(await opened(world.agent)).toBe('undefined')
      world.run(['renew', 'claude', '--expires-in', '1s'])
      follow(world, await stop(), 'renew')
      const { all } = world.run(['renew', 'claude', '--expires-in', '60d'])
      const delegations = join(world.agent, 'delegations')
      const sub = ['--from', join(world.agent, 'agent.key'), '--to', stranger, '--command', '/mcp/mail/send']
      const words = [delegations, ...sub, '--expires-in', '1h'].map((word) => `'${word}'`)
      done(world, `${commandIn(all, 'attenuate')} ${words.join(' ')}`)
      world.run(['agent', 'receive', 'claude'], delegationTo(world, 'claude'))
      follow(world, world.run(['renew']).all, 'doctor', '', /\tdelegations/)
      world.run(['revoke', '--agent', 'claude', ...key])
      follow(world, world.run(['renew', 'claude']).all, 'doctor', '', /FAULT\tdelegations.* is missing/)
    },
  },
  {
    situation: 'an ended delegation in `status`',
    async ends(world) {
      const said = wrapped(world, '--expires-in', '4s')
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      const status = (): string => world.run(['status']).all
      await until(() => status().includes('has ended'), 200)
      follow(world, status(), 'renew', '--expires-in 30d', /^renewed until/m)
      expect(status()).not.toContain('has ended')
      const { code, all } = world.run(['unwrap', world.config, '--key-file', world.keyFile])
      expect(code, all).toBe(0)
      const nothing = world.run(['renew']).all
      expect(nothing).toContain('no agent has a delegation on record')
      done(world, `${commandIn(nothing, 'api add')} crm https://api.example.com --bearer --agent claude`, 'a token')
      done(world, `${commandIn(nothing, 'wrap')} '${world.config}' --key-file '${world.keyFile}'`)
      expect(world.run(['renew']).code).toBe(0)
    },
  },
  {
    situation: 'an earlier delegation that has ended before `unwrap`',
    async ends(world) {
      const file = JSON.stringify({ mcpServers: { mail: { ...mail(), cwd: world.folder } } })
      world.write('.mcp.json', file)
      const began = Date.now()
      wrapped(world)
      expect(world.run(['unwrap', world.config, '--key-file', world.keyFile]).code).toBe(0)
      // Long enough for the second run, on a machine of any speed.
      const seconds = 2 + Math.ceil((3 * (Date.now() - began)) / 1_000)
      wrapped(world, '--policy', 'send: .to == bob', '--expires-in', `${seconds}s`)
      const end = Date.now() + seconds * 1_000
      const second = world.write('b.mcp.json', file)
      const words = ['--client', 'claude', '--key-file', world.keyFile]
      expect(world.run(['wrap', second, '--tools', '*', ...words]).code).toBe(0)
      await until(() => Date.now() > end + 1_000, 100)
      const { all } = world.run(['unwrap', second, '--key-file', world.keyFile])
      const line = commandIn(all, 'wrap')
      done(
        world,
        `${line.replace('procura wrap', `procura wrap '${second}' --policy 'send: .to == bob'`)} ${words.join(' ')}`,
      )
      expect(world.run(['agent', 'show', 'claude']).all).toContain('bob')
    },
  },
  {
    situation: 'a server that needs a login',
    async ends(world) {
      wrapped(world)
      const oauth = await startOauthWorld({ withoutRefresh: true })
      const loggedIn = async (line: string): Promise<string> => {
        const end = await world.keep(line, /^http:.+$/m)
        await oauth.visit(/^http:.+$/m.exec(end.said())?.[0] as string)
        await until(() => /procura start|the gateway has|^procura: /m.test(end.said()))
        return end()
      }
      const serve = (url: string): void =>
        configure(world, (content) => ({ ...content, servers: { crm: { type: 'http', url, login: 'crm.login' } } }))
      try {
        const path = world.write(
          'b.mcp.json',
          JSON.stringify({ mcpServers: { crm: { type: 'http', url: oauth.url } } }),
        )
        const at = world.home.includes(' ') ? ` --home '${world.home}'` : ''
        // The program asks the server, which answers in this process.
        const words = `--client claude --tools '*' --key-file '${world.keyFile}'`
        const plan = await world.keep(`procura wrap '${path}' ${words}${at}`, /needs a login/)
        const said = await loggedIn(commandIn(plan.said(), 'login'))
        const again = await loggedIn(commandIn(said, 'login'))
        serve(oauth.url.replace('127.0.0.1', 'localhost'))
        const refused = world.run(['serve']).all
        serve(oauth.url)
        await loggedIn(commandIn(refused, 'login'))
        const vault = ['--file', join(world.home, 'vault'), '--key-file', world.keyFile]
        expect(world.run(['vault', 'remove', 'crm.login', ...vault]).code).toBe(0)
        const line = commandIn(world.doctor('logins'), 'login')
        await world.keep(commandIn(again, 'start'), /the gateway runs: process \d+/)
        const status = world.run(['status']).all
        expect(commandIn(status, 'login')).toBe(line)
        expect(await loggedIn(line)).toContain('the gateway has 1 tool of crm')
        expect(world.doctor('logins')).toMatch(/^ok/)
      } finally {
        await oauth.close()
      }
    },
  },
  {
    situation: 'an invitation, where the gateway listens on a socket, of a name with delegations',
    async ends(world) {
      wrapped(world, '--agent', 'bob')
      const { all } = world.run(['invite', 'ann'])
      const port = await freePort()
      configure(world, (content) => ({ ...content, listen: { address: `127.0.0.1:${port}` } }))
      for (const start of ['stop', 'start']) done(world, commandIn(all, start))
      rmSync(join(world.home, 'agents', 'bob'), { recursive: true })
      done(world, commandIn(world.run(['invite', 'bob']).all, 'revoke'))
      expect(world.run(['invite', 'bob']).all).toContain('standard input is not a terminal')
    },
  },
  {
    situation: 'a server that does not list its tools',
    async ends(world) {
      const said = wrapped(world)
      const withArgs = (args: readonly string[]): void =>
        configure(world, ({ servers, ...content }) => {
          const { mail: known } = servers as { readonly mail: object }
          return { ...content, servers: { mail: { ...known, args } } }
        })
      withArgs(['-e', "console.error('no module'); process.exit(1)"])
      await world.keep(commandIn(said, 'serve'), /^process \d+/m)
      await until(() => world.doctor('servers').startsWith('FAULT'))
      const found = world.doctor('servers')
      expect(found).toContain('its standard error ends with "no module"')
      withArgs([mailServer])
      follow(world, found, 'reload', '', /^server mail \(stdio\): 6 tools/m)
      expect(world.doctor('servers')).toMatch(/^ok/)
    },
  },
  {
    situation: 'an agent program, without a gateway that runs',
    async ends(world) {
      wrapped(world)
      world.run(['stop'])
      const start = (): Said => world.run(['run', 'true'])
      done(world, commandIn(start().all, 'start'))
      expect(start().code).toBe(0)
    },
  },
  {
    situation: 'a key file that does not exist',
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

/** Parts of messages whose commands no row pastes, each with the reason. */
const exempt: readonly (readonly [reason: string, ...texts: readonly string[]])[] = [
  [
    'a program that calls the library gets it; the command line replaces it',
    ...[
      'createKeyFile',
      'createSignerFile',
      'create: true',
      'a hash of `hashes`',
      '`procura approve --list` lists them',
    ],
  ],
  [
    'it names a program, and is not a next step',
    ...[
      'pass what `procura delegate`',
      'run `procura connect`',
      'runs `procura connect',
      'wrap/unwrap.ts: `procura connect',
    ],
    ...[
      'still reaches it',
      'team/join.ts',
      'listen-for-api.ts',
      'with the policy that',
      'correct that, and run `procura doctor` again',
    ],
  ],
  ['invite.test.ts runs it, with a second user', 'so end them with', 'ends its delegations'],
  ['it is about a program that sudo starts', 'without sudo, as the user of the agent'],
  [
    'the situation takes minutes or a thousand requests',
    'did not answer within',
    'nobody logged in within',
    'has not ended within',
    'too many requests wait',
  ],
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

  // The two places differ in the option that `withPlace` adds alone, so one of them has a sample.
  it.each(rows.filter((_, at) => isElsewhere || at % 4 === 0))(
    '$situation [CLI-30]',
    async ({ ends }) => ends(world),
    60_000,
  )
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

it('has a row for each message that recommends a command', () => {
  const isPasted = (verb: string, { matches }: Recommendation): boolean =>
    taken.some((one) => one.verb === verb && matches(one.line))
  const all = recommendations()
  expect(all.length).toBeGreaterThan(100)
  const missing = all
    .flatMap((one) => one.verbs.filter((verb) => !isPasted(verb, one)).map((verb) => `${verb} of ${one.name}`))
    .filter((name) => !exempt.flatMap(([, ...texts]) => texts).some((text) => name.includes(text)))
  expect(missing).toEqual([])
})
