import type { AuditEvent } from '../../src/audit/events/event.ts'
import { fieldsOf, prepareFields } from '../../src/audit/events/prepare-event.ts'
import type { Sha256 } from '../../src/audit/events/record.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'

/** Reads and prepares an event, as sinks do for one that is not usual. */
export async function prepareEvent(event: AuditEvent, sha256: Sha256): Promise<IpldMap> {
  return prepareFields(fieldsOf(event), sha256)
}
