import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleWriter } from '../audit/jsonl/child.ts'
import { standStill as standStillAt } from '../audit/jsonl/stand-still.ts'
import { bundleGuard, killGuards } from '../guard/kill-guards.ts'
import { type KillReport, killAmong, killContained, killInTurn, standStill } from '../kill/kills.ts'
import { canContain, cannotContain, contained } from '../kill/namespace.ts'
import { bundleProcess, jsonlPlace, postgresPlace, sqlitePlace, vaultPlace } from '../kill/places.ts'
import { service as postgres } from '../services/postgres.service.ts'

let folder: string
let program: string
let remove: () => void
let kills = 0
let confirmed = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-kill-long-'))
  ;({ program, remove } = await bundleProcess())
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  remove()
}, 120_000)

function check(name: string, report: KillReport, least: number): void {
  tell(name, report)
  expect(report.kills).toBeGreaterThanOrEqual(least)
  expect(report).toMatchObject({ lost: [], twice: [] })
  kills += report.kills
  confirmed += report.confirmed
}

function tell(name: string, report: object): void {
  process.stdout.write(`${name}: ${JSON.stringify(report)}\n`)
}

describe('of processes that are killed, nothing confirmed is lost and no log has a fork', () => {
  it('AUD-11 a log in files [attack 78]', async () => {
    check('jsonl', await killInTurn(program, jsonlPlace(join(folder, 'jsonl')), 150), 150)
  })

  it('AUD-18 SQLite [attack 78]', async () => {
    check('sqlite', await killInTurn(program, sqlitePlace(join(folder, 'audit.db')), 60), 60)
  })

  it('AUD-19 PostgreSQL, three at a time [attack 78]', async () => {
    const found = postgres.find()
    if (found === undefined || postgres.start === undefined) {
      const message = `not tested: ${postgres.name} is missing; apt-get install ${postgres.apt}`
      if (process.env['CI'] === 'true') throw new Error(message)
      process.stdout.write(`${message}\n`)
      return
    }
    const running = await postgres.start(found, mkdtempSync(join(folder, 'postgres-')))
    try {
      const place = await postgresPlace(running.environment['PROCURA_POSTGRES'] ?? '')
      check('postgres', await killAmong(program, place, 45, 3), 45)
    } finally {
      await running.stop()
    }
  })

  it('VLT-24 a vault, three at a time', async () => {
    check('vault', await killAmong(program, vaultPlace(join(folder, 'vault')), 120, 3), 120)
  })

  it('GRD-01 P15: a guard, whose upstream is reached with nothing that is not on record [attack 78]', async () => {
    const report = await killGuards(await bundleGuard(folder), join(folder, 'guard'), 200)
    tell('guard', report)
    expect(report).toMatchObject({ kills: 200, unrecorded: [], lost: [] })
    expect(report.done).toBeGreaterThan(200)
    expect(report.unknown).toBeGreaterThan(0)
    kills += report.kills
    confirmed += report.done
  })
})

describe('of processes that are process 1 of a PID namespace each, nothing confirmed is lost and no log has a fork', () => {
  const leaseMs = 500

  it('AUD-14 a log in files, each beginning when the one before was killed', async () => {
    if (!canContain()) return cannotContain()
    const place = jsonlPlace(join(folder, 'contained'), leaseMs)
    check('jsonl, contained', await killContained(program, place, 40, leaseMs), 40)
  })

  it('AUD-14 a log in files with the lease that it has, which is taken within 15 s', async () => {
    if (!canContain()) return cannotContain()
    const report = await killContained(program, jsonlPlace(join(folder, 'lease'), 10_000), 3, 300)
    check('jsonl, contained, lease of 10 s', report, 3)
    expect(report.takenAfterMs).toBeLessThan(15_000)
  })

  it('VLT-24 a vault, two at a time', async () => {
    if (!canContain()) return cannotContain()
    const place = vaultPlace(join(folder, 'contained-vault'), leaseMs)
    check('vault, contained', await killAmong(program, place, 40, 2, contained), 40)
  })

  it('AUD-38 a log in files, when one stands still and goes on beside the next one', async () => {
    if (!canContain()) return cannotContain()
    check('jsonl, standing still', await standStill(program, jsonlPlace(join(folder, 'still'), leaseMs), 30), 30)
  })

  it('VLT-42 a vault, when one stands still and goes on beside the next one', async () => {
    if (!canContain()) return cannotContain()
    check('vault, standing still', await standStill(program, vaultPlace(join(folder, 'still-vault'), leaseMs), 30), 30)
  })
})

describe('a writer that stands still while another one takes the lock, and goes on', () => {
  it('AUD-38 AUD-39 does no harm, before whichever of its operations it was', async () => {
    const writer = await bundleWriter(folder)
    let refused = 0
    let at = 0
    for (let ended = false; !ended; at++) {
      const report = await standStillAt(writer, join(folder, `still-${at}`), at)
      ended = report.operation === undefined
      refused += report.refused
    }
    tell('standing still before each operation', { operations: at - 1, refused })
    expect(at).toBeGreaterThan(90)
  })
})

describe('all of these', () => {
  it('AUD-11 are at least 625 kills', () => {
    tell('all', { kills, confirmed, lost: 0 })
    expect(kills).toBeGreaterThanOrEqual(625)
  })
})
