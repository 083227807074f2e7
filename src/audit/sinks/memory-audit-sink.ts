import { AuditError } from '../../errors.ts'
import { nonEmptyString, numberFrom, readOptions, withDefault } from '../../support/options.ts'
import { chainedSink } from '../chained-sink.ts'
import type { AuditRecord } from '../events/record.ts'
import { auditHistory } from '../history.ts'
import type { AuditSink } from '../sink.ts'

/** Options of {@link memoryAuditSink}. */
export interface MemoryAuditSinkOptions {
  /** Most records. Default 100,000. A full log refuses events; no record is dropped. */
  readonly maxRecords?: number
  /** The name in messages. Default `memory`. */
  readonly name?: string
}

/** A log in memory, and its records. */
export interface MemoryAuditSink extends AuditSink {
  /** Returns a copy of the list of records, oldest first. */
  records(): readonly AuditRecord[]
  /** Returns the records as lines of text, as in a file. */
  lines(): readonly string[]
}

/**
 * Makes a log in the memory of this process, for tests and first steps.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function memoryAuditSink(options: MemoryAuditSinkOptions = {}): MemoryAuditSink {
  const { maxRecords, name } = readOptions('memoryAuditSink', options, {
    maxRecords: withDefault(numberFrom(1), 100_000),
    name: withDefault(nonEmptyString, 'memory'),
  })
  const records: AuditRecord[] = []
  const lines: string[] = []
  const sink = chainedSink({
    name,
    durability: 'process',
    write(record, line) {
      if (records.length >= maxRecords) {
        throw new AuditError(
          'ERR_AUDIT_UNCONFIRMED',
          `the audit log in memory is full: it has ${maxRecords} records (\`maxRecords\`)`,
        )
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
