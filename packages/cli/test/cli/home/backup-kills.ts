import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describeSignerFile } from 'procura/signer/file'
import { revealCredentials } from 'procura/vault/file'
import { describe, expect, it } from 'vitest'
import { changesOf, type Ended, type KillAt, killedProgram, someOf } from '../../support/killed-program.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const config = JSON.stringify({
  mcpServers: { mail: { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-1' } } },
})

/**
 * Kills `backup` and `restore` before their changes of the file system, and runs them again.
 *
 * @param isWhole - before every change, and with a full disk. Otherwise before some.
 */
export function killsOfBackup(isWhole: boolean): void {
  const program = killedProgram()
  const start = (machine: Machine, at: KillAt, words: readonly string[]): Promise<Ended> =>
    program.start(machine, at, [...words, '--key-file', machine.keyFile])

  /** Runs a verb until it has made its folder, killed at each chosen change, and checks the folder whenever it is there. */
  const kills = async (
    machine: Machine,
    words: readonly string[],
    made: string,
    check: () => Promise<void>,
  ): Promise<void> => {
    const parent = join(made, '..')
    const whole = await start(machine, 0, words)
    expect([whole.code, whole.err]).toEqual([0, expect.any(String)])
    await check()
    const others = readdirSync(parent).toSorted()
    const all = changesOf(whole)
    const chosen = isWhole ? all.flatMap((at) => [at, `full-${at}` as const]) : someOf(all, 4)
    for (const at of chosen) {
      rmSync(made, { recursive: true })
      const ended = await start(machine, at, words)
      expect([at, ended.err]).toEqual([at, expect.not.stringContaining('canary')])
      if (existsSync(made)) await check()
      else expect([at, (await start(machine, 0, words)).code]).toEqual([at, 0])
      await check()
      // What was left is gone.
      const left = readdirSync(parent).filter((name) => !others.includes(name))
      if (left.length > 0) {
        rmSync(made, { recursive: true })
        expect([at, (await start(machine, 0, words)).code]).toEqual([at, 0])
      }
      expect([at, readdirSync(parent).toSorted()]).toEqual([at, others])
    }
  }

  const timeoutMs = isWhole ? 3_600_000 : 120_000

  describe('procura backup', () => {
    it(
      'that is killed leaves no backup or a whole one, and so does restore; each can be repeated [CLI-59]',
      async () => {
        const machine = newMachine()
        const target = join(machine.folder, 'saved')
        const key = { keyFile: machine.keyFile }
        const path = machine.write('.mcp.json', config)
        expect((await machine.procura(['wrap', path, '--key-file', machine.keyFile])).code).toBe(0)
        const before = readFileSync(join(machine.home, 'vault'))
        const { keys } = await describeSignerFile({ path: join(machine.home, 'owner.key') })
        await kills(machine, ['backup', target], target, async () => {
          const found = await revealCredentials({ path: join(target, 'vault'), key })
          expect(found.get('mail.MAIL_KEY')?.reveal()).toBe('canary-1')
          expect(JSON.parse(readFileSync(join(target, 'gateway.json'), 'utf8')).subjects).toEqual([keys[0]?.did])
          expect(existsSync(join(target, 'agents', 'claude', 'agent.key'))).toBe(true)
        })
        expect(readFileSync(join(machine.home, 'vault'))).toEqual(before)
        rmSync(machine.home, { recursive: true })
        await kills(machine, ['restore', target], machine.home, async () => {
          const found = await revealCredentials({ path: join(machine.home, 'vault'), key })
          expect(found.get('mail.MAIL_KEY')?.reveal()).toBe('canary-1')
          expect([...found.keys()].filter((name) => name.startsWith('procura-wrap/issued-'))).toEqual([])
          const { subjects } = JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))
          const { keys: now } = await describeSignerFile({ path: join(machine.home, 'owner.key') })
          expect([subjects.length, subjects[0]]).toEqual([1, now[0]?.did])
          expect(subjects[0]).not.toBe(keys[0]?.did)
        })
        expect((await machine.procura(['renew', 'claude', '--key-file', machine.keyFile])).code).toBe(0)
        machine.remove()
      },
      timeoutMs,
    )
  })
}
