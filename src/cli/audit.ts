// node only: reads files

import { toOcsf } from '../audit/events/ocsf.ts'
import { findOpenIntents } from '../audit/recovery/find-open-intents.ts'
import { readJsonlLines, readJsonlRecords } from '../audit/sinks/jsonl/read-jsonl-log.ts'
import type { AuditLogFault } from '../audit/verify/audit-log-fault.ts'
import { verifyAuditLog } from '../audit/verify/verify-audit-log.ts'
import { quote } from '../support/quote.ts'
import type { Host } from './host.ts'
import { UsageError } from './usage-error.ts'

/** Options of the audit verbs, as parsed. */
export interface AuditFlags {
  readonly prefix?: string | undefined
  readonly sequence?: string | undefined
  readonly hash?: string | undefined
  readonly product?: string | undefined
  readonly vendor?: string | undefined
  readonly json?: boolean | undefined
}

/**
 * `procura audit VERB`.
 *
 * @returns the exit code: 1 if the log is not valid, or has open intents.
 */
export async function auditCommand(words: readonly string[], flags: AuditFlags, host: Host): Promise<number> {
  const [verb, directory, ...more] = words
  if (directory === undefined || more.length > 0) throw new UsageError('audit requires the directory of the log')
  const log = flags.prefix === undefined ? { directory } : { directory, prefix: flags.prefix }
  if (verb === 'verify') return verify(log, flags, host)
  if (verb === 'open') return listOpen(log, flags, host)
  if (verb === 'ocsf') return printOcsf(log, flags, host)
  throw new UsageError('audit verify, open or ocsf')
}

interface Log {
  readonly directory: string
  readonly prefix?: string
}

async function verify(log: Log, flags: AuditFlags, host: Host): Promise<number> {
  const head = headOf(flags)
  const report = await verifyAuditLog(some(readJsonlLines(log), log), head === undefined ? {} : { head })
  if (flags.json === true) host.print(JSON.stringify(report))
  else if (report.valid)
    host.print(`${report.records} records, unchanged; the last is ${report.head.sequence} ${report.head.hash}`)
  else host.print(faultOf(report.fault))
  return report.valid ? 0 : 1
}

/** Prints a verified log. Of a log with a fault nothing is printed, because a reader of events cannot detect it. */
async function printOcsf(log: Log, { product, vendor }: AuditFlags, host: Host): Promise<number> {
  if (product === undefined || vendor === undefined)
    throw new UsageError('needs --product and --vendor: who writes the log')
  const report = await verifyAuditLog(some(readJsonlLines(log), log))
  if (!report.valid) {
    host.complain(`procura: ${faultOf(report.fault)}`)
    return 1
  }
  const options = { product: { name: product, vendorName: vendor }, log: log.prefix ?? 'audit' }
  let left = report.records
  for await (const record of readJsonlRecords(log)) {
    if (left === 0) break
    left -= 1
    host.print(JSON.stringify(toOcsf(record, options)))
  }
  return 0
}

/** Refuses a log without records: its files were removed, or are in another directory. */
async function* some<T>(items: AsyncIterable<T>, { directory, prefix = 'audit' }: Log): AsyncGenerator<T, void> {
  let found = false
  for await (const item of items) {
    found = true
    yield item
  }
  if (!found) throw new UsageError(`no record in ${quote(directory, 256)}, in files that begin with ${quote(prefix)}`)
}

function faultOf({ kind, line, sequence, message }: AuditLogFault): string {
  return `${kind} at line ${line}, record ${sequence}: ${message}`
}

function headOf({ sequence, hash }: AuditFlags): { sequence: number; hash: string } | undefined {
  if (sequence === undefined && hash === undefined) return undefined
  if (sequence === undefined || hash === undefined || !/^[0-9]{1,15}$/.test(sequence) || !/^[0-9a-f]{64}$/.test(hash)) {
    throw new UsageError('--sequence and --hash are required together: a number, and 64 hexadecimal digits')
  }
  return { sequence: Number(sequence), hash }
}

async function listOpen(log: Log, flags: AuditFlags, host: Host): Promise<number> {
  const open = await findOpenIntents(some(readJsonlRecords(log), log))
  const rows = open.map(({ sequence, event, released }) => {
    const { command, invocation, time } = event
    return { sequence, time: new Date(time * 1_000).toISOString(), command, invocation, released }
  })
  if (flags.json === true) host.print(JSON.stringify(rows))
  else {
    for (const row of rows) {
      host.print(
        `${row.sequence}\t${row.time}\t${plain(row.command)}\t${plain(row.invocation)}\t${row.released ? 'released' : 'not known to be released'}`,
      )
    }
    host.print(`${rows.length} intents without an outcome`)
  }
  return rows.length === 0 ? 0 : 1
}

/** Escapes text of a log, which anybody may have changed, for a terminal. */
function plain(text: string): string {
  return quote(String(text), 512).slice(1, -1)
}
