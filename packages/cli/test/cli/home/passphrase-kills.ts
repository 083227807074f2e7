import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FileKey, openFileVault } from 'procura/vault/file'
import { describe, expect, it } from 'vitest'
import { openOwnerKey } from '../../../src/cli/home/owner-key.ts'
import { passphraseOfVault } from '../../../src/gateway/configuration/vault-unlock.ts'
import { type FakeSecretTool, fakeSecretTool } from '../../support/fake-secret-tool.ts'
import { changesOf, type Ended, killedProgram } from '../../support/killed-program.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const [former, next] = ['canary the former passphrase', 'canary the next passphrase']

const nextFile = (machine: Machine): string => join(machine.folder, 'next.key')

/**
 * Kills changes of the key of a vault before their changes of the file system and their starts of `secret-tool`.
 *
 * @param isWhole - before every change. Otherwise before some.
 */
export function killsOfPassphrase(isWhole: boolean): void {
  const program = killedProgram()

  /** Runs a test with a home folder that each case finds as it was. */
  const withHome = async (
    source: 'keyring' | 'typed' | 'files',
    task: (machine: Machine & { readonly tool: FakeSecretTool; restore(): void }) => Promise<void>,
  ): Promise<void> => {
    const machine = newMachine()
    const tool = fakeSecretTool(machine.folder)
    const server = { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-1' } }
    const path = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: server } }))
    const env = source === 'typed' ? { PROCURA_VAULT_PASSPHRASE: former } : {}
    const words = ['wrap', path, ...(source === 'files' ? ['--key-file', machine.keyFile] : [])]
    expect((await machine.procura(words, { env, keyring: tool.keyring })).code).toBe(0)
    expect((await machine.procura(['vault', 'new-key', '--key-file', nextFile(machine)])).code).toBe(0)
    const saved = mkdtempSync(join(program.folder, 'saved-'))
    cpSync(machine.folder, saved, { recursive: true })
    const restore = (): void => {
      rmSync(machine.folder, { recursive: true })
      cpSync(saved, machine.folder, { recursive: true })
    }
    try {
      await task({ ...machine, tool, restore })
    } finally {
      rmSync(saved, { recursive: true })
      machine.remove()
    }
  }

  /** Whether a key opens the vault. One that does has to open the key of the owner. */
  const opens = async ({ home }: Machine, key: FileKey): Promise<boolean> => {
    const isOpen = await openFileVault({ path: join(home, 'vault'), key }).then(
      () => true,
      () => false,
    )
    if (isOpen) await openOwnerKey(join(home, 'owner.key'), key)
    return isOpen
  }

  interface Change {
    readonly words: readonly string[]
    readonly env: Readonly<Record<string, string>>
    /** The present key and the next one. */
    readonly keys: readonly [FileKey, FileKey]
  }

  const changes: readonly (readonly [string, 'typed' | 'files', (machine: Machine) => Change])[] = [
    [
      'vault change-key',
      'files',
      (machine: Machine) => ({
        words: [
          ...['vault', 'change-key', '--file', join(machine.home, 'vault')],
          ...['--key-file', machine.keyFile, '--new-key-file', nextFile(machine)],
        ],
        env: {},
        keys: [{ keyFile: machine.keyFile }, { keyFile: nextFile(machine) }],
      }),
    ],
    [
      'passphrase',
      'typed',
      () => ({
        words: ['passphrase'],
        env: { PROCURA_VAULT_PASSPHRASE: former, PROCURA_VAULT_NEW_PASSPHRASE: next },
        keys: [{ passphrase: former }, { passphrase: next }],
      }),
    ],
  ]

  // The two have the steps in common, and key files take no time to derive.
  describe.each(isWhole ? changes : changes.slice(0, 1))('procura %s', (_, source, changeOf) => {
    it(
      'that is killed leaves the vault and the key of the owner under one key, and can be repeated [WRP-60]',
      async () => {
        await withHome(source, async (machine) => {
          const { words, env, keys } = changeOf(machine)
          const [old, young] = keys
          const files = readdirSync(machine.home)
          const whole = await program.start(machine, 0, words, { env })
          expect([whole.code, whole.err]).toEqual([0, expect.stringMatching(/with the (former one|new key too)/)])
          const all = changesOf(whole)
          const seen = new Set<boolean>()
          for (const at of isWhole ? all : [1, ...all.slice(-7, -3)]) {
            machine.restore()
            const ended = await program.start(machine, at, words, { env })
            expect([at, ended.err]).toEqual([at, expect.not.stringContaining('canary')])
            const isNew = await opens(machine, young)
            expect([at, await opens(machine, old)]).toEqual([at, !isNew])
            seen.add(isNew)
            const isBegun = existsSync(join(machine.home, 'owner.key.next'))
            const again = await program.start(machine, 0, words, { env })
            // One that was killed at its end leaves nothing to be finished.
            const isDone = source === 'typed' && isNew && !isBegun
            expect([at, again.code]).toEqual([at, isDone ? 2 : 0])
            expect([at, await opens(machine, young)]).toEqual([at, true])
            expect([at, readdirSync(machine.home).filter((name) => !files.includes(name))]).toEqual([
              at,
              expect.not.arrayContaining(['owner.key.next']),
            ])
          }
          expect(seen.size).toBe(2)
        })
      },
      isWhole ? 3_600_000 : 120_000,
    )

    it(
      'that is killed is finished or taken back by the next command that changes the home folder [WRP-60]',
      async () => {
        await withHome(source, async (machine) => {
          const { words, env, keys } = changeOf(machine)
          const [old, young] = keys
          const all = changesOf(await program.start(machine, 0, words, { env }))
          for (const at of isWhole ? all : all.slice(-6, -5)) {
            machine.restore()
            await program.start(machine, at, words, { env })
            const key = (await opens(machine, young)) ? young : old
            const { code, err } = await renew(machine, key)
            expect([at, code, err]).toEqual([at, 0, expect.not.stringContaining('not finished')])
            expect([at, existsSync(join(machine.home, 'owner.key.next'))]).toEqual([at, false])
            expect([at, await opens(machine, key)]).toEqual([at, true])
          }
        })
      },
      isWhole ? 3_600_000 : 120_000,
    )
  })

  /** A verb that changes the home folder, with a key of the vault. */
  const renew = async (machine: Machine, key: FileKey): Promise<Ended> => {
    const words = ['renew', 'claude', '--expires-in', '60d']
    if (!('keyFile' in key))
      return program.start(machine, 0, words, { env: { PROCURA_VAULT_PASSPHRASE: Object(key).passphrase } })
    const path = join(machine.home, 'gateway.json')
    const content = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...content, vault: { file: 'vault', keyFile: key.keyFile } }))
    return program.start(machine, 0, words)
  }

  describe('procura passphrase', () => {
    it(
      'that is killed leaves a keyring whose passphrase opens both [WRP-62]',
      async () => {
        await withHome('keyring', async (machine) => {
          const [before = ''] = machine.tool.entries()
          const whole = await program.start(machine, 0, ['passphrase'])
          expect(whole.code).toBe(0)
          const starts = whole.out.split(' ').slice(1).map(Number)
          const seen = new Set<boolean>()
          // Otherwise only after the vault was changed, and before the entry is replaced.
          for (const at of isWhole ? changesOf(whole) : starts.slice(-3, -2)) {
            machine.restore()
            const { err } = await program.start(machine, at, ['passphrase'])
            expect([at, err]).toEqual([at, expect.not.stringContaining(before)])
            const unlock = { keyring: machine.home, vault: join(machine.home, 'vault') }
            const passphrase = await passphraseOfVault(unlock, machine.env, machine.tool.keyring)
            expect([at, await opens(machine, { passphrase })]).toEqual([at, true])
            seen.add(passphrase === before)
            const { code: after, err: said } = await program.start(machine, 0, ['renew', 'claude'])
            expect([at, after, said]).toEqual([at, 0, expect.not.stringContaining('not finished')])
            expect([at, machine.tool.entries()]).toEqual([at, [passphrase]])
            expect([at, existsSync(join(machine.home, 'owner.key.next'))]).toEqual([at, false])
          }
          expect(seen).toEqual(new Set(isWhole ? [true, false] : [false]))
        })
      },
      isWhole ? 3_600_000 : 120_000,
    )
  })
}
