import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileDelegationStore } from 'procura/agent/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listenForApi, openGateway, readGatewayConfig } from '../../../src/index.ts'
import { startApi } from '../../gateway/serve/api-upstream.ts'
import { canary } from '../../gateway/serve/gateway-home.ts'
import { type Machine, newMachine } from './set-up.ts'

let machine: Machine
let keyFile: string
let sealKey: string
let folder: string

beforeEach(() => {
  machine = newMachine()
  keyFile = machine.keyFile
  sealKey = join(machine.folder, 'delegations.key')
  folder = join(machine.home, 'agents', 'claude')
})
afterEach(() => machine.remove())

const run = (words: readonly string[], typed?: readonly string[]): ReturnType<Machine['procura']> =>
  machine.procura([...words, '--key-file', keyFile], typed === undefined ? {} : { typed })
const text = (path: string): string => readFileSync(path, 'utf8')
const connection = (): Record<string, unknown> => JSON.parse(text(join(folder, 'connect.json')))
const setUnlock = (unlock: object): void =>
  writeFileSync(join(folder, 'connect.json'), JSON.stringify({ ...connection(), unlock }))
const config =
  '{ "mcpServers": { "mail": { "command": "node", "args": ["mail.mjs"], "env": { "MAIL_KEY": "canary-1" } } } }\n'
const wrap = (path: string, ...more: readonly string[]): ReturnType<Machine['procura']> =>
  run(['wrap', path, '--agent', 'claude', ...more])

