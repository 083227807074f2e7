/**
 * Each verb that reports an effect is followed by the real call: at a gateway that runs, at one that is stopped, beside
 * another program that listens in its place, and after a connection that ends in the middle.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Gateway, type GatewayConfig, listenForApi, openGateway, readGatewayConfig } from '../../src/index.ts'
import { newClients } from '../gateway/agent-side/connect/client.ts'
import { type ApiUpstream, startApi } from '../gateway/serve/api-upstream.ts'
import { approveAt } from '../gateway/serve/approvals/approver.ts'
import { canary, mailServer } from '../gateway/serve/gateway-home.ts'
import { type Machine, newMachine } from './wrap/set-up.ts'

let machine: Machine
let config: string
let upstream: ApiUpstream
let gateway: Gateway | undefined
const clients = newClients()

beforeEach(async () => {
  machine = newMachine()
  upstream = await startApi()
  config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: mail() } }))
})
afterEach(async () => {
  await clients.end()
  await stop()
  machine.remove()
  await upstream.close()
})

const mail = (env: object = {}): object => ({
  command: process.execPath,
  args: [mailServer],
  env: { MAIL_KEY: 'canary-1', ...env },
})

/** Runs a verb that needs the key of the vault. */
const procura = (...words: readonly string[]): ReturnType<Machine['procura']> =>
  machine.procura([...words, '--key-file', machine.keyFile])

const configNow = (): Promise<GatewayConfig> => readGatewayConfig(join(machine.home, 'gateway.json'))

async function start(given?: GatewayConfig): Promise<Gateway> {
  gateway ??= await openGateway({ config: given ?? (await configNow()) })
  return gateway
}

async function stop(): Promise<void> {
  await gateway?.close()
  gateway = undefined
}

const agent = (): string => join(machine.home, 'agents', 'claude')

/** The answer of a tool to the agent, in a session of its own. */
async function called(name: string, args: object = {}): Promise<string> {
  const client = await clients.open(agent())
  return (await client.call(name, args)).result?.content?.[0].text ?? ''
}

/** Answers each first line at the socket of the gateway. */
async function listenInItsPlace(answer: (socket: Socket) => void): Promise<() => Promise<void>> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    createInterface(socket).once('line', () => answer(socket))
  })
  await new Promise<void>((resolve) => server.listen(join(machine.home, 'gateway.sock'), resolve))
  return () => new Promise((resolve) => server.close(() => resolve()))
}

/** The states of a gateway while a verb runs: how they begin, and how they end. */
const states: Readonly<Record<string, { readonly begin: () => Promise<() => Promise<void>>; readonly code: number }>> =
  {
    'a gateway that runs': {
      begin: async () => {
        await start()
        return async () => undefined
      },
      code: 0,
    },
    'a gateway that is stopped': { begin: async () => async () => undefined, code: 0 },
    'another program in its place': {
      begin: () => listenInItsPlace((socket) => socket.end('{"procura":1,"revoked":"x","recorded":true}\n')),
      code: 1,
    },
    'a gateway that is killed in the middle': { begin: () => listenInItsPlace((socket) => socket.destroy()), code: 1 },
  }

