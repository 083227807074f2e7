import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFileVault, revealCredentials } from 'procura/vault/file'
import { describe, expect, it } from 'vitest'
import { type FakeSecretTool, fakeSecretTool } from '../../support/fake-secret-tool.ts'
import { changesOf, type Ended, killedProgram } from '../../support/killed-program.ts'
import { type Machine, newMachine } from './set-up.ts'

const config = `{
  // The mail of the team.
  "mcpServers": {
    "mail": { "command": "node", "args": ["mail.mjs"], "env": { "MAIL_KEY": "canary-1", }, },
    "crm": { "type": "http", "url": "https://crm.example/mcp", "headers": { "X-Api-Key": "canary-2" } },
  },
}
`

/** The secrets of the servers. The record of what was issued stays until a gateway has accepted the revocations. */
async function secretsOf(machine: Machine): Promise<readonly string[]> {
  const found = await revealCredentials({
    path: join(machine.home, 'vault'),
    key: { keyFile: machine.keyFile },
  })
  return [...found].filter(([name]) => !name.startsWith('procura-wrap/issued-')).map(([, secret]) => secret.reveal())
}

/** The lock is renewed while it is held, so a faster run has fewer changes, and may end before the last one. */
function expectKilled({ signal, code }: Ended): void {
  expect([signal, code]).toEqual(signal === null ? [null, 0] : ['SIGKILL', null])
}

/** Some changes of a run: every one of `step`, and the last ones. */
const every = (step: number, all: readonly number[]): readonly number[] =>
  all.filter((at) => at % step === 1 % step || at > all.length - 2)

/** Runs the cases two at a time. */
async function each(cases: readonly number[], run: (one: number) => Promise<void>): Promise<void> {
  const left = [...cases]
  const work = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await run(one)
  }
  await Promise.all([work(), work()])
}

/**
 * Kills `wrap` and `unwrap` before their changes of the file system, and runs them again.
 *
 * @param step - 1 for every change.
 */