describe('the encrypted delegations of a wrapped agent', () => {
  it('are made by wrap, renewed, revoked and unwrapped, without a word about their key [WRP-31] [CLI-18]', async () => {
    const path = machine.write('.mcp.json', config)
    const wrapped = await wrap(path, '--delegations-key-file', sealKey)
    expect(wrapped.code, wrapped.err).toBe(0)
    expect(statSync(sealKey).mode & 0o777).toBe(0o600)
    expect(connection()['unlock']).toEqual({ delegations: { file: sealKey } })
    const sealed = text(join(folder, 'delegations'))
    expect(sealed).toMatch(/^\{"format":"procura-delegations@1"/)
    const { code, out } = await machine.procura(['agent', 'show', 'claude'])
    expect([code, out]).toEqual([0, expect.stringContaining('/mcp/mail')])
    const found = await run(['doctor', '--json'])
    expect(found.out).not.toContain('delegations that cannot be read')
    const revoked = await run(['revoke', '--agent', 'claude'])
    expect(revoked).toMatchObject({ code: 0, out: expect.stringMatching(/^revoked \S+ for \/mcp\/mail$/) })
    expect((await machine.procura(['agent', 'show', 'claude'])).out).not.toContain('/mcp/mail')
    expect(await run(['unwrap', path])).toMatchObject({ code: 0 })
    expect(text(path)).toBe(config)
    expect(text(join(folder, 'delegations'))).toMatch(/^\{"format":"procura-delegations@1"/)
  })

  it('of an API are made by api add and used by its listener, and api remove revokes them [WRP-31]', async () => {
    const upstream = await startApi()
    const words = ['api', 'add', 'crm', upstream.origin, '--header', 'X-Api-Key', '--agent', 'claude']
    const added = await run([...words, '--delegations-key-file', sealKey], [canary])
    expect(added.code, added.err).toBe(0)
    const gateway = await openGateway({ config: await readGatewayConfig(join(machine.home, 'gateway.json')) })
    const listener = await listenForApi({ api: 'crm', agent: folder, listen: '127.0.0.1:0' })
    const key = text(listener.keyFile ?? '').trim()
    const call = async (): Promise<number> =>
      (await fetch(`http://${listener.place}/v1/a`, { headers: { 'x-api-key': key } })).status
    expect(await call()).toBe(200)
    const removed = await run(['api', 'remove', 'crm'])
    expect(removed.err).toContain('revoked 1 delegation of the agent claude')
    expect(await call()).toBe(403)
    await listener.close()
    await gateway.close()
    await upstream.close()
  })

  it('are opened with a passphrase that the owner types, and nothing is written without it [CLI-18]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path)
    const before = text(path)
    const tokens = await fileDelegationStore({ path: join(folder, 'delegations') }).load({})
    renameSync(join(folder, 'delegations'), join(folder, 'old'))
    const passphrase = 'canary-of-the-agent'
    const store = fileDelegationStore({ path: join(folder, 'delegations'), key: { passphrase } })
    await store.change({ add: new Map(tokens.map((bytes, at) => [String(at), bytes])), remove: [] }, {})
    for (const words of [
      ['unwrap', path],
      ['api', 'add', 'crm', 'https://crm.example', '--bearer', '--agent', 'claude'],
    ]) {
      const refused = await run(words)
      expect.soft(refused).toMatchObject({ code: 2, out: '' })
      expect.soft(refused.err).toContain('pass --delegations-key-file, or PROCURA_DELEGATIONS_PASSPHRASE')
    }
    const wrong = await run(['unwrap', path], ['canary-of-somebody'])
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('is not the one of the file') })
    expect(text(path)).toBe(before)
    expect(text(join(machine.home, 'gateway.json'))).not.toContain('crm')
    const found = await run(['doctor', '--json'])
    expect(found.out).toContain('delegations that cannot be read: the delegations are encrypted')
    const done = await run(['unwrap', path], [passphrase])
    expect([done.code, `${done.out}${done.err}`.includes('canary')]).toEqual([0, false])
    expect(done.err).toContain('revoked 1 delegation of the agent claude')
    expect(text(path)).toBe(config)
  })

  it('do not keep the recorded ones from being revoked, under a passphrase that the owner does not know [CLI-18] [WRP-32]', async () => {
    await wrap(machine.write('.mcp.json', config))
    renameSync(join(folder, 'delegations'), join(folder, 'old'))
    const store = fileDelegationStore({ path: join(folder, 'delegations'), key: { passphrase: 'of-the-agent' } })
    await store.change({ add: new Map(), remove: [] }, {})
    const { code, out, err } = await run(['revoke', '--agent', 'claude'])
    expect([code, out]).toEqual([1, expect.stringMatching(/^revoked bafy\w+ for \/mcp\/mail$/)])
    expect(err).toMatch(/the agent may have more delegations, in a file that cannot be read: .*encrypted: pass/)
    const gateway = await openGateway({ config: await readGatewayConfig(join(machine.home, 'gateway.json')) })
    expect((await run(['revoke', '--agent', 'claude'])).code).toBe(1)
    await gateway.close()
    // Nothing is recorded any more, so the file is needed.
    expect((await run(['revoke', '--agent', 'claude'])).code).toBe(2)
  })

  it('are opened with the first key of several: the option, `unlock`, the environment, the terminal [CLI-18]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path, '--delegations-key-file', sealKey)
    const wrong = join(machine.folder, 'wrong.key')
    await machine.procura(['vault', 'new-key', '--key-file', wrong])
    const env = { PROCURA_DELEGATIONS_PASSPHRASE: 'canary-of-another-agent' }
    const show = async (more: readonly string[] = [], options: object = {}): Promise<string> => {
      const { code, out, err } = await machine.procura(['agent', 'show', 'claude', ...more], options)
      expect(out + err).not.toContain('canary')
      return code === 0 ? 'opened' : err
    }
    expect(await show([], { env })).toBe('opened')
    expect(await show(['--delegations-key-file', wrong], { env })).toMatch(/is not the one of the file/)
    setUnlock({ delegations: { file: wrong } })
    expect(await show([], { env, typed: ['canary-of-a-person'] })).toMatch(/is not the one of the file/)
    expect(await show(['--delegations-key-file', sealKey], { env })).toBe('opened')
    // A passphrase of the environment is taken before the terminal is asked.
    const connected = connection()
    Reflect.deleteProperty(connected, 'unlock')
    writeFileSync(join(folder, 'connect.json'), JSON.stringify(connected))
    expect(await show([], { env, typed: ['canary-of-a-person'] })).not.toMatch(/passphrase of/)
    expect(await show([], { typed: ['canary-of-a-person'] })).toMatch(/passphrase of/)
  })

  it('are opened by no command of the agent [CLI-18]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path, '--delegations-key-file', sealKey)
    const ran = join(machine.folder, 'ran')
    const program = `require('node:fs').writeFileSync(${JSON.stringify(ran)}, ''); process.stdout.write('canary')`
    setUnlock({
      key: { command: [process.execPath, '-e', program] },
      delegations: { command: [process.execPath, '-e', program] },
    })
    await wrap(path)
    await run(['api', 'add', 'crm', 'https://crm.example', '--header', 'X-Api-Key', '--agent', 'claude'], ['key'])
    await run(['api', 'remove', 'crm'])
    for (const words of [['unwrap', path], ['revoke', '--agent', 'claude'], ['doctor']]) await run(words)
    for (const verb of ['show', 'receive', 'new']) await machine.procura(['agent', verb, 'claude'])
    for (const verb of ['inspect', 'why', 'attenuate', 'revoke'])
      await machine.procura([verb, join(folder, 'delegations'), '--from', join(folder, 'agent.key')])
    expect(existsSync(ran)).toBe(false)
    expect(await run(['unwrap', path, '--delegations-key-file', sealKey])).toMatchObject({ code: 0 })
    expect(existsSync(ran)).toBe(false)
  })

  it('are at the place of the agent, whatever connect.json names [CLI-18]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path)
    const other = machine.write('a file of the owner', 'precious')
    writeFileSync(join(folder, 'connect.json'), JSON.stringify({ ...connection(), delegations: other }))
    expect(await run(['unwrap', path])).toMatchObject({ code: 0 })
    expect(text(other)).toBe('precious')
  })

  it('of an agent that has unencrypted ones are made by the steps that the refusal names [WRP-31]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path)
    const refused = await run(['unwrap', path, '--delegations-key-file', sealKey])
    expect(refused.code).toBe(2)
    expect(refused.err).toMatch(/is not encrypted; leave out --delegations-key-file, or set `unlock.delegations`/)
    await machine.procura(['vault', 'new-key', '--key-file', sealKey])
    setUnlock({ delegations: { file: sealKey } })
    const plain = await machine.procura(['agent', 'show', 'claude'])
    expect(plain.err).toMatch(/is not encrypted, but `unlock` in connect.json requires it/)
    renameSync(join(folder, 'delegations'), join(folder, 'old'))
    const received = await machine.procura(['agent', 'receive', 'claude', join(folder, 'old')])
    expect(received.code, received.err).toBe(0)
    expect(text(join(folder, 'delegations'))).toMatch(/^\{"format":"procura-delegations@1"/)
    expect(await run(['unwrap', path])).toMatchObject({ code: 0 })
  })
})

