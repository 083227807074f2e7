import { AuditError } from '../errors.ts'
import { quote } from '../support/quote.ts'

/** The error of a sink as an `AuditError`: as it is when it is one, else wrapped. */
export function unconfirmed(sink: string, cause: unknown): AuditError {
  if (cause instanceof AuditError) return cause
  return new AuditError(
    'ERR_AUDIT_UNCONFIRMED',
    `the audit sink ${quote(String(sink))} did not confirm the event; \`cause\` has its error`,
    { cause },
  )
}
