import { AuditError } from '../../errors.ts'
import { nonEmptyString, numberFrom, readOptions, withDefault } from '../../support/options.ts'
import { createChain } from '../chain.ts'
import { type AuditRecord, parseRecord } from '../events/record.ts'
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
  /** Returns the records, oldest first. They are read from their lines at each call. */
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
  // Only lines are kept: a record takes four times the memory.
  const lines: string[] = []
  const records = (): AuditRecord[] => lines.map(parseRecord)
  const sink = createChain({
    name,
    durability: 'process',
    ignoresOptions: true,
    write({ line }) {
      if (lines.length >= maxRecords) {
        throw new AuditError(
          'ERR_AUDIT_UNCONFIRMED',
          `the audit log in memory is full: it has ${maxRecords} records (\`maxRecords\`)`,
        )
      }
      lines.push(flat(line))
    },
  })
  const history = auditHistory({
    inherited: 0,
    async *newestFirst() {
      yield records().reverse()
    },
  })
  return Object.freeze({ ...sink, history, records, lines: () => [...lines] })
}

/** A string that was made of parts keeps them alive until one of its characters is read. */
function flat(text: string): string {
  text.charCodeAt(0)
  return text
}
