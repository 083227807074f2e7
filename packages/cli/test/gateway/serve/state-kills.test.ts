import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from 'procura'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type GatewayState, openState } from '../../../src/gateway/serve/state/open-state.ts'

let folder: string

beforeEach(() => {
  // A killed process loses nothing that it wrote, also not in memory.
  folder = fs.mkdtempSync(join(fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'procura-state-kills-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  fs.rmSync(folder, { recursive: true })
})

/** The files as a process leaves them that is killed at one moment, and what it had confirmed by then. */
interface Killed {
  readonly file: string
  /** The operation that it was about to make. */
  readonly before: string
  readonly calls: readonly string[]
  readonly revoked: readonly string[]
}

const expiration = systemClock.now() + 200

/** Opens a state and changes it, and copies its files before each operation that changes one of them. */
async function killedBeforeEach(changes: number): Promise<readonly Killed[]> {
  const file = join(folder, 'state.db')
  const all: Killed[] = []
  const calls: string[] = []
  const revoked: string[] = []
  let ended = false
  for (const name of ['writeSync', 'ftruncateSync', 'unlinkSync'] as const) {
    const make = fs[name] as (...values: unknown[]) => unknown
    vi.spyOn(fs, name).mockImplementation(((...values: unknown[]) => {
      // `rmSync` of Node keeps the functions that it found when it was first used.
      if (ended) return make(...values)
      const image = join(folder, `${all.length}.db`)
      all.push({ file: image, before: `${name} ${all.length}`, calls: [...calls], revoked: [...revoked] })
      for (const end of ['', '-journal', '-wal', '.key'])
        if (fs.existsSync(`${file}${end}`)) fs.copyFileSync(`${file}${end}`, `${image}${end}`)
      return make(...values)
    }) as never)
  }
  const state = await openState({ file, isFirst: true })
  for (let at = 0; at < changes; at++) {
    expect(await state.stores.replay.claim(`call ${at}`, expiration, {})).toBe(true)
    await state.synced()
    calls.push(`call ${at}`)
    await state.stores.revocations.add({ ids: [`did:example:${at}`], expiration })
    revoked.push(`did:example:${at}`)
  }
  ended = true
  vi.restoreAllMocks()
  state.close()
  return all
}

/** Opens the state again, and returns what is wrong with it. */
async function wrongIn({ file, before, calls, revoked }: Killed): Promise<readonly string[]> {
  const wrong: string[] = []
  try {
    const state = await openState({ file, isFirst: calls.length === 0 })
    for (const call of calls) if (await isFree(state, call)) wrong.push(`${call} is accepted again`)
    for (const id of revoked) {
      const found = await state.stores.revocations.findRevocations([id], {})
      if (found.length === 0) wrong.push(`${id} is not revoked`)
    }
    state.close()
  } catch (cause) {
    wrong.push(String(cause))
  }
  // Another program that opens the file, such as one for backups, would undo what the journal of a process names.
  if (fs.existsSync(`${file}-journal`)) wrong.push('a journal is beside the state')
  return wrong.map((what) => `${before}, after ${calls.length} calls: ${what}`)
}

async function isFree({ stores }: GatewayState, call: string): Promise<boolean> {
  return stores.replay.claim(call, expiration, {})
}

describe('a gateway', () => {
  it('that is killed before any operation on its state forgets no call and no revocation [GTW-15]', async () => {
    const all = await killedBeforeEach(3)
    expect(new Set(all.map(({ calls }) => calls.length)).size).toBe(4)
    const wrong: string[] = []
    for (const killed of all) wrong.push(...(await wrongIn(killed)))
    expect(wrong).toEqual([])
  }, 60_000)
})
