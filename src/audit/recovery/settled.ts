import { AuditError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'

/** Tells that an intent has its end on record. LOG-14 */
export function settled(sink: string, sequence: number): AuditError {
  return new AuditError('ERR_AUDIT_SETTLED', `record ${sequence} of ${quote(sink)} ended this intent before`)
}