export function killsOfWrap(step: number): void {
  // Each kill takes several starts of the program.
  const timeoutMs = step === 1 ? 3_600_000 : 600_000

  const { start } = killedProgram()

  describe('a process that is killed', () => {
    it(
      'in the middle of wrap leaves the old arrangement or the new one, and the next run finishes [WRP-08]',
      async () => {
        const words = (machine: Machine): string[] => [
          'wrap',
          join(machine.folder, '.mcp.json'),
          '--key-file',
          join(machine.folder, 'vault.key'),
        ]
        const whole = newMachine()
        whole.write('.mcp.json', config)
        const done = await start(whole, 0, words(whole))
        expect([done.code, done.err]).toEqual([0, expect.stringContaining('into the vault')])
        const wrapped = readFileSync(join(whole.folder, '.mcp.json'), 'utf8').replaceAll(whole.folder, '')
        whole.remove()
        await each(every(step, changesOf(done)), async (at) => {
          const machine = newMachine()
          const path = machine.write('.mcp.json', config)
          expectKilled(await start(machine, at, words(machine)))
          const now = readFileSync(path, 'utf8')
          if (now !== config) {
            expect(now.replaceAll(machine.folder, '')).toBe(wrapped)
            // The new arrangement is complete.
            expect(await secretsOf(machine)).toEqual(expect.arrayContaining(['canary-1', 'canary-2']))
            expect(readdirSync(join(machine.home, 'agents', 'claude'))).toEqual(
              expect.arrayContaining(['agent.key', 'connect.json', 'delegations']),
            )
          }
          const again = await start(machine, 0, words(machine))
          expect([at, again.code, again.err]).toEqual([at, 0, expect.stringMatching(/behind the gateway/)])
          expect(readFileSync(path, 'utf8').replaceAll(machine.folder, '')).toBe(wrapped)
          expect((await secretsOf(machine)).filter((one) => one.startsWith('canary'))).toEqual(['canary-1', 'canary-2'])
          expect(readdirSync(machine.folder).filter((name) => name.includes('procura-'))).toEqual([])
          expect((await start(machine, 0, ['unwrap', ...words(machine).slice(1)])).code).toBe(0)
          expect(readFileSync(path, 'utf8')).toBe(config)
          machine.remove()
        })
      },
      timeoutMs,
    )

    it(
      'in the middle of unwrap leaves the old arrangement or the new one, and the next run finishes [WRP-08]',
      async () => {
        const template = newMachine()
        const path = template.write('.mcp.json', config)
        const words = ['unwrap', path, '--key-file', join(template.folder, 'vault.key')]
        await template.procura(['wrap', ...words.slice(1)])
        const wrapped = readFileSync(path, 'utf8')
        const saved = mkdtempSync(join(tmpdir(), 'procura-saved-'))
        cpSync(template.folder, saved, { recursive: true })
        const done = await start(template, 0, words)
        expect(readFileSync(path, 'utf8')).toBe(config)
        for (const at of every(step, changesOf(done))) {
          rmSync(template.folder, { recursive: true })
          cpSync(saved, template.folder, { recursive: true })
          expectKilled(await start(template, at, words))
          const now = readFileSync(path, 'utf8')
          expect([config, wrapped]).toContain(now)
          if (now === wrapped)
            expect(await secretsOf(template)).toEqual(expect.arrayContaining(['canary-1', 'canary-2']))
          expect([at, (await start(template, 0, words)).code]).toEqual([at, 0])
          expect(readFileSync(path, 'utf8')).toBe(config)
          expect(await secretsOf(template)).toEqual([])
          expect(JSON.parse(readFileSync(join(template.home, 'gateway.json'), 'utf8')).servers).toEqual({})
          expect(readdirSync(template.folder).filter((name) => name.includes('procura-'))).toEqual([])
        }
        rmSync(saved, { recursive: true })
        template.remove()
      },
      timeoutMs,
    )
  })

  describe('a process that is killed', () => {
    it(
      'in the middle of wrap with a keyring leaves no vault whose passphrase is lost [WRP-70]',
      async () => {
        const newUser = (): Machine & { readonly tool: FakeSecretTool } => {
          const machine = newMachine()
          machine.write('.mcp.json', config)
          return { ...machine, tool: fakeSecretTool(machine.folder) }
        }
        const words = (machine: Machine): string[] => ['wrap', join(machine.folder, '.mcp.json')]
        const whole = newUser()
        const done = await start(whole, 0, words(whole))
        expect([done.code, done.err]).toEqual([
          0,
          expect.stringContaining('the passphrase of the vault is in the keyring'),
        ])
        const starts = done.out.split(' ').slice(1).map(Number)
        expect(starts.length).toBeGreaterThan(3)
        whole.remove()
        const last = starts.at(-1) ?? 0
        const cases = new Set([...starts, last + 2, last + 8, ...(step === 1 ? changesOf(done) : [])])
        await each([...cases], async (at) => {
          const machine = newUser()
          expectKilled(await start(machine, at, words(machine)))
          const [before = ''] = machine.tool.entries()
          const vault = join(machine.home, 'vault')
          if (existsSync(vault)) await openFileVault({ path: vault, key: { passphrase: before } })
          const again = await start(machine, 0, words(machine))
          expect([at, again.code, again.err]).toEqual([at, 0, expect.stringMatching(/behind the gateway/)])
          if (before !== '') expect(machine.tool.entries()).toEqual([before])
          machine.remove()
        })
      },
      timeoutMs,
    )
  })

  describe('a disk that is full', () => {
    it(
      'in the middle of wrap or unwrap leaves the old arrangement or the new one, and the next run finishes [WRP-08]',
      async () => {
        const words = (machine: Machine): string[] => [
          join(machine.folder, '.mcp.json'),
          '--key-file',
          join(machine.folder, 'vault.key'),
        ]
        const whole = newMachine()
        whole.write('.mcp.json', config)
        const counts = [
          await start(whole, 0, ['wrap', ...words(whole)]),
          await start(whole, 0, ['unwrap', ...words(whole)]),
        ]
        whole.remove()
        const [first = [], second = []] = counts.map(changesOf)
        await each(every(step, first.length > second.length ? first : second), async (at) => {
          const machine = newMachine()
          const path = machine.write('.mcp.json', config)
          for (const verb of ['wrap', 'unwrap']) {
            const before = readFileSync(path, 'utf8')
            const full = await start(machine, `full-${at}`, [verb, ...words(machine)])
            const now = readFileSync(path, 'utf8')
            // A removal of what is no longer needed may fail later, and is left to the next run.
            if (full.code !== 0)
              expect([at, full.code, full.err]).toEqual([at, 2, expect.stringMatching(/ENOSPC|could not be/)])
            expect([at, full.signal]).toEqual([at, null])
            expect(readdirSync(machine.folder).filter((name) => name.includes('procura-'))).toEqual([])
            expect(full.err).not.toContain('canary-')
            const next = await start(machine, 0, [verb, ...words(machine)])
            expect([at, verb, next.code]).toEqual([at, verb, 0])
            const done = readFileSync(path, 'utf8')
            expect([before, done]).toContain(now)
            expect(done === config).toBe(verb === 'unwrap')
            if (verb === 'wrap')
              expect(await secretsOf(machine)).toEqual(expect.arrayContaining(['canary-1', 'canary-2']))
          }
          expect(readFileSync(path, 'utf8')).toBe(config)
          expect(await secretsOf(machine)).toEqual([])
          machine.remove()
        })
      },
      timeoutMs,
    )
  })
}
