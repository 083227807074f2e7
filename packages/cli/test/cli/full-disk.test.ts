import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openFileVault } from 'procura/vault/file'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { canMount, mountSmallDisk } from '../../../../test/audit/jsonl/small-disk.ts'
import { type Machine, newMachine, wrapVerbs } from './wrap/set-up.ts'

let machine: Machine
beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const { wrap } = wrapVerbs(() => machine)
const canary = 'mk_live_CANARY12345678'
const config = JSON.stringify({ mcpServers: { mail: { command: 'node', env: { MAIL_KEY: canary } } } })

/** Leaves so many bytes on a disk. */
function fill(disk: string, left: number): void {
  rmSync(join(disk, 'filler'), { force: true })
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'filler'), new Uint8Array(Math.max(0, bavail * bsize - left)))
}

it.runIf(canMount())('a full disk is reported with a path, and the configuration stays [CLI-54]', async () => {
  const disk = mountSmallDisk()
  const path = machine.write('.mcp.json', config)
  const home = join(disk, 'home')
  const faults: string[] = []
  for (let left = 0, code = 2; code !== 0; left += 4_096) {
    rmSync(home, { recursive: true, force: true })
    rmSync(machine.keyFile, { force: true })
    fill(disk, left)
    const run = await wrap(path, '--home', home)
    code = run.code
    if (code === 0) break
    expect([left, code]).toEqual([left, 2])
    expect(readFileSync(path, 'utf8')).toBe(config)
    faults.push(run.err.trim())
  }
  expect(faults.length).toBeGreaterThan(5)
  for (const fault of faults) {
    expect(fault).toMatch(/is full|a delegation could not be written|did not take a record|cannot be made/)
    expect(fault).toContain(home)
    expect(fault).not.toContain(canary)
  }

  rmSync(join(disk, 'filler'))
  const other = join(mountSmallDisk(), '.mcp.json')
  writeFileSync(other, config)
  fill(join(other, '..'), 0)
  expect((await wrap(other, '--home', home)).err).toContain(`the disk of \`${other}\` is full (ENOSPC)`)
  expect(readFileSync(other, 'utf8')).toBe(config)
})

it.runIf(canMount())('a passphrase stays if its disk is full, which the message names [CLI-54]', async () => {
  const disk = mountSmallDisk()
  const home = join(disk, 'home')
  const [former, next] = ['the former passphrase', 'the next passphrase']
  const env = { PROCURA_VAULT_PASSPHRASE: former, PROCURA_VAULT_NEW_PASSPHRASE: next }
  const path = machine.write('.mcp.json', config)
  expect((await machine.procura(['wrap', path, '--home', home], { env })).code).toBe(0)
  const before = readFileSync(join(home, 'owner.key'))
  for (let left = 0; ; left += 4_096) {
    fill(disk, left)
    const { code, err } = await machine.procura(['passphrase', '--home', home], { env })
    if (code === 0) break
    expect([code, err]).toEqual([2, expect.stringMatching(/is full/)])
    expect(err).toContain(home)
    expect(readFileSync(join(home, 'owner.key'))).toEqual(before)
    await openFileVault({ path: join(home, 'vault'), key: { passphrase: former } })
  }
  await openFileVault({ path: join(home, 'vault'), key: { passphrase: next } })
})
