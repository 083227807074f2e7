import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError } from 'procura/errors'
import { openSignerFile } from 'procura/signer/file'
import { openFileVault } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holdGateway } from '../../../src/cli/gateway/lock-gateway.ts'
import type { Keyring } from '../../../src/support/keyring.ts'
import { type FakeSecretTool, fakeSecretTool } from '../../support/fake-secret-tool.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const [former, next] = ['canary the former passphrase', 'canary the next passphrase']

let machine: Machine
let tool: FakeSecretTool
let config: string

beforeEach(() => {
  machine = newMachine()
  tool = fakeSecretTool(machine.folder)
  const server = { command: process.execPath, args: ['/opt/mail.mjs'], env: { MAIL_KEY: 'canary-of-mail-1' } }
  config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: server } }))
})

afterEach(() => machine.remove())

async function wrapped(...more: readonly string[]): Promise<void> {
  const env = more.length === 0 ? { PROCURA_VAULT_PASSPHRASE: former } : {}
  const { code, err } = await machine.procura(['wrap', config, ...more], { env, keyring: tool.keyring })
  expect(code, err).toBe(0)
}

const change = (
  typed?: readonly string[],
  env: Readonly<Record<string, string>> = {},
  ...more: readonly string[]
): Promise<CliResult> =>
  machine.procura(['passphrase', ...more], { env, keyring: tool.keyring, ...(typed !== undefined && { typed }) })

/** Both open with a passphrase. */
async function open(passphrase: string): Promise<void> {
  await openFileVault({ path: join(machine.home, 'vault'), key: { passphrase } })
  await openSignerFile({ path: join(machine.home, 'owner.key'), key: { passphrase } })
}

const gatewayFile = (): string => join(machine.home, 'gateway.json')

function setVault(vault: object): void {
  const content = JSON.parse(readFileSync(gatewayFile(), 'utf8'))
  writeFileSync(gatewayFile(), JSON.stringify({ ...content, vault: { file: 'vault', ...vault } }))
}

/** The files that a passphrase opens. */
const bytes = (): readonly Buffer[] => ['vault', 'owner.key'].map((name) => readFileSync(join(machine.home, name)))

