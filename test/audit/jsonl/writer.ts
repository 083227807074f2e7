// node only: a process that writes a log until it is killed

import process from 'node:process'
import { jsonlAuditSink, type SyncPolicy } from '../../../src/audit/jsonl/jsonl-audit-sink.ts'
import { id, intent } from '../events.ts'
import { say } from './say.ts'

const [directory = '', sync = 'group', start = '1', maxBytes = '16384', parallel = '4'] = process.argv.slice(2)
let number = Number(start)

try {
  const sink = await jsonlAuditSink({ directory, sync: sync as SyncPolicy, maxBytes: Number(maxBytes) })
  say('open')
  const work = async (): Promise<void> => {
    for (;;) {
      const mine = number++
      await sink.append(intent(mine, { vault: 'x'.repeat(mine % 300) }), {})
      say(id(mine))
      // Without a sync nothing in here waits for the system, and no signal would be seen.
      if (mine % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: Number(parallel) }, work))
} catch (error) {
  const { code, message } = error as { code?: string; message: string }
  say(`failed ${code} ${message}`)
  process.exit(3)
}
