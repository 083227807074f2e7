// node only: reads a log
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseRecord } from 'procura/audit/verify'
import { quietly } from '#support/quietly.ts'
import { rowOf } from '../logs/log-row.ts'

/** Refused calls of one agent for one reason. */
export interface RecentDenials {
  /** Its DID; undefined for calls that are not known to come from anybody. */
  readonly agent: string | undefined
  readonly code: string
  readonly count: number
}

/** Bytes of the end of the log that are read. */
const maxBytes = 4_194_304

/** Counts the refused calls of a log since a time, the most frequent first, in a bounded part of its end. */
export async function recentDenials(folder: string, since: number): Promise<readonly RecentDenials[]> {
  const counts = new Map<string, RecentDenials>()
  for (const line of await lastLines(folder)) {
    const row = quietly(() => rowOf(parseRecord(line).event, { sequence: 0, log: folder }, () => undefined))
    if (row === undefined || row.time < since || row.decision !== 'denied') continue
    const { agent, code = 'unknown' } = row
    const key = `${agent} ${code}`
    const count = (counts.get(key)?.count ?? 0) + 1 + (row.suppressed ?? 0)
    counts.set(key, { agent, code, count })
  }
  return [...counts.values()].sort((one, other) => other.count - one.count)
}

async function lastLines(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.jsonl')).sort()
  const [last] = names.slice(-1)
  if (last === undefined) return []
  const file = await open(join(folder, last), 'r')
  try {
    const { size } = await file.stat()
    const bytes = Buffer.alloc(Math.min(size, maxBytes))
    await file.read(bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8').split('\n')
  } finally {
    await file.close()
  }
}