describe('procura agent new', () => {
  it('makes an agent with encrypted files, whose keys connect finds, and copies no key from another one [CON-24]', async () => {
    const place = [
      '--address',
      '127.0.0.1:7333',
      '--audience',
      'did:web:gateway.example',
      '--subject',
      'did:web:owner.example',
    ]
    await machine.procura(['vault', 'new-key', '--key-file', keyFile])
    const made = await run(['agent', 'new', 'claude', ...place, '--delegations-key-file', sealKey])
    expect(made.code, made.err).toBe(0)
    expect(connection()['unlock']).toEqual({ key: { file: keyFile }, delegations: { file: sealKey } })
    expect((await machine.procura(['agent', 'show', 'claude'])).out).toBe(made.out)
    expect((await machine.procura(['agent', 'new', 'next', '--like', 'claude'])).code).toBe(0)
    const next = JSON.parse(text(join(machine.home, 'agents', 'next', 'connect.json')))
    expect(next).not.toHaveProperty('unlock')
  })

  it('asks twice for the passphrase of delegations that it encrypts', async () => {
    await wrap(machine.write('.mcp.json', config))
    renameSync(join(folder, 'delegations'), join(folder, 'old'))
    setUnlock({ delegations: { command: ['secret-tool', 'lookup', 'procura', 'claude'] } })
    const receive = (typed: readonly string[]): ReturnType<Machine['procura']> =>
      machine.procura(['agent', 'receive', 'claude', join(folder, 'old')], { typed })
    expect((await receive(['a passphrase', 'another one'])).err).toContain('the two passphrases differ')
    expect(existsSync(join(folder, 'delegations'))).toBe(false)
    expect((await receive(['a passphrase', 'a passphrase'])).code).toBe(0)
  })
})
