import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { service as postgres } from '../../test/services/postgres.service.ts'
import type { Running } from '../../test/services/service.ts'
import { calmly } from '../harness/calm.ts'
import { quantile } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { number } from '../harness/table.ts'
import type { SinkKind, SinkOrder, SinkUsage } from '../setup/sink-load.ts'

/** How long the sinks are under load. */
interface Drive {
  readonly turns: number
  readonly milliseconds: number
  /** Calls in progress, and whether signatures are verified. */
  readonly loads: readonly (readonly [atOnce: number, verifies: boolean])[]
}

const thorough: Drive = {
  turns: 6,
  milliseconds: 1_000,
  loads: [
    [1, true],
    [64, true],
    [256, true],
    [64, false],
  ],
}
const hardly: Drive = { turns: 1, milliseconds: 5, loads: [[8, false]] }

const sinks: Readonly<Record<SinkKind, string>> = {
  memory: 'memory',
  jsonl: 'JSON lines, group sync',
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
}

interface Loaded extends SinkOrder {
  readonly child: ChildProcess
  readonly usages: SinkUsage[]
}

/** Calls of a guard under way together, by the sink that records them: throughput, and what other work waits. */
export const suite: Suite = {
  name: 'sinks',
  async run({ smoke }) {
    const drive = smoke ? hardly : thorough
    const folder = mkdtempSync(join(tmpdir(), 'procura-bench-sinks-'))
    const loaded: Loaded[] = []
    let server: Running | undefined
    try {
      const found = smoke ? undefined : postgres.find()
      if (found !== undefined) server = await postgres.start?.(found, mkdtempSync(join(folder, 'postgres-')))
      const address = server?.environment['PROCURA_POSTGRES']
      const kinds = (Object.keys(sinks) as SinkKind[]).filter((kind) => kind !== 'postgres' || address !== undefined)
      for (const sink of kinds) {
        for (const [atOnce, verifies] of drive.loads) {
          const place = sink === 'postgres' ? (address as string) : mkdtempSync(join(folder, `${sink}-`))
          loaded.push(await start({ sink, place, atOnce, verifies }))
        }
      }
      for (const one of loaded) await takeTurn(one, drive.milliseconds / 2)
      for (let turn = 0; turn < drive.turns; turn++) {
        for (const one of loaded) one.usages.push(await calmly(() => takeTurn(one, drive.milliseconds)))
      }
    } finally {
      for (const { child } of loaded) child.disconnect()
      await server?.stop()
      rmSync(folder, { recursive: true, force: true })
    }
    const among = (sink: SinkKind, atOnce: number, verifies = true): readonly SinkUsage[] =>
      loaded.find((one) => one.sink === sink && one.atOnce === atOnce && one.verifies === verifies)?.usages ?? []
    return {
      tables: [
        {
          title: 'A guard under load, warm, depth 3, by its sink',
          columns: [
            'sink, calls at once',
            'events/s',
            'CPU a call',
            'main thread a call',
            'delay, median',
            'delay, p99',
          ],
          rows: loaded.map(({ sink, atOnce, verifies, usages }) => [
            `${sinks[sink]}, ${atOnce}${verifies ? '' : ', without verification'}`,
            number(median(usages, events)),
            `${number(median(usages, ({ processTime, calls }) => processTime / calls))} µs`,
            `${number(median(usages, ({ mainTime, calls }) => mainTime / calls))} µs`,
            `${number(median(usages, ({ delay }) => delay.median))} ms`,
            `${number(median(usages, delay))} ms`,
          ]),
          notes: [
            `Two events a call. ${drive.turns} turns of ${drive.milliseconds / 1_000} s each. The delay is the delay of the event loop, sampled each millisecond. The disk determines the time of a sync.`,
          ],
        },
      ],
      figures: {
        'sinks, jsonl main / raw': median(among('jsonl', 64, false), (one) => one.mainTime / one.calls / one.rawTime),
        'sinks, sqlite 64 / 1': median(among('sqlite', 64), events) / median(among('sqlite', 1), events),
        'sinks, sqlite delay, ms': median(among('sqlite', 64), delay),
        'sinks, sqlite delay / memory': median(among('sqlite', 64), delay) / median(among('memory', 64), delay),
      },
    }
  },
}

function delay({ delay: { p99 } }: SinkUsage): number {
  return p99
}

function events({ calls, seconds }: SinkUsage): number {
  return (2 * calls) / seconds
}

function median(usages: readonly SinkUsage[], figure: (usage: SinkUsage) => number): number {
  return quantile(usages.map(figure), 0.5)
}

async function start(order: SinkOrder): Promise<Loaded> {
  const file = fileURLToPath(new URL('../setup/sink-load.ts', import.meta.url))
  const child = fork(file, [JSON.stringify(order)])
  await answerOf(child, order)
  return { ...order, child, usages: [] }
}

async function takeTurn({ child, ...order }: Loaded, milliseconds: number): Promise<SinkUsage> {
  child.send(milliseconds)
  return answerOf(child, order)
}

/** The next message of a process. Rejects when the process ends before. */
async function answerOf(child: ChildProcess, { sink, atOnce }: SinkOrder): Promise<SinkUsage> {
  const ending = new AbortController()
  const ended = once(child, 'exit', { signal: ending.signal }).then(([code]) => {
    throw new Error(`the process with the sink ${sink}, ${atOnce} at once, ended with ${code}`)
  })
  ended.catch(() => undefined)
  const [answer] = (await Promise.race([once(child, 'message'), ended])) as [SinkUsage]
  ending.abort()
  return answer
}
