// node only: reads logs
import { findOpenIntents, verifyAuditLog } from 'procura/audit/verify'
import { quote } from '#support/quote.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { type LogLines, noRecordIn, openLogs, recordsOf } from './log-source.ts'

/**
 * `procura audit VERB`: of one log, in files or in a database.
 *
 * @returns the exit code: 1 if the log is not valid, or has open intents.
 */
export async function auditCommand(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [verb, ...directories] = words
  const logs = await openLogs(directories, flags, host)
  try {
    const [log, ...more] = logs
    if (log === undefined || more.length > 0) throw new UsageError('audit requires the directory of one log')
    if (verb === 'verify') return await verify(log, flags, host)
    if (verb === 'open') return await listOpen(log, flags, host)
    throw new UsageError('audit verify or open')
  } finally {
    for (const log of logs) await log.close()
  }
}

async function verify(log: LogLines, flags: Flags, host: Host): Promise<number> {
  const head = headOf(flags)
  const report = await verifyAuditLog(linesOf(log, flags), head === undefined ? {} : { head })
  if (flags['json'] === true) host.print(JSON.stringify(report))
  else if (report.valid) {
    const { records, head: last } = report
    host.print(`${records} records, unchanged up to record ${last.sequence} ${last.hash}`)
    host.complain(endOf(last.sequence, head))
  } else host.print(faultOf(report.fault))
  return report.valid ? 0 : 1
}

/** A log whose end was cut off is a shorter log: only a number and a hash that were kept elsewhere show it. */
function endOf(last: number, known: { readonly sequence: number } | undefined): string {
  const keep = `keep the number and the hash of record ${last} elsewhere, and pass them next time (--sequence, --hash)`
  if (known === undefined)
    return `not checked: whether the log had more records, which were cut off; to detect it, ${keep}`
  return `the log has record ${known.sequence}, which was known; not checked: whether more records after ${last} were cut off; ${keep}`
}

/** Refuses a log without records: its files were removed, or are in another directory. */
async function* linesOf({ lines, name }: LogLines, flags: Flags): AsyncGenerator<string, void> {
  let found = false
  for await (const line of lines(0)) {
    found = true
    yield line
  }
  if (found) return
  throw noRecordIn([{ name }], flags)
}

type Fault = Extract<Awaited<ReturnType<typeof verifyAuditLog>>, { readonly valid: false }>['fault']

function faultOf({ kind, line, sequence, message }: Fault): string {
  return `${kind} at line ${line}, record ${sequence}: ${message}`
}

function headOf(flags: Flags): { sequence: number; hash: string } | undefined {
  const [sequence, hash] = [textOf(flags, 'sequence'), textOf(flags, 'hash')]
  if (sequence === undefined && hash === undefined) return undefined
  if (sequence === undefined || hash === undefined || !/^[0-9]{1,15}$/.test(sequence) || !/^[0-9a-f]{64}$/.test(hash)) {
    throw new UsageError('--sequence and --hash are required together: a number, and 64 hexadecimal digits')
  }
  return { sequence: Number(sequence), hash }
}

async function listOpen(log: LogLines, flags: Flags, host: Host): Promise<number> {
  const open = await findOpenIntents(recordsOf(linesOf(log, flags), log))
  const rows = open.map(({ sequence, event, released }) => {
    const { command, invocation, time } = event
    return { sequence, time: new Date(time * 1_000).toISOString(), command, invocation, released }
  })
  if (flags['json'] === true) host.print(JSON.stringify(rows))
  else {
    for (const row of rows) {
      host.print(
        `${row.sequence}\t${row.time}\t${escaped(row.command)}\t${escaped(row.invocation)}\t${row.released ? 'released' : 'not known to be released'}`,
      )
    }
    host.print(`${rows.length} intents without an outcome`)
  }
  return rows.length === 0 ? 0 : 1
}

/** Escapes text of a log, which anybody may have changed, for a terminal. */
function escaped(text: string): string {
  return quote(String(text), 512).slice(1, -1)
}