describe('procura passphrase', () => {
  it('asks for the present one and twice for the next, and changes both files [CLI-40] [WRP-60]', async () => {
    await wrapped()
    const before = readdirSync(machine.home).toSorted()
    const { code, out, err } = await change([former, next, next])
    expect([code, out]).toEqual([0, 'the vault and the key of the owner have a new passphrase'])
    expect(err.split('\n')).toEqual([
      'passphrase of the vault (it is not shown): ',
      'new passphrase of the vault, at least 8 characters (it is not shown): ',
      'the same passphrase again: ',
      'a copy of their files, such as a backup, still opens with the former one',
    ])
    await open(next)
    await expect(open(former)).rejects.toThrow()
    const folders = ['owner.key.next', '.new-']
    expect(readdirSync(machine.home).filter((name) => folders.some((one) => name.startsWith(one)))).toEqual([])
    expect(readdirSync(machine.home).toSorted()).toEqual(expect.arrayContaining(before))
  })

  it('takes both from the environment, and reports facts as JSON [CLI-40]', async () => {
    await wrapped()
    const env = { PROCURA_VAULT_PASSPHRASE: former, PROCURA_VAULT_NEW_PASSPHRASE: next }
    const { code, out } = await change(undefined, env, '--json')
    expect([code, JSON.parse(out)]).toEqual([0, { changed: true, keyring: false }])
    await open(next)
  })

  it('changes nothing where an answer is wrong, short, different, the same or missing [CLI-40]', async () => {
    await wrapped()
    const before = bytes()
    const faults: readonly (readonly [readonly string[] | undefined, string, Record<string, string>?])[] = [
      [['canary another one'], 'the key or passphrase is not the one of'],
      [[former, 'short'], 'must have at least 8 characters; nothing is written'],
      [[former, next, former], 'the two passphrases differ; nothing is written'],
      [[former, former, former], 'the new passphrase is the present one; nothing is written'],
      [[former], 'the input was interrupted; nothing is written'],
      [undefined, 'the vault needs a key: set PROCURA_VAULT_PASSPHRASE'],
      [undefined, 'set PROCURA_VAULT_NEW_PASSPHRASE, or run this at a terminal', { PROCURA_VAULT_PASSPHRASE: former }],
    ]
    for (const [typed, fault, env] of faults) {
      const { code, out, err } = await change(typed, env)
      expect([fault, code, out, err]).toEqual([fault, 2, '', expect.stringContaining(fault)])
      expect(err).not.toContain('canary')
    }
    const word = await change([], {}, 'hunter-canary')
    expect([word.code, word.err]).toEqual([2, expect.stringContaining('is never a word of a command')])
    expect(word.err).not.toContain('canary')
    expect(bytes()).toEqual(before)
    expect(existsSync(join(machine.home, 'owner.key.next'))).toBe(false)
  })

  it('changes nothing while the gateway runs, and so does change-key [WRP-61]', async () => {
    await wrapped('--key-file', machine.keyFile)
    const held = await holdGateway(join(machine.home, 'state.db'))
    if (!('lock' in held)) throw new Error('a gateway runs')
    setVault({})
    const before = bytes()
    const { code, err } = await change([former, next, next])
    expect([code, err]).toEqual([
      2,
      `procura: the gateway runs (process ${process.pid}), and would go on with the former key; run \`procura stop\`, then \`procura passphrase\`, then \`procura start\``,
    ])
    const file = join(machine.home, 'vault')
    const words = ['vault', 'change-key', '--file', file, '--key-file', machine.keyFile, '--new-key-file']
    const other = join(machine.folder, 'other.key')
    expect((await machine.procura(['vault', 'new-key', '--key-file', other])).code).toBe(0)
    expect((await machine.procura([...words, other])).err).toContain('then this again, then `procura start`')
    expect(bytes()).toEqual(before)
    held.lock.release()
    expect((await machine.procura([...words, other])).code).toBe(0)
  })

  it('gives a keyring a random one in the place of the former, which no program shows [WRP-62]', async () => {
    await wrapped('--expires-in', '30d')
    const [before = ''] = tool.entries()
    const { code, err } = await change([])
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/keep a copy of what `secret-tool lookup procura vault home /),
    ])
    const [passphrase = '', ...others] = tool.entries()
    expect([others, passphrase]).toEqual([[], expect.stringMatching(/^[\w-]{43}$/)])
    expect(passphrase).not.toBe(before)
    await open(passphrase)
    expect([err, ...tool.calls()].join('\n')).not.toContain(passphrase)
    expect((await machine.procura(['renew', 'claude'], { keyring: tool.keyring })).code).toBe(0)
  })

  it('changes nothing where the keyring does not store the next one, or stores another [WRP-62]', async () => {
    await wrapped('--expires-in', '30d')
    const [entries, before] = [tool.entries(), bytes()]
    for (const way of ['locked', 'forgetful'] as const) {
      tool.fail(way)
      const { code, err } = await change([])
      expect([way, code, err]).toEqual([way, 2, expect.stringMatching(/the keyring (did not store|has another)/)])
      expect(bytes()).toEqual(before)
      tool.fail(undefined)
      expect(existsSync(join(machine.home, 'owner.key.next'))).toBe(false)
      expect(tool.entries()).toEqual(entries)
    }
  })

  it('that is not finished recommends no copy of the former one [WRP-62]', async () => {
    await wrapped('--expires-in', '30d')
    // It has taken the next one, and does not answer any more.
    let isStored = false
    const keyring: Keyring = {
      ...tool.keyring,
      async store(folder, passphrase) {
        if (isStored) throw new ArgumentError('the keyring is locked')
        await tool.keyring.store(folder, passphrase)
        isStored = true
      },
    }
    const { code, err } = await machine.procura(['passphrase'], { keyring })
    expect([code, err]).toEqual([0, expect.stringContaining('not finished: the keyring is locked')])
    expect(err).not.toContain('secret-tool')
    expect((await machine.procura(['renew', 'claude'], { keyring: tool.keyring })).code).toBe(0)
    const [passphrase = '', ...others] = tool.entries()
    expect(others).toEqual([])
    await open(passphrase)
  })

  it('names the steps where a key file, a command or a credential opens the vault [CLI-40]', async () => {
    await wrapped('--key-file', machine.keyFile)
    const file = await change([])
    const [vault, key] = [join(machine.home, 'vault'), machine.keyFile]
    expect([file.code, file.err]).toEqual([
      2,
      expect.stringContaining(
        `run \`procura vault change-key --file ${vault} --key-file ${key} --new-key-file ${key}.next\``,
      ),
    ])
    for (const [unlock, source] of [
      [{ command: ['pass', 'procura'] }, 'the command in `vault.unlock`'],
      [{ credential: 'procura-vault' }, 'the credential procura-vault in `vault.unlock`'],
    ] as const) {
      setVault({ unlock })
      const { code, err } = await change([])
      expect([code, err]).toEqual([2, expect.stringContaining(`${source} of gateway.json has the passphrase`)])
      expect(err).toContain('remove `unlock` there, run `procura passphrase`, give the new one to')
    }
  })
})
