import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileDelegationStore } from 'procura/agent/file'
import { openSignerFile, rotateSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { openFileVault } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Gateway, openGateway, readGatewayConfig } from '../../src/index.ts'
import { newClients } from '../gateway/agent-side/connect/client.ts'
import { mailServer } from '../gateway/serve/gateway-home.ts'
import { type Machine, newMachine } from './wrap/set-up.ts'

let machine: Machine
let keyFile: string
let config: string
let owner: string
let vault: string
const gateways: Gateway[] = []
const clients = newClients()

beforeEach(async () => {
  machine = newMachine()
  keyFile = machine.keyFile
  owner = join(machine.home, 'owner.key')
  vault = join(machine.home, 'vault')
  config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: mail() } }))
  expect((await machine.procura(['wrap', config, '--key-file', keyFile])).code).toBe(0)
})

afterEach(async () => {
  await clients.end()
  for (const gateway of gateways.splice(0)) await gateway.close()
  machine.remove()
})

const mail = (): object => ({ command: process.execPath, args: [mailServer], env: { MAIL_KEY: 'canary-1' } })
const folder = (): string => join(machine.home, 'agents', 'claude')
const content = (): { subjects: string[]; vault: { keyFile: string } } =>
  JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))

async function open(): Promise<Gateway> {
  const configuration = await readGatewayConfig(join(machine.home, 'gateway.json'))
  const gateway = await openGateway({ config: configuration, onEvent: () => undefined })
  gateways.push(gateway)
  return gateway
}

/** The answer to a call of the agent. */
async function called(): Promise<string> {
  const client = await clients.open(folder())
  return (await client.call('send', { to: 'bob' })).result?.content?.[0].text ?? ''
}

async function held(): Promise<readonly { issuer: string; audience: string; command: string }[]> {
  const all = await fileDelegationStore({ path: join(folder(), 'delegations') }).load({})
  return Promise.all(all.map((bytes) => decodeDelegation(bytes)))
}

describe('procura vault change-key, for the vault of a gateway', () => {
  const next = (): string => join(machine.folder, 'next.key')
  const change = (from: string, to: string): ReturnType<Machine['procura']> =>
    machine.procura(['vault', 'change-key', '--file', vault, '--key-file', from, '--new-key-file', to])
  const opens = async (key: string): Promise<readonly boolean[]> =>
    Promise.all([
      openFileVault({ path: vault, key: { keyFile: key } }).then(
        () => true,
        () => false,
      ),
      openSignerFile({ path: owner, key: { keyFile: key } }).then(
        () => true,
        () => false,
      ),
    ])

  it('finds a gateway in another home folder by --home, and repeats what was half done [WRP-13]', async () => {
    const other = join(machine.folder, 'elsewhere', 'vault')
    mkdirSync(join(machine.folder, 'elsewhere'), { mode: 0o700 })
    renameSync(vault, other)
    const path = join(machine.home, 'gateway.json')
    const moved = readFileSync(path, 'utf8').replace('"file": "vault"', `"file": ${JSON.stringify(other)}`)
    writeFileSync(path, moved)
    const words = ['vault', 'change-key', '--file', other, '--key-file', keyFile, '--new-key-file', next()]
    const env = { PROCURA_HOME: join(machine.folder, 'none') }
    const half = await machine.procura(words, { env })
    expect(half).toMatchObject({ code: 0, err: expect.stringContaining('repeat this with --home') })
    const opensOwner = (key: string): Promise<unknown> => openSignerFile({ path: owner, key: { keyFile: key } })
    await expect(opensOwner(next())).rejects.toThrow()
    expect((await machine.procura([...words, '--home', machine.home], { env })).code).toBe(0)
    await expect(opensOwner(next())).resolves.toBeDefined()
    expect(await machine.procura([...words, '--home', join(machine.folder, 'none')])).toMatchObject({
      code: 2,
      err: expect.stringContaining('does not have this vault'),
    })
  })

  beforeEach(async () => {
    expect((await machine.procura(['vault', 'new-key', '--key-file', next()])).code).toBe(0)
  })

  it('encrypts the key of the owner too, so that the owner is not locked out [WRP-13]', async () => {
    const { code, err } = await change(keyFile, next())
    expect([code, err]).toEqual([0, expect.stringContaining('gateway.json')])
    expect([await opens(keyFile), await opens(next())]).toEqual([
      [false, false],
      [true, true],
    ])
    const path = join(machine.home, 'gateway.json')
    writeFileSync(path, JSON.stringify({ ...content(), vault: { file: 'vault', keyFile: next() } }), { mode: 0o600 })
    expect((await machine.procura(['revoke', '--agent', 'claude'])).code).toBe(0)
    expect((await machine.procura(['unwrap', config])).code).toBe(0)
  })

  it('changes both files or none, and finishes a change that was interrupted [WRP-13]', async () => {
    // The new key is missing: nothing is changed.
    expect((await change(keyFile, join(machine.folder, 'missing.key'))).code).toBe(2)
    expect(await opens(keyFile)).toEqual([true, true])
    // A process was killed after it had changed one of the files.
    await (await openFileVault({ path: vault, key: { keyFile } })).changeKey({ keyFile: next() })
    expect(await opens(next())).toEqual([true, false])
    expect((await change(keyFile, next())).code).toBe(0)
    expect(await opens(next())).toEqual([true, true])
    // Of an owner whose key opens with neither, the vault stays as it is.
    writeFileSync(owner, readFileSync(owner, 'utf8').replace(/"box":"..../, '"box":"AAAA'))
    const { code, err } = await change(next(), keyFile)
    expect([code, err]).toEqual([2, expect.stringContaining('owner.key')])
    expect((await opens(next()))[0]).toBe(true)
  })

  it('is found by doctor, and unwrap changes nothing, while the key of the owner has another key [WRP-44]', async () => {
    await (await openFileVault({ path: vault, key: { keyFile } })).changeKey({ keyFile: next() })
    const path = join(machine.home, 'gateway.json')
    writeFileSync(path, JSON.stringify({ ...content(), vault: { file: 'vault', keyFile: next() } }), { mode: 0o600 })
    const { code, out } = await machine.procura(['doctor'])
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/^FAULT\towner-key\t.*owner\.key.*procura vault change-key/m),
    ])
    const wrapped = readFileSync(config, 'utf8')
    expect((await machine.procura(['unwrap', config])).code).toBe(2)
    expect(readFileSync(config, 'utf8')).toBe(wrapped)
  })
})