describe.each(Object.entries(states))('with %s', (_state, { begin, code }) => {
  it('`revoke --agent` ends the delegations, also for a copy [CLI-25]', async () => {
    expect((await procura('wrap', config)).code).toBe(0)
    const copy = join(machine.folder, 'copy')
    copyFileSync(join(agent(), 'delegations'), copy)
    const end = await begin()
    expect(await procura('revoke', '--agent', 'claude')).toMatchObject({ code })
    await end()
    await start()
    copyFileSync(copy, join(agent(), 'delegations'))
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied \(revoked\)/)
  })

  it('`unwrap` ends them, also when the server is wrapped again [CLI-25] [WRP-19]', async () => {
    const original = readFileSync(config, 'utf8')
    expect((await procura('wrap', config)).code).toBe(0)
    const copy = join(machine.folder, 'copy')
    copyFileSync(join(agent(), 'delegations'), copy)
    const end = await begin()
    expect(await procura('unwrap', config)).toMatchObject({ code })
    await end()
    await stop()
    expect(readFileSync(config, 'utf8')).toBe(original)
    expect((await procura('wrap', config)).code).toBe(0)
    await start()
    expect(await called('send', { to: 'bob' })).toBe('sent to bob')
    copyFileSync(copy, join(agent(), 'delegations'))
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied \(revoked\)/)
  })

  it('`api remove` ends them, also when the API is added again [CLI-25] [WRP-30]', async () => {
    const add = () =>
      machine.procura(
        [
          ...['api', 'add', 'crm', upstream.origin, '--header', 'X-Api-Key', '--agent', 'claude'],
          ...['--key-file', machine.keyFile],
        ],
        { typed: [canary] },
      )
    expect((await add()).code).toBe(0)
    const copy = join(machine.folder, 'copy')
    copyFileSync(join(agent(), 'delegations'), copy)
    const end = await begin()
    expect(await procura('api', 'remove', 'crm')).toMatchObject({ code })
    await end()
    await stop()
    expect((await add()).code).toBe(0)
    await start()
    const request = async (): Promise<number> => {
      const listener = await listenForApi({ api: 'crm', agent: agent(), listen: '127.0.0.1:0' })
      const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
      const { status } = await fetch(`http://${listener.place}/v1/a`, { headers: { 'x-api-key': key } })
      await listener.close()
      return status
    }
    expect(await request()).toBe(200)
    copyFileSync(copy, join(agent(), 'delegations'))
    const { length } = upstream.seen
    expect(await request()).toBe(401)
    expect(upstream.seen).toHaveLength(length)
  })
})

describe('at a gateway that runs, and at its next start', () => {
  /** Makes the same call now, and after a restart. */
  async function both(name: string, args: object): Promise<readonly string[]> {
    const now = await called(name, args)
    await stop()
    await start()
    return [now, await called(name, args)]
  }

  it('`wrap` with a policy permits the calls that it names, and no other', async () => {
    const wrapped = await procura('wrap', config, '--policy', 'send: .to == bob')
    expect(wrapped.code).toBe(0)
    await start()
    expect(await both('send', { to: 'bob' })).toEqual(['sent to bob', 'sent to bob'])
    for (const answer of await both('send', { to: 'eve' })) expect(answer).toMatch(/^Denied \(policy_unsatisfied\)/)
    for (const answer of await both('variables', {})) expect(answer).toMatch(/^Denied \(command_not_covered\)/)
  })

  it('`approve` permits one call after a yes, and none after a no', async () => {
    expect((await procura('wrap', config, '--approve', 'send')).code).toBe(0)
    await start()
    const id = /`procura approve (\w+)/.exec(await called('send', { to: 'bob' }))?.[1] ?? ''
    expect((await approveAt(machine.home, [id, '--key-file', machine.keyFile])).code).toBe(0)
    expect(await called('send', { to: 'eve' })).toMatch(/^Denied/)
    expect(await called('send', { to: 'bob' })).toBe('sent to bob')
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied/)
    const other = /`procura approve (\w+)/.exec(await called('send', { to: 'ann' }))?.[1] ?? ''
    expect((await approveAt(machine.home, [other, '--key-file', machine.keyFile], 'no')).code).toBe(1)
    for (const answer of await both('send', { to: 'ann' })) expect(answer).toMatch(/^Denied/)
  })

  it('`tools accept` permits the changed tool with the hash that was read, and no other', async () => {
    const file = machine.write('tools.json', '')
    const describeAs = (description: string): void =>
      writeFileSync(
        file,
        JSON.stringify([
          { name: 'send', description, inputSchema: { type: 'object', properties: { to: { type: 'string' } } } },
        ]),
      )
    describeAs('Sends a mail.')
    config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: mail({ TOOLS_FILE: file }) } }))
    expect((await procura('wrap', config)).code).toBe(0)
    await start()
    expect(await called('send', { to: 'bob' })).toBe('sent to bob')
    describeAs('Sends a mail, and all files.')
    await gateway?.refresh()
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied \(tool_changed\)/)
    const { out } = await machine.procura(['tools', 'list', 'mail'])
    const [, , state, hash = ''] =
      out
        .split('\n')
        .find((line) => line.startsWith('mail\tsend\t'))
        ?.split('\t') ?? []
    expect(state).toBe('changed')
    expect((await machine.procura(['tools', 'accept', 'mail', hash])).code).toBe(0)
    await gateway?.refresh()
    expect(await both('send', { to: 'bob' })).toEqual(['sent to bob', 'sent to bob'])
    describeAs('Sends a mail, and all keys.')
    await gateway?.refresh()
    for (const answer of await both('send', { to: 'bob' })) expect(answer).toMatch(/^Denied \(tool_changed\)/)
  })

  it('`vault rotate` gives the next session the new key', async () => {
    expect((await procura('wrap', config)).code).toBe(0)
    await start()
    const hash = (key: string): string => createHash('sha256').update(key).digest('hex')
    expect(await called('secret')).toBe(hash('canary-1'))
    const words = ['vault', 'rotate', 'mail.MAIL_KEY', '--file', join(machine.home, 'vault')]
    expect((await machine.procura([...words, '--key-file', machine.keyFile], { typed: ['canary-2'] })).code).toBe(0)
    expect(await both('secret', {})).toEqual([hash('canary-2'), hash('canary-2')])
  })
})

