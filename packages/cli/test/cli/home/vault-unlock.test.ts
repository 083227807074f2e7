import { chmodSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openFileVault } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Keyring } from '../../../src/support/keyring.ts'
import { makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const passphrase = 'canary correct horse battery'

let machine: Machine
let config: string

beforeEach(async () => {
  machine = newMachine()
  const mail = { command: process.execPath, args: ['/opt/mail.mjs'], env: { MAIL_KEY: 'canary-of-mail-1' } }
  config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail } }))
  const { code, err } = await machine.procura(['wrap', config], { env: { PROCURA_VAULT_PASSPHRASE: passphrase } })
  expect(code, err).toBe(0)
})

afterEach(() => machine.remove())

const file = (): string => join(machine.home, 'gateway.json')
const read = (): Record<string, Record<string, unknown>> => JSON.parse(readFileSync(file(), 'utf8'))

function setUnlock(unlock: object, more: object = {}): void {
  const content = read()
  writeFileSync(file(), JSON.stringify({ ...content, vault: { ...content['vault'], ...more, unlock } }))
}

/** A program that prints the passphrase, and fails where one is in its environment. */
const printing = [
  process.execPath,
  '-e',
  `if (Object.keys(process.env).some((name) => /PROCURA_.*PASSPHRASE/.test(name))) process.exit(9)
  console.log(${JSON.stringify(passphrase)})`,
]

/** A keyring with some entries. */
function keyringWith(entries: Readonly<Record<string, string>>): Keyring {
  const stored = new Map(Object.entries(entries))
  return {
    answers: async () => true,
    lookUp: async (folder) => stored.get(folder),
    store: async (folder, text) => void stored.set(folder, text),
    remove: async (folder) => void stored.delete(folder),
    storeCommand: (folder) => `secret-tool store --label=x procura vault home ${folder}`,
    showCommand: (folder) => `secret-tool lookup procura vault home ${folder}`,
  }
}

/** The verbs that open the vault or the key of the owner, with the end of the arrangement as the last. */
const verbs = (): readonly (readonly string[])[] => [
  ['doctor', '--json'],
  ['vault', 'list', '--file', join(machine.home, 'vault')],
  ['wrap', config, '--dry-run'],
  ['delegate', '--from', join(machine.home, 'owner.key'), '--to', 'claude', '--command', '/mcp/mail/send'],
  ['key', 'rotate', join(machine.home, 'owner.key')],
  ['revoke', '--agent', 'claude'],
  ['unwrap', config],
]

const said = ({ out, err }: CliResult): string => `${out}\n${err}`

describe('vault.unlock', () => {
  it('GTW-77 opens the vault and the key of the owner for every verb with a command, which gets no passphrase', async () => {
    setUnlock({ command: printing })
    for (const words of verbs()) {
      const result = await machine.procura(words, { env: { PROCURA_KEY_PASSPHRASE: '' } })
      expect(result.code, `${words.join(' ')}: ${said(result)}`).toBeLessThan(words[0] === 'doctor' ? 2 : 1)
      expect(said(result)).not.toMatch(/passphrase of|not shown|canary/)
    }
  })

  it('GTW-77 opens them from the keyring, by the real path of the home folder', async () => {
    setUnlock({ keyring: true })
    const keyring = keyringWith({ [realpathSync(machine.home)]: passphrase })
    for (const words of verbs()) {
      const result = await machine.procura(words, { keyring, typed: [] })
      expect(result.code, `${words.join(' ')}: ${said(result)}`).toBeLessThan(words[0] === 'doctor' ? 2 : 1)
    }
  })

  it('GTW-77 names the command that stores a passphrase which is missing or wrong in the keyring', async () => {
    setUnlock({ keyring: true })
    const home = realpathSync(machine.home)
    for (const entries of [{}, { [home]: 'another passphrase' }]) {
      const { code, err } = await machine.procura(['revoke', '--agent', 'claude'], {
        keyring: keyringWith(entries as Record<string, string>),
        typed: [passphrase],
      })
      expect(code).toBe(2)
      expect(err).toMatch(/^procura: the key(ring has no| or passphrase is not the one of)/)
      expect(err).toContain(`store it with \`secret-tool store --label=x procura vault home ${home}\``)
      expect(err).not.toContain('not shown')
    }
  })

  it('GTW-77 gives way to a passphrase in the environment, and is no reason to take another one', async () => {
    setUnlock({ keyring: true })
    const env = { PROCURA_VAULT_PASSPHRASE: passphrase }
    expect(await machine.procura(['revoke', '--agent', 'claude'], { env, keyring: keyringWith({}) })).toMatchObject({
      code: 0,
    })
    const words = ['vault', 'change-key', '--file', join(machine.home, 'vault')]
    const next = { ...env, PROCURA_VAULT_NEW_PASSPHRASE: 'the next passphrase' }
    const { code, err } = await machine.procura(words, { env: next })
    expect(code).toBe(2)
    expect(err).toContain('`vault.unlock` of gateway.json would go on with the former passphrase')
    await openFileVault({ path: join(machine.home, 'vault'), key: { passphrase } })
  })

  it('GTW-77 has exactly one source, and no key file beside it', async () => {
    const faultOf = async (unlock: object, more: object = {}): Promise<string> => {
      setUnlock(unlock, more)
      return (await machine.procura(['tools', 'list'])).err
    }
    expect(await faultOf({})).toContain('`vault.unlock` must have exactly one of')
    expect(await faultOf({ keyring: true, credential: 'a' })).toContain('`vault.unlock` must have exactly one of')
    expect(await faultOf({ keyring: false })).toContain('`vault.unlock.keyring` must be true')
    expect(await faultOf({ command: [] })).toContain('must be a non-empty list')
    expect(await faultOf({ credential: '../key' })).toContain('`vault.unlock.credential` must be a name')
    expect(await faultOf({ keyring: true }, { keyFile: 'k' })).toContain('`vault` must not have both')
  })

  it('GTW-77 opens the vault of a gateway that a program starts', async () => {
    const gateway = await makeGatewayHome()
    await gateway.vault.changeKey({ passphrase })
    gateway.configure((content) => {
      content['vault'] = { file: 'vault', unlock: { command: printing } }
    })
    await (await gateway.open()).close()
    await gateway.remove()
  })

  it('GTW-79 reads a credential of systemd that belongs to root or this user, is short, and for nobody else', async () => {
    setUnlock({ credential: 'procura-vault' })
    const folder = join(machine.folder, 'credentials')
    mkdirSync(folder)
    const path = join(folder, 'procura-vault')
    const env = { CREDENTIALS_DIRECTORY: folder }
    const list = (more: Record<string, string> = env): Promise<CliResult> =>
      machine.procura(['vault', 'list', '--file', join(machine.home, 'vault')], { env: more })
    expect((await list({})).err).toContain('is not there, because CREDENTIALS_DIRECTORY is not set')
    expect((await list()).err).toContain('could not be opened (ENOENT); the unit of systemd must have it')
    writeFileSync(path, `${passphrase}\n`, { mode: 0o440 })
    expect((await list()).code).toBe(0)
    chmodSync(path, 0o644)
    expect((await list()).err).toContain('is accessible to other users')
    chmodSync(path, 0o600)
    writeFileSync(path, 'x'.repeat(5_000))
    expect((await list()).err).toContain('has more than 4096 bytes')
    writeFileSync(path, 'two\nlines\n')
    expect((await list()).err).toContain('must be one line of text')
    symlinkSync(path, join(folder, 'link'))
    setUnlock({ credential: 'link' })
    expect((await list()).err).toContain('could not be opened (ELOOP)')
  })
})
