import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileDelegationStore } from 'procura/agent/file'
import { decodeDelegation, openContainer } from 'procura/token'
import { revealCredentials } from 'procura/vault/file'
import { expect, it } from 'vitest'
import { changesOf, killedProgram, someOf } from '../../support/killed-program.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const words = ['policy', 'mail', '--policy', 'send: .to == bob']

async function heldBy({ home }: Machine): Promise<readonly (readonly [cid: string, policy: string])[]> {
  const tokens = await fileDelegationStore({ path: join(home, 'agents', 'claude', 'delegations') }).load({})
  const all = await Promise.all(tokens.map((bytes) => decodeDelegation(bytes)))
  return all.map(({ cid, policy }) => [cid.toString(), JSON.stringify(policy)] as const)
}

/** The delegations that the gateway refuses from its start on. */
async function revoked({ home }: Machine): Promise<ReadonlySet<string>> {
  const place = join(home, 'revocations')
  const names = existsSync(place) ? readdirSync(place).filter((name) => name.endsWith('.ucan')) : []
  const read = names.map(
    async (name) => (await openContainer(readFileSync(join(place, name), 'utf8').trim())).invocations,
  )
  return new Set((await Promise.all(read)).flat().map(({ args }) => String(args['revoke'])))
}

/**
 * Kills `policy` before its changes of the file system, and runs it again.
 *
 * @param isWhole - before every change. Otherwise before some.
 */
export function killsOfPolicy(isWhole: boolean): void {
  const program = killedProgram()

  it(
    'a killed change of a policy leaves the old or the new one, and the former one is revoked in the end [WRP-50]',
    async () => {
      const machine = newMachine()
      const server = { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-1' } }
      const config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: server } }))
      const policies = ['--policy', 'send: .to like *@example.com']
      expect((await machine.procura(['wrap', config, '--key-file', machine.keyFile, ...policies])).code).toBe(0)
      const saved = join(program.folder, 'saved')
      cpSync(machine.folder, saved, { recursive: true })
      const before = await heldBy(machine)
      const whole = await program.start(machine, 0, words)
      expect(whole.code).toBe(0)
      const now = JSON.stringify([['==', '.to', 'bob']])
      const all = changesOf(whole)
      for (const at of isWhole ? all : someOf(all, 9)) {
        rmSync(machine.folder, { recursive: true })
        cpSync(saved, machine.folder, { recursive: true })
        await program.start(machine, at, words)
        const left = await heldBy(machine)
        expect([at, left.length]).toEqual([at, 1])
        if (left[0]?.[1] !== now) expect([at, left]).toEqual([at, before])
        // The next verb finishes it.
        const again = await program.start(machine, 0, words)
        expect([at, [0, 1]]).toEqual([at, expect.arrayContaining([again.code])])
        expect([at, (await heldBy(machine)).map(([, policy]) => policy)]).toEqual([at, [now]])
        expect([at, [...(await revoked(machine))]]).toEqual([at, [before[0]?.[0]]])
        const secrets = await revealCredentials({
          path: join(machine.home, 'vault'),
          key: { keyFile: machine.keyFile },
        })
        expect(secrets.get('procura-wrap/issued-claude')?.reveal()).not.toContain(`"exchange"`)
      }
      machine.remove()
    },
    isWhole ? 3_600_000 : 120_000,
  )
}
