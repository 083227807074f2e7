// node only: writes logs
import { join } from 'node:path'
import { createLedger, type Ledger } from '../audit/ledger/create-ledger.ts'
import { fileArchive } from '../audit/ledger/file-archive.ts'
import { openJsonlAuditSink } from '../audit/sinks/jsonl/jsonl-audit-sink.ts'
import type { Host } from './host.ts'
import { type Flags, textOf } from './verb.ts'

/**
 * Records something in the ledger that `--ledger` names: a log in a directory, with its delegations below it. Without
 * the option nothing is recorded.
 */
export async function record(flags: Flags, host: Host, write: (ledger: Ledger) => Promise<void>): Promise<void> {
  const directory = textOf(flags, 'ledger')
  if (directory === undefined) return
  const sink = await openJsonlAuditSink({ directory, onWait: (message) => host.complain(message) })
  try {
    await write(createLedger({ sink, archive: fileArchive({ directory: join(directory, 'delegations') }) }))
  } finally {
    await sink.close()
  }
}
