// node only: writes logs
import { join } from 'node:path'
import type { Delegation } from 'procura'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { createLedger, fileArchive, type Ledger } from 'procura/audit/ledger'

/** The folder of the ledger of a home folder. The gateway does not write it, so its log can be open meanwhile. */
export function ledgerFolder(home: string): string {
  return join(home, 'ledger')
}

/**
 * Records delegations of the owner in the ledger of a home folder, before an agent gets them. LOG-22
 *
 * @throws AuditError when the ledger does not confirm.
 */
export async function recordIssued(home: string, made: readonly Delegation[]): Promise<void> {
  if (made.length === 0) return
  await recordIn(
    ledgerFolder(home),
    async (ledger) => {
      for (const one of made) await ledger.issued([one])
    },
    () => undefined,
  )
}

/** Opens the ledger in a directory, writes to it, and closes it. */
export async function recordIn(
  directory: string,
  write: (ledger: Ledger) => Promise<void>,
  onWait: (message: string) => void,
): Promise<void> {
  const sink = await openJsonlAuditSink({ directory, onWait })
  try {
    await write(createLedger({ sink, archive: fileArchive({ directory: join(directory, 'delegations') }) }))
  } finally {
    await sink.close()
  }
}
