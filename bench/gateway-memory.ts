/**
 * `tsx bench/gateway-memory.ts`: the memory of `procura serve` and `procura connect`, and the size of log and state,
 * during many calls of one session. A million calls take ten minutes to an hour. `npm run build` comes before it.
 *
 * - `--calls <count>`: Default 1,000,000. The sizes are reported at 10,000, at each tenfold of it, and at the end.
 *
 * @module
 */

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { number, printTable } from './harness/table.ts'
import { type McpPrograms, type McpSession, mcpPrograms, openMcpSession, reporting } from './setup/mcp-programs.ts'

const { values } = parseArgs({ options: { calls: { type: 'string', default: '1000000' } } })
const calls = Number(values.calls)
if (!Number.isSafeInteger(calls) || calls < 1) throw new Error('--calls must be an integer >= 1')

const atATime = 64
const programs = await mcpPrograms(reporting)
const session = await openMcpSession([...reporting, ...programs.gateway])
const rows: string[][] = []
const started = performance.now()
for (let done = 0, next = Math.min(10_000, calls); done < calls; ) {
  await Promise.all(Array.from({ length: Math.min(atATime, next - done) }, session.call))
  done = Math.min(done + atATime, next)
  if (done < next) continue
  rows.push(await rowOf(done, programs, session))
  console.error(rows.at(-1)?.join('  '))
  next = Math.min(next * 10, calls)
}
await session.close()
await programs.remove()
const title = `${number(calls)} calls through the gateway, ${atATime} at a time`
const columns = ['calls', 'seconds', 'log', 'state', 'serve: heap', 'buffers', 'rss', 'connect: heap', 'buffers', 'rss']
console.log(printTable({ title, columns, rows, notes: ['MB after a garbage collection.'] }))

async function rowOf(
  done: number,
  { home, memory }: McpPrograms,
  { memory: ofConnect }: McpSession,
): Promise<string[]> {
  const seconds = (performance.now() - started) / 1_000
  const sizes = (await Promise.all([memory(), ofConnect()])).flatMap(({ heapUsed, external, rss }) => [
    heapUsed,
    external,
    rss,
  ])
  const bytes = [sizeOf(join(home, 'log')), sizeOf(home, /^state\.db/), ...sizes]
  return [number(done), number(Math.round(seconds)), ...bytes.map((size) => number(size / 1e6))]
}

/** The bytes of the files of a folder. */
function sizeOf(folder: string, name = /./): number {
  const files = readdirSync(folder, { withFileTypes: true }).filter((file) => file.isFile() && name.test(file.name))
  return files.reduce((sum, file) => sum + statSync(join(folder, file.name)).size, 0)
}
