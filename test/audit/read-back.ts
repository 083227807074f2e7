import type { LoggedEvent } from '../../src/audit/history.ts'
import type { AuditSink } from '../../src/audit/sink.ts'

/** Reads the records that a sink reads back, the last one first. */
export async function readBack({ history }: AuditSink): Promise<LoggedEvent[]> {
  const records: LoggedEvent[] = []
  for await (const page of history?.newestFirst({}) ?? []) records.push(...page)
  return records
}
