// node only: a process that writes a log until it is killed, or has written a number of events

import process from 'node:process'
import { openJsonlLog } from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import type { SyncPolicy } from '../../../src/audit/sinks/jsonl/open-log.ts'
import { id, intent } from '../events.ts'
import { say } from './say.ts'
import { shortLease } from './short-lease.ts'

const [directory = '', sync = 'group', start = '1', maxBytes = '16384', parallel = '4', leaseMs = '', count = ''] =
  process.argv.slice(2)
let number = Number(start)
const end = count === '' ? Number.POSITIVE_INFINITY : number + Number(count)

try {
  const options = { directory, sync: sync as SyncPolicy, maxBytes: Number(maxBytes) }
  const { sink } = await openJsonlLog(options, leaseMs === '' ? undefined : shortLease(Number(leaseMs)))
  say('open')
  const work = async (): Promise<void> => {
    while (number < end) {
      const mine = number++
      await sink.append(intent(mine, { vault: 'x'.repeat(mine % 300) }), {})
      say(id(mine))
      // Without a sync nothing in here waits for the system, so that no signal would be handled.
      if (mine % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: Number(parallel) }, work))
  // Every other process ends without releasing the lock.
  if (number % 2 === 0) await sink.close()
  process.exit(0)
} catch (error) {
  const { code, message } = error as { code?: string; message: string }
  say(`failed ${code} ${message}`)
  process.exit(3)
}
