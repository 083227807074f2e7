import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Delegation } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { decodeDelegation, openContainer } from 'procura/token'
import { expect, it } from 'vitest'
import { issuedTo, openIssued, renewableOf } from '../../../src/cli/home/issued.ts'
import { changesOf, killedProgram, someOf } from '../../support/killed-program.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

async function heldBy({ home }: Machine): Promise<readonly Delegation[]> {
  const tokens = await fileDelegationStore({ path: join(home, 'agents', 'claude', 'delegations') }).load({})
  return Promise.all(tokens.map((bytes) => decodeDelegation(bytes)))
}

const cidsOf = (all: readonly Delegation[]): readonly string[] => all.map(({ cid }) => cid.toString()).toSorted()
const termsOf = (all: readonly Delegation[]): readonly string[] =>
  all.map(({ command, policy }) => JSON.stringify([command, policy])).toSorted()

/** The delegations that the gateway refuses from its start on. */
async function revoked({ home }: Machine): Promise<readonly string[]> {
  const place = join(home, 'revocations')
  const names = existsSync(place) ? readdirSync(place).filter((name) => name.endsWith('.ucan')) : []
  const read = names.map(
    async (name) => (await openContainer(readFileSync(join(place, name), 'utf8').trim())).invocations,
  )
  return [...new Set((await Promise.all(read)).flat().map(({ args }) => String(args['revoke'])))].toSorted()
}

const words = ['renew', 'claude', '--expires-in', '60d']

/**
 * Kills `renew` before its changes of the file system, and runs it again.
 *
 * @param isWhole - before every change. Otherwise before some.
 */
export function killsOfRenew(isWhole: boolean): void {
  const program = killedProgram()

  it.each([
    ['for the same key', false],
    ['for a new key of the agent', true],
  ])(
    'a killed renewal %s leaves the old or the new delegations, and the next run finishes it [WRP-58]',
    async (_, isRotated) => {
      const machine = newMachine()
      const server = { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-1' } }
      const config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: server } }))
      const grants = ['--policy', 'send: .to like *@example.com', '--tools', 'read']
      expect((await machine.procura(['wrap', config, '--key-file', machine.keyFile, ...grants])).code).toBe(0)
      const key = join(machine.home, 'agents', 'claude', 'agent.key')
      if (isRotated) expect((await machine.procura(['key', 'rotate', key])).code).toBe(0)
      const saved = join(program.folder, `saved-${isRotated}`)
      cpSync(machine.folder, saved, { recursive: true })
      const before = await heldBy(machine)
      const whole = await program.start(machine, 0, words)
      expect(whole.code).toBe(0)
      const all = changesOf(whole)
      for (const at of isWhole ? all : someOf(all, 9)) {
        rmSync(machine.folder, { recursive: true })
        cpSync(saved, machine.folder, { recursive: true })
        await program.start(machine, at, words)
        // Nothing is lost, and nothing says more than before.
        expect([at, [...new Set(termsOf(await heldBy(machine)))]]).toEqual([at, termsOf(before)])
        expect([at, (await program.start(machine, 0, words)).code]).toEqual([at, 0])
        const after = await heldBy(machine)
        expect([at, termsOf(after)]).toEqual([at, termsOf(before)])
        expect(cidsOf(after).some((cid) => cidsOf(before).includes(cid))).toBe(false)
        expect([at, await revoked(machine)]).toEqual([at, isRotated ? cidsOf(before) : []])
        const place = await openIssued(join(machine.home, 'vault'), { keyFile: machine.keyFile })
        expect([at, cidsOf((await renewableOf(place, 'claude')).delegations)]).toEqual([at, cidsOf(after)])
        expect(cidsOf(await issuedTo(place, 'claude'))).toEqual(expect.arrayContaining([...cidsOf(before)]))
        expect(place.secrets.get('procura-wrap/issued-claude')).not.toContain('"exchange"')
      }
      machine.remove()
    },
    isWhole ? 3_600_000 : 120_000,
  )
}
