// node only: writes logs
import type { Ledger } from 'procura/audit/ledger'
import { AuditError } from 'procura/errors'
import { recordIn } from '../home/home-ledger.ts'
import type { Host } from '../host.ts'
import { type Flags, textOf } from '../verb.ts'

/**
 * Records something in the ledger that `--ledger` names: a log in a directory, with its delegations below it. Without
 * the option nothing is recorded.
 *
 * @param done - completes a failure, if the thing has happened already: `the revocation holds`.
 */
export async function record(
  flags: Flags,
  host: Host,
  write: (ledger: Ledger) => Promise<void>,
  done?: string,
): Promise<void> {
  const directory = textOf(flags, 'ledger')
  if (directory === undefined) return
  try {
    await recordIn(directory, write, (message) => host.complain(message))
  } catch (error) {
    if (done === undefined || !(error instanceof AuditError)) throw error
    const message = `${done}, and is not in the ledger: ${error.message}; run this again when the ledger takes it`
    throw new AuditError(error.code, message, { cause: error })
  }
}
