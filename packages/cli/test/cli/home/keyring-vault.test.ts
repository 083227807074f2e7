import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openFileVault } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeSecretTool, fakeSecretTool } from '../../support/fake-secret-tool.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const typed = 'canary that a person types'

const mcp = JSON.stringify({
  mcpServers: { mail: { command: process.execPath, args: ['/opt/mail.mjs'], env: { MAIL_KEY: 'canary-of-mail-1' } } },
})

let machine: Machine
let tool: FakeSecretTool
let config: string

beforeEach(() => {
  machine = newMachine()
  tool = fakeSecretTool(machine.folder)
  config = machine.write('.mcp.json', mcp)
})

afterEach(() => machine.remove())

/** Runs a verb at a terminal, where a person types these lines. */
const run = (words: readonly string[], answers: readonly string[] = []): Promise<CliResult> =>
  machine.procura(words, { keyring: tool.keyring, typed: answers })

const vaultOf = (): Record<string, unknown> =>
  JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))['vault']

const opensWith = (passphrase: string): Promise<unknown> =>
  openFileVault({ path: join(machine.home, 'vault'), key: { passphrase } })

describe('the vault of a new home folder', () => {
  it('WRP-70 gets a random passphrase in the keyring, and no verb asks for it', async () => {
    const { code, err } = await run(['wrap', config])
    expect(code, err).toBe(0)
    expect(err).not.toContain('not shown')
    expect(err).toContain(`\`secret-tool lookup procura vault home ${machine.home}\` prints in a safe place`)
    expect(vaultOf()).toEqual({ file: 'vault', unlock: { keyring: true } })
    const [passphrase = '', ...others] = tool.entries()
    expect([others, passphrase]).toEqual([[], expect.stringMatching(/^[\w-]{43}$/)])
    await opensWith(passphrase)
    for (const words of [
      ['vault', 'list', '--file', join(machine.home, 'vault')],
      ['unwrap', config],
    ])
      expect(await run(words)).toMatchObject({ code: 0, err: expect.not.stringContaining('not shown') })
    expect([err, ...tool.calls()].join('\n')).not.toContain(passphrase)
  })

  it('WRP-70 gets one from `api add` too, with nobody at a terminal', async () => {
    const words = ['api', 'add', 'crm', 'https://crm.example', '--bearer', '--agent', 'claude']
    const { code, err } = await machine.procura(words, { keyring: tool.keyring })
    expect([code, err]).toEqual([2, expect.stringContaining('in the keyring')])
    expect(tool.entries()).toHaveLength(1)
    expect((await run(words, ['canary-of-crm'])).code).toBe(0)
    expect(vaultOf()).toEqual({ file: 'vault', unlock: { keyring: true } })
    expect(tool.entries()).toHaveLength(1)
  })

  it('WRP-70 asks for one with --ask-passphrase, and uses no keyring where another key is given', async () => {
    const { code, err } = await run(['wrap', config, '--ask-passphrase'], [typed, typed])
    expect([code, err]).toEqual([0, expect.stringContaining('new passphrase of the vault')])
    expect(vaultOf()).toEqual({ file: 'vault' })
    await opensWith(typed)
    expect((await run(['wrap', config, '--ask-passphrase'], [typed])).code).toBe(0)
    const other = machine.write(
      'other/.mcp.json',
      '{"mcpServers":{"a":{"command":"node","env":{"A_KEY":"canary-of-a"}}}}',
    )
    expect((await run(['wrap', other, '--ask-passphrase'], [typed])).err).toContain(
      '--ask-passphrase is for a new vault',
    )
    rmSync(machine.home, { recursive: true })
    const both = ['wrap', other, '--ask-passphrase', '--key-file', machine.keyFile]
    expect((await run(both)).err).toContain('the passphrase or key is named elsewhere; leave it out')
    expect((await run(['wrap', other, '--key-file', machine.keyFile])).code).toBe(0)
    expect(vaultOf()).toEqual({ file: 'vault', keyFile: machine.keyFile })
    expect(tool.calls()).toEqual([])
  })

  it('WRP-70 asks for one where the keyring does not answer, does not store it, or stores another one', async () => {
    for (const way of ['silent', 'locked', 'forgetful'] as const) {
      tool.forget()
      tool.fail(way)
      const { code, err } = await run(['wrap', config], [typed, typed])
      expect([way, code, err]).toEqual([way, 0, expect.stringContaining('new passphrase of the vault')])
      if (way !== 'silent') expect(err).toMatch(/the keyring (did not store|has another passphrase)/)
      expect(vaultOf()).toEqual({ file: 'vault' })
      await opensWith(typed)
      rmSync(machine.home, { recursive: true })
      config = machine.write('.mcp.json', mcp)
    }
  })

  it('WRP-70 is not made without a terminal where the keyring stores nothing', async () => {
    tool.fail('locked')
    const { code, err } = await machine.procura(['wrap', config], { keyring: tool.keyring })
    expect(code).toBe(2)
    expect(err).toMatch(/the keyring did not store the passphrase.*\n.*the vault needs a key: set PROCURA_VAULT/)
    expect(existsSync(join(machine.home, 'vault'))).toBe(false)
  })

  it('WRP-70 uses the entry that the keyring has for the folder, because a former vault may need it', async () => {
    mkdirSync(machine.home, { recursive: true, mode: 0o700 })
    await tool.keyring.store(machine.home, typed)
    expect((await run(['wrap', config])).code).toBe(0)
    expect(tool.entries()).toEqual([typed])
    await opensWith(typed)
  })

  it('WRP-70 is as a dry run says, which stores nothing', async () => {
    const { code, err } = await run(['wrap', config, '--dry-run'])
    expect([code, err]).toEqual([0, expect.not.stringContaining('not checked')])
    expect(tool.entries()).toEqual([])
    expect(existsSync(machine.home)).toBe(false)
  })

  describe('that a killed run left without `gateway.json`', () => {
    const killed = async (entry: string, passphrase: string): Promise<void> => {
      mkdirSync(machine.home, { recursive: true, mode: 0o700 })
      await tool.keyring.store(machine.home, entry)
      await openFileVault({ path: join(machine.home, 'vault'), key: { passphrase }, create: true })
    }

    it('WRP-70 opens with the keyring, if the entry is right', async () => {
      await killed(typed, typed)
      const dry = await run(['wrap', config, '--dry-run'])
      expect(dry).toMatchObject({ code: 0, err: expect.not.stringMatching(/not checked/) })
      const { code, err } = await run(['wrap', config])
      expect([code, err]).toEqual([0, expect.not.stringMatching(/not shown|keep a copy/)])
      expect(vaultOf()).toEqual({ file: 'vault', unlock: { keyring: true } })
    })

    it('WRP-70 opens with a typed passphrase, if the entry is another one', async () => {
      await killed('another passphrase', typed)
      expect((await run(['wrap', config], [typed])).err).toContain('passphrase of the vault (it is not shown)')
      expect(vaultOf()).toEqual({ file: 'vault' })
    })
  })
})
