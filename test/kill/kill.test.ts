import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { inCi } from '../property/runs.ts'
import { killAmong, killContained, killInTurn, standStill } from './kills.ts'
import { canContain, cannotContain } from './namespace.ts'
import { bundleProcess, delegationsPlace, jsonlPlace, sqlitePlace, vaultPlace } from './places.ts'

let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleProcess())
})
afterAll(() => remove())

const none = { lost: [], twice: [] }

describe('processes that are killed', () => {
  it('AUD-18 lose nothing that SQLite has confirmed [attack 78]', async () => {
    const report = await killInTurn(program, sqlitePlace(join(temporaryDirectory(), 'audit.db')), 2)
    expect(report).toMatchObject({ kills: 2, ...none })
  }, 60_000)

  it('VLT-23 VLT-24 lose no version of a credential, write each once, and leave a valid file', async () => {
    const kills = inCi ? 6 : 2
    const report = await killAmong(program, vaultPlace(join(temporaryDirectory(), 'vault')), kills, 3)
    expect(report).toMatchObject({ kills: kills + 3, ...none })
  }, 60_000)
})

describe('processes that share a file of delegations', () => {
  it('AGT-18 lose none that was confirmed while they are killed', async () => {
    const kills = inCi ? 6 : 2
    const report = await killAmong(program, delegationsPlace(join(temporaryDirectory(), 'agent.ucan')), kills, 4)
    expect(report).toMatchObject({ kills: kills + 4, ...none })
  }, 60_000)
})

describe('processes that are process 1 of a PID namespace each', () => {
  // A holder that gets no processor for a lease has lost the lock, and a busy machine gives no processor for half a
  // second.
  const leaseMs = 1_500

  it('AUD-14 write one log: the next one begins by itself when the one before was killed, and not while it lives', async () => {
    if (!canContain()) return cannotContain()
    const report = await killContained(program, jsonlPlace(temporaryDirectory(), leaseMs), 3, leaseMs)
    expect(report).toMatchObject({ kills: 3, ...none })
  }, 60_000)

  it('AUD-38 write one log, also when one stands still and goes on beside the next one', async () => {
    if (!canContain()) return cannotContain()
    const report = await standStill(program, jsonlPlace(temporaryDirectory(), leaseMs), 1)
    expect(report).toMatchObject(none)
  }, 60_000)

  it('VLT-42 write one vault, also when one stands still and goes on beside the next one', async () => {
    if (!canContain()) return cannotContain()
    const report = await standStill(program, vaultPlace(join(temporaryDirectory(), 'vault'), leaseMs), 1)
    expect(report).toMatchObject(none)
  }, 60_000)
})
