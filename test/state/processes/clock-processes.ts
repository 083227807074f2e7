// node only: starts processes

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../setup/entries.ts'
import { bundleProgram } from '../../support/bundle-program.ts'
import { type ClockService, type Counts, playClockHistories } from '../clock-history.ts'
import type { ClockAnswer, ClockQuestion } from './clock-process.ts'
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
  const child = fork(program, [JSON.stringify({ place, tolerance })], {
    execPath: node,
    execArgv: ['--no-warnings'],
    serialization: 'advanced',
  })
  const waiting = new Map<number, (answer: ClockAnswer) => void>()
  let last = 0
  const next = (id: number) => new Promise<ClockAnswer>((resolve) => waiting.set(id, resolve))
  const ready = next(0)
  child.on('message', (answer: ClockAnswer) => {
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  child.once('exit', () => {
    for (const [id, resolve] of waiting) resolve({ id, fault: 'the process ended' })
  })
  const ask = async (method: ClockQuestion['method'], ...values: readonly unknown[]): Promise<unknown> => {
    last += 1
    const answer = next(last)
    child.send({ id: last, method, values } satisfies ClockQuestion)
    const { answer: found, fault } = await answer
    if (fault !== undefined) throw new Error(fault)
    return found
  }
  await ready
  return {
    tolerance,
    at: async (time) => void (await ask('at', time)),
    send: async (call) => (await ask('send', call)) === true,
    reserve: async (request) => (await ask('reserve', request)) === true,
    commit: async (reservation) => (await ask('commit', reservation)) === true,
    prune: async () => void (await ask('prune')),
    async end() {
      if (child.exitCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
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
    const entry = `${root}test/state/processes/clock-process.ts`
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
