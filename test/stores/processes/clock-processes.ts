// node only: starts processes

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../setup/entries.ts'
import { askProcess } from '../../support/ask-process.ts'
import { bundleProgram } from '../../support/bundle-program.ts'
import { type ClockService, type Counts, playClockHistories } from '../clock-history.ts'
import type { StoresPlace } from './place.ts'

/** A service in a process of its own. */
interface ClockProcess extends ClockService {
  end(): Promise<void>
}

async function startProcess(
  program: string,
  place: StoresPlace,
  tolerance: number,
  node: string,
): Promise<ClockProcess> {
  const { ask, end } = await askProcess(program, { place, tolerance }, node)
  return {
    tolerance,
    at: async (time) => void (await ask('at', time)),
    send: async (call) => (await ask('send', call)) === true,
    reserve: async (request) => (await ask('reserve', request)) === true,
    commit: async (reservation) => (await ask('commit', reservation)) === true,
    prune: async () => void (await ask('prune')),
    end,
  }
}

/** Seconds by which clocks may differ at two of the four processes, and at the other two. */
const tolerances = [60, 300, 60, 300] as const

/** Plays histories with four processes that have two clock tolerances, and clocks that jump. */
export async function playWithProcesses(
  place: StoresPlace,
  histories: number,
  firstSeed: number,
  node: string = process.execPath,
): Promise<Counts> {
  const cache = `${root}node_modules/.cache`
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'procura-clocks-'))
  try {
    const program = join(folder, 'clock-process.mjs')
    const entry = `${root}test/stores/processes/clock-process.ts`
    // Of the test runner, only the assertions are used, and in this process alone.
    await bundleProgram(entry, program, ['pg', 'ioredis', 'iovalkey', 'redis', 'vitest'])
    const services = await Promise.all(tolerances.map((one) => startProcess(program, place, one, node)))
    try {
      return await playClockHistories(services, histories, firstSeed)
    } finally {
      await Promise.all(services.map((service) => service.end()))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
