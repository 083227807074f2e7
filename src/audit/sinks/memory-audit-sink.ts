import { AuditError } from '../../errors.ts'
import { maybe, nonEmptyString, numberFrom, readOptions } from '../../support/options.ts'
import { chainedSink } from '../chained-sink.ts'
import type { AuditRecord } from '../events/record.ts'
import { auditHistory } from '../history.ts'
import type { AuditSink } from '../sink.ts'

/** Options of {@link memoryAuditSink}. */
export interface MemoryAuditSinkOptions {
  /** Most records held. Default 100,000. When full, appending fails: no record is forgotten. */
  readonly maxRecords?: number
  /** For messages. Default `memory`. */
  readonly name?: string
}

/** A log in memory, and what it holds. */
export interface MemoryAuditSink extends AuditSink {
  /** A copy of the list of records, oldest first. */
  records(): readonly AuditRecord[]
  /** The same as lines of text, as a file would have them. */
  lines(): readonly string[]
}

/** A log in the memory of this process: for tests, and to show the last events of a process that has another log. */
export function memoryAuditSink(options: MemoryAuditSinkOptions = {}): MemoryAuditSink {
  readOptions('audit log in memory', options, { maxRecords: maybe(numberFrom(1)), name: maybe(nonEmptyString) })
  const { maxRecords = 100_000, name = 'memory' } = options
  const records: AuditRecord[] = []
  const lines: string[] = []
  const sink = chainedSink({
    name,
    durability: 'process',
    write(record, line) {
      if (records.length >= maxRecords) {
        throw new AuditError('ERR_AUDIT_UNCONFIRMED', `the audit log in memory holds its ${maxRecords} records`)
      }
      records.push(record)
      lines.push(line)
    },
  })
  const history = auditHistory({
    inherited: 0,
    async *newestFirst() {
      yield [...records].reverse()
    },
  })
  return Object.freeze({ ...sink, history, records: () => [...records], lines: () => [...lines] })
}
