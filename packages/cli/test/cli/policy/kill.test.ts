import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileDelegationStore } from 'procura/agent/file'
import { decodeDelegation, openContainer } from 'procura/token'
import { revealCredentials } from 'procura/vault/file'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleProgram } from '../../../../../test/support/bundle-program.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

let folder: string
let program: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-kill-'))
  const child = fileURLToPath(new URL('../wrap/kill-child.ts', import.meta.url))
  program = await bundleProgram(child, join(folder, 'child.mjs'))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const words = ['policy', 'mail', '--policy', 'send: .to == bob']

/** Runs the program, and kills it before its change of that number; 0 lets it end by itself. */
function start(machine: Machine, killAt: number): Promise<{ readonly code: number | null; readonly out: string }> {
  const child = spawn(process.execPath, [program, String(killAt), ...words], {
    env: { ...process.env, ...machine.env },
  })
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  return new Promise((done) => child.on('close', (code) => done({ code, out })))
}

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

it('a killed change of a policy leaves the old or the new one, and the former one is revoked in the end [WRP-50]', async () => {
  const machine = newMachine()
  const server = { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-1' } }
  const config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: server } }))
  const policies = ['--policy', 'send: .to like *@example.com']
  expect((await machine.procura(['wrap', config, '--key-file', machine.keyFile, ...policies])).code).toBe(0)
  const saved = join(folder, 'saved')
  cpSync(machine.folder, saved, { recursive: true })
  const before = await heldBy(machine)
  const { code, out } = await start(machine, 0)
  expect(code).toBe(0)
  const now = JSON.stringify([['==', '.to', 'bob']])
  const changes = [...Array(Number(out)).keys()].map((at) => at + 1).filter((at) => at % 3 === 1)
  for (const at of changes) {
    rmSync(machine.folder, { recursive: true })
    cpSync(saved, machine.folder, { recursive: true })
    await start(machine, at)
    const left = await heldBy(machine)
    expect([at, left.length]).toEqual([at, 1])
    if (left[0]?.[1] !== now) expect([at, left]).toEqual([at, before])
    // The next verb finishes it.
    expect([at, [0, 1]]).toEqual([at, expect.arrayContaining([(await start(machine, 0)).code])])
    expect([at, (await heldBy(machine)).map(([, policy]) => policy)]).toEqual([at, [now]])
    expect([at, [...(await revoked(machine))]]).toEqual([at, [before[0]?.[0]]])
    const secrets = await revealCredentials({ path: join(machine.home, 'vault'), key: { keyFile: machine.keyFile } })
    expect(secrets.get('procura-wrap/issued-claude')?.reveal()).not.toContain(`"exchange"`)
  }
  machine.remove()
}, 600_000)