describe('between a rotation of the key of the owner and the reload of the gateway', () => {
  it.each([
    ['a reload', async () => (await start()).reload(await configNow())],
    ['a start', async () => void (await stop().then(() => start()))],
  ])('`revoke --agent` reports that it waits for the reload, and %s ends the delegations [CLI-25]', async (_, next) => {
    expect((await procura('wrap', config)).code).toBe(0)
    const before = await configNow()
    const saved = ['delegations', 'connect.json'].map((name) => [join(agent(), name), machine.write(name, '')] as const)
    for (const [own, copy] of saved) copyFileSync(own, copy)
    expect((await procura('key', 'rotate', join(machine.home, 'owner.key'))).code).toBe(0)
    // One that has not read gateway.json again.
    await start(before)
    const { code, err } = await procura('revoke', '--agent', 'claude')
    expect(code).toBe(1)
    expect(err).toContain('does not act for the owner in gateway.json yet')
    expect(err).toContain('at `procura reload`')
    const present = (await machine.procura(['agent', 'show', 'claude'])).out
    expect(present).toContain('/mcp/mail')
    await next()
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied \(revoked\)/)
    expect(readdirSync(join(machine.home, 'revocations'))).toEqual([])
    for (const [own, copy] of saved) copyFileSync(copy, own)
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied \(subject_not_accepted\)/)
  })
})

describe('a gateway that runs, where nothing listens at its place', () => {
  it('counts as running: `revoke --agent` has the exit code 1, and names its process [CLI-25]', async () => {
    expect((await procura('wrap', config)).code).toBe(0)
    await start()
    const copy = join(machine.folder, 'copy')
    copyFileSync(join(agent(), 'delegations'), copy)
    const session = await clients.open(agent())
    const send = async () => (await session.call('send', { to: 'bob' })).result?.content?.[0].text
    rmSync(join(machine.home, 'gateway.sock'))
    const { code, err } = await procura('revoke', '--agent', 'claude')
    copyFileSync(copy, join(agent(), 'delegations'))
    expect(await send()).toBe('sent to bob')
    expect(code).toBe(1)
    expect(err).toContain(`runs (process ${process.pid}), and cannot be reached (ENOENT)`)
    await stop()
    await start()
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied \(revoked\)/)
  })
})

describe('a revocation by the new key of the owner', () => {
  it('GTW-65 is kept by a reload of the configuration from before the rotation, and taken by the next one', async () => {
    expect((await procura('wrap', config)).code).toBe(0)
    const before = await configNow()
    expect((await procura('key', 'rotate', join(machine.home, 'owner.key'))).code).toBe(0)
    const { reload } = await start(before)
    const saved = ['delegations', 'connect.json'].map((name) => [join(agent(), name), machine.write(name, '')] as const)
    for (const [own, copy] of saved) copyFileSync(own, copy)
    expect((await procura('revoke', '--agent', 'claude')).code).toBe(1)
    await reload(before)
    await reload(await configNow())
    for (const [own, copy] of saved) copyFileSync(copy, own)
    expect(await called('send', { to: 'bob' })).toMatch(/^Denied \(revoked\)/)
  })
})

describe('what is left over', () => {
  it('is nothing in `revocations` when a gateway has taken them', async () => {
    expect((await procura('wrap', config)).code).toBe(0)
    expect((await procura('revoke', '--agent', 'claude')).code).toBe(0)
    await start()
    expect(readdirSync(join(machine.home, 'revocations'))).toEqual([])
    rmSync(join(machine.home, 'revocations'), { recursive: true })
  })
})
