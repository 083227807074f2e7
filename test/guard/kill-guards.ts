import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { findOpenIntents } from '../../src/audit/recovery/find-open-intents.ts'
import { recoverIntents } from '../../src/audit/recovery/recover-intents.ts'
import { type JsonlAuditSink, openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import type { SyncPolicy } from '../../src/audit/sinks/jsonl/open-log.ts'
import { readJsonlLines, readJsonlRecords } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { startWriter, type Writer } from '../audit/jsonl/child.ts'
import { bundleProgram } from '../support/bundle-program.ts'

const upstreamKey = 'canary-e7c01b93d4f8'

/** The results of killing processes that guard an upstream. */
export interface GuardKillReport {
  readonly kills: number
  /** Calls for which the upstream got a request. */
  readonly reached: number
  /** Calls that a process reported as done and recorded. */
  readonly done: number
  /** Requests without a record of the intent and of the release; the list must be empty. */
  readonly unrecorded: readonly number[]
  /** Calls reported as done without an outcome `ok` in the log; the list must be empty. */
  readonly lost: readonly number[]
  /** Intents that were open when their process was killed. */
  readonly unknown: number
}

/** Bundles the process. */
export function bundleGuard(directory: string): Promise<string> {
  return bundleProgram(fileURLToPath(new URL('./guard-process.ts', import.meta.url)), `${directory}/guard.mjs`)
}

/** An upstream that requires the key and stores the numbers of its requests. */
export async function startNumberedUpstream(delayMs = 0): Promise<{
  readonly origin: string
  readonly numbers: number[]
  close(): Promise<void>
}> {
  const numbers: number[] = []
  const server = createServer((request, response) => {
    if (request.headers.authorization === `Bearer ${upstreamKey}`) numbers.push(Number(request.url?.slice(1)))
    setTimeout(() => response.end('ok'), delayMs)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    numbers,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Starts a process. */
export function startGuard(
  program: string,
  directory: string,
  options: { readonly origin: string; readonly sync?: SyncPolicy; readonly start?: number; readonly parallel?: number },
): Writer {
  const { origin, sync = 'group', start = 1, parallel = 4 } = options
  return startWriter(process.execPath, [program, directory, sync, origin, upstreamKey, String(start), String(parallel)])
}

/** Kills a process that guards an upstream repeatedly, each time at another moment, and checks the log each time. */
export async function killGuards(program: string, directory: string, kills: number): Promise<GuardKillReport> {
  const upstream = await startNumberedUpstream()
  const policies: readonly SyncPolicy[] = ['group', 'none', 'always']
  const done = new Set<number>()
  for (let index = 0; index < kills; index++) {
    const sync = policies[index % policies.length] ?? 'group'
    const child = startGuard(program, directory, { origin: upstream.origin, sync, start: 1 + index * 1_000_000 })
    await child.said('done')
    await new Promise((resolve) => setTimeout(resolve, (index * 37) % 60))
    child.child.kill('SIGKILL')
    await child.ended
    const lines = child.lines()
    expect(lines.filter((line) => /^(?:failed|refused)/.test(line))).toEqual([])
    for (const line of lines) if (line.startsWith('done ')) done.add(Number(line.slice(5)))
  }
  const sink: JsonlAuditSink = await openJsonlAuditSink({ directory })
  await recoverIntents({ sink })
  await sink.close()
  await upstream.close()

  expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, head: sink.position() })
  expect(await findOpenIntents(readJsonlRecords({ directory }))).toEqual([])
  const numbers = new Map<string, number>()
  const released = new Set<number | undefined>()
  const ok = new Set<number | undefined>()
  let unknown = 0
  for await (const { event } of readJsonlRecords({ directory })) {
    if (event.kind === 'intent') numbers.set(event.id, Number(event.args?.['number']))
    if (event.kind === 'released') released.add(numbers.get(event.intent))
    if (event.kind === 'outcome' && event.status === 'ok') ok.add(numbers.get(event.intent))
    if (event.kind === 'outcome' && event.status === 'unknown') unknown += 1
  }
  return {
    kills,
    reached: upstream.numbers.length,
    done: done.size,
    unrecorded: upstream.numbers.filter((number) => !released.has(number)),
    lost: [...done].filter((number) => !ok.has(number)),
    unknown,
  }
}
