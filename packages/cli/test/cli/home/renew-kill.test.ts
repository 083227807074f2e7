import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Delegation } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { decodeDelegation, openContainer } from 'procura/token'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleProgram } from '../../../../../test/support/bundle-program.ts'
import { issuedTo, openIssued, renewableOf } from '../../../src/cli/home/issued.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

let folder: string
let program: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-kill-'))
  const child = fileURLToPath(new URL('../wrap/kill-child.ts', import.meta.url))
  program = await bundleProgram(child, join(folder, 'child.mjs'))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the program, and kills it before its change of that number; 0 lets it end by itself. */
function start(machine: Machine, killAt: number): Promise<{ readonly code: number | null; readonly out: string }> {
  const words = [program, String(killAt), 'renew', 'claude', '--expires-in', '60d']
  const child = spawn(process.execPath, words, { env: { ...process.env, ...machine.env } })
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  return new Promise((done) => child.on('close', (code) => done({ code, out })))
}

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
    const saved = join(folder, `saved-${isRotated}`)
    cpSync(machine.folder, saved, { recursive: true })
    const before = await heldBy(machine)
    const { code, out } = await start(machine, 0)
    expect(code).toBe(0)
    const changes = [...Array(Number(out)).keys()].map((at) => at + 1).filter((at) => at % 3 === 1)
    for (const at of changes) {
      rmSync(machine.folder, { recursive: true })
      cpSync(saved, machine.folder, { recursive: true })
      await start(machine, at)
      // Nothing is lost, and nothing says more than before.
      expect([at, [...new Set(termsOf(await heldBy(machine)))]]).toEqual([at, termsOf(before)])
      expect([at, (await start(machine, 0)).code]).toEqual([at, 0])
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
  600_000,
)