describe('procura key rotate, for the owner of a gateway', () => {
  const rotate = (...more: string[]): ReturnType<Machine['procura']> =>
    machine.procura(['key', 'rotate', owner, '--key-file', keyFile, ...more])
  const didNow = async (): Promise<string> => (await openSignerFile({ path: owner, key: { keyFile } })).did

  it('moves the agents to the new key, and ends all that the former key can sign [WRP-44]', async () => {
    const former = await didNow()
    const copy = readFileSync(join(folder(), 'delegations'))
    const { code, out, err } = await rotate()
    const now = await didNow()
    expect([code, out, now === former]).toEqual([0, now, false])
    expect(err).toMatch(/1 delegation of 1 agent.*procura reload/s)
    expect(content().subjects).toEqual([now])
    expect(await held()).toMatchObject([{ issuer: now, command: '/mcp/mail' }])
    await open()
    expect(await called()).toBe('sent to bob')
    expect((await machine.procura(['doctor'])).out).not.toMatch(/FAULT\t(owner-key|delegations)/)
    // A copy of the former delegation, with the former subject, does not help.
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    const connection = JSON.parse(readFileSync(join(folder(), 'connect.json'), 'utf8'))
    expect(connection.subject).toBe(now)
    writeFileSync(join(folder(), 'connect.json'), JSON.stringify({ ...connection, subject: former }), { mode: 0o600 })
    expect(await called()).not.toBe('sent to bob')
  })

  it('is reported by `revoke --agent`, which does not reach what the former key has signed [CLI-25]', async () => {
    const before = await readGatewayConfig(join(machine.home, 'gateway.json'))
    const copy = readFileSync(join(folder(), 'delegations'))
    const connection = readFileSync(join(folder(), 'connect.json'))
    expect((await rotate()).code).toBe(0)
    // One that has not read gateway.json again.
    gateways.push(await openGateway({ config: before, onEvent: () => undefined }))
    const { err } = await machine.procura(['revoke', '--agent', 'claude', '--key-file', keyFile])
    expect(err).toMatch(/by a former key of the owner is not among them; .*procura reload/)
    // The gateway still acts for the former key, as the message says, and ends that at its next start.
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    writeFileSync(join(folder(), 'connect.json'), connection, { mode: 0o600 })
    expect(await called()).toBe('sent to bob')
    for (const gateway of gateways.splice(0)) await gateway.close()
    await open()
    expect(await called()).not.toBe('sent to bob')
  })

  it('gives no agent a delegation again that a narrower one has replaced [WRP-44]', async () => {
    const file = JSON.stringify({ mcpServers: { mail: mail() } })
    const [first, second] = [machine.write('.claude.json', file), machine.write('.cursor/mcp.json', file)]
    const wrap = (path: string, ...more: readonly string[]) =>
      machine.procura(['wrap', path, '--agent', 'claude', '--key-file', keyFile, ...more])
    expect((await wrap(first)).code).toBe(0)
    const server = (await held()).map(({ command }) => command).find((one) => one !== '/mcp/mail')
    expect((await wrap(second, '--policy', 'send: .to == bob')).code).toBe(0)
    const before = await held()
    expect(before.map(({ command }) => command).sort()).toEqual(['/mcp/mail', `${server}/send`])
    expect((await rotate()).code).toBe(0)
    expect((await held()).map(({ command }) => command).sort()).toEqual(['/mcp/mail', `${server}/send`])
  })

  it.each([
    ['a gateway has accepted the revocation', true],
    ['the revocation waits for a gateway', false],
  ])('gives no agent a revoked delegation again from a copy in its file, when %s [WRP-44]', async (_, isRunning) => {
    const path = join(folder(), 'delegations')
    const copy = readFileSync(path)
    if (isRunning) await open()
    expect((await machine.procura(['revoke', '--agent', 'claude'])).code).toBe(0)
    for (const gateway of gateways.splice(0)) await gateway.close()
    writeFileSync(path, copy, { mode: 0o600 })
    const { code, err } = await rotate()
    expect([code, await held()]).toEqual([0, []])
    expect(err).toContain('does not get 1 of its former delegations again')
  })

  it('changes nothing while a revocation is damaged, and the delegation would be given again [WRP-44] [GTW-65]', async () => {
    const before = await didNow()
    expect((await machine.procura(['revoke', '--agent', 'claude'])).code).toBe(0)
    const [name = ''] = readdirSync(join(machine.home, 'revocations'))
    const file = join(machine.home, 'revocations', name)
    const text = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      text.replace(/(?<=.{99})./, (one) => (one === 'A' ? 'B' : 'A')),
    )
    const { code, err } = await rotate()
    expect([code, await didNow()]).toEqual([2, before])
    expect(err).toMatch(/`.*\.ucan` is damaged; revoke again/)
    expect((await machine.procura(['revoke', '--agent', 'claude'])).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect((await rotate()).code).toBe(0)
  })

  it('can be followed by wrap, revoke --agent and unwrap [WRP-44]', async () => {
    await rotate()
    const second = machine.write('second.json', JSON.stringify({ mcpServers: { post: mail() } }))
    expect(await machine.procura(['wrap', second, '--client', 'claude', '--key-file', keyFile])).toMatchObject({
      code: 0,
    })
    const revoked = await machine.procura(['revoke', '--agent', 'claude', '--server', 'mail'])
    expect(revoked).toMatchObject({ code: 0, out: expect.stringContaining('/mcp/mail') })
    expect(await machine.procura(['unwrap', config, '--key-file', keyFile])).toMatchObject({ code: 0 })
    expect(existsSync(join(machine.home, 'wrapped')) && readdirSync(join(machine.home, 'wrapped'))).toHaveLength(1)
  })

  it('finishes a rotation that was interrupted, without another key [WRP-44]', async () => {
    const former = await didNow()
    await rotateSignerFile({ path: owner, key: { keyFile } })
    const now = await didNow()
    const fault = (await machine.procura(['doctor'])).out
    expect(fault).toMatch(/^FAULT\towner-key\t.*procura key rotate/m)
    const second = machine.write('second.json', JSON.stringify({ mcpServers: { post: mail() } }))
    const refused = await machine.procura(['wrap', second, '--client', 'claude', '--key-file', keyFile])
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('procura key rotate')])
    // Whatever the former key has signed can still be revoked.
    await open()
    expect(await called()).toBe('sent to bob')
    const revoked = await machine.procura(['revoke', '--agent', 'claude'])
    expect(revoked).toMatchObject({ code: 0, out: expect.stringContaining('/mcp/mail') })
    expect(await called()).not.toBe('sent to bob')
    expect([(await rotate()).code, await didNow(), content().subjects]).toEqual([0, now, [now]])
    expect(content().subjects).not.toContain(former)
  })

  it('keeps the former key, which can revoke what it gave [WRP-44]', async () => {
    const { code, err } = await rotate('--keep', '0')
    expect([code, err]).toEqual([2, expect.stringContaining('--keep')])
  })
})
