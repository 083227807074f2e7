import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { revealCredentials } from 'procura/vault/file'
import { describe, expect, it } from 'vitest'
import { changesOf, type Ended, type KillAt, killedProgram, someOf } from '../../support/killed-program.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const config = JSON.stringify({
  mcpServers: {
    mail: { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-old-1', OTHER_KEY: 'canary-other' } },
    crm: { type: 'http', url: 'https://crm.example/', headers: { 'X-Api-Key': 'canary-a', 'X-Token': 'canary-b' } },
  },
})

/** The credentials before a rotation, and those that it changes. */
const before = {
  'mail.MAIL_KEY': 'canary-old-1',
  'mail.OTHER_KEY': 'canary-other',
  'crm.headers': '{"X-Api-Key":"canary-a","X-Token":"canary-b"}',
}

const cases = [
  ['of a variable', ['mail', 'MAIL_KEY'], { 'mail.MAIL_KEY': 'canary-next' }],
  [
    'of one header of several',
    ['crm', 'X-Token'],
    { 'crm.headers': '{"X-Api-Key":"canary-a","X-Token":"canary-next"}' },
  ],
] as const

/**
 * Kills `rotate` before its changes of the file system, and runs it again.
 *
 * @param isWhole - before every change. Otherwise before some of one rotation.
 */
export function killsOfRotate(isWhole: boolean): void {
  const program = killedProgram()
  const start = (machine: Machine, at: KillAt, words: readonly string[]): Promise<Ended> =>
    program.start(machine, at, ['rotate', ...words], { input: 'canary-next' })

  /** The secrets of the servers. The vault has to open: none of its bytes are of two versions. */
  const secretsOf = async (machine: Machine): Promise<object> => {
    const key = { keyFile: machine.keyFile }
    const found = await revealCredentials({ path: join(machine.home, 'vault'), key })
    return Object.fromEntries(
      [...found].filter(([name]) => name in before).map(([name, secret]) => [name, secret.reveal()]),
    )
  }

  describe('procura rotate', () => {
    it.each(isWhole ? cases : cases.slice(0, 1))(
      '%s that is killed or has no disk leaves the former value or the next one, and can be repeated [WRP-48]',
      async (_, words, changed) => {
        const machine = newMachine()
        const path = machine.write('.mcp.json', config)
        expect((await machine.procura(['wrap', path, '--key-file', machine.keyFile])).code).toBe(0)
        const saved = mkdtempSync(join(program.folder, 'saved-'))
        cpSync(machine.folder, saved, { recursive: true })
        const restore = (): void => {
          rmSync(machine.folder, { recursive: true })
          cpSync(saved, machine.folder, { recursive: true })
        }
        const files = readdirSync(machine.home).toSorted()
        const after = { ...before, ...changed }
        const whole = await start(machine, 0, words)
        expect([whole.code, await secretsOf(machine)]).toEqual([0, after])
        const all = changesOf(whole)
        const chosen = isWhole ? all : someOf(all, 5)
        let [former, next] = [0, 0]
        for (const at of chosen.flatMap((one) => (isWhole ? [one, `full-${one}` as const] : [one]))) {
          restore()
          const ended = await start(machine, at, words)
          expect([at, ended.err]).toEqual([at, expect.not.stringContaining('canary')])
          const now = await secretsOf(machine)
          expect([at, [before, after]]).toEqual([at, expect.arrayContaining([now])])
          // A person who repeats it after it was done learns that.
          const again = await start(machine, 0, words)
          const isDone = JSON.stringify(now) === JSON.stringify(after)
          ;[former, next] = isDone ? [former, next + 1] : [former + 1, next]
          expect([at, again.code]).toEqual([at, isDone ? 2 : 0])
          if (isDone) expect([at, again.err]).toEqual([at, expect.stringContaining('has this value already')])
          expect([at, await secretsOf(machine)]).toEqual([at, after])
          expect([at, readdirSync(machine.home).toSorted()]).toEqual([at, files])
        }
        // Both sides of the change were seen.
        expect([former > 0, next > 0]).toEqual([true, true])
        rmSync(saved, { recursive: true })
        machine.remove()
      },
      isWhole ? 3_600_000 : 120_000,
    )
  })
}
