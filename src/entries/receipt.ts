/**
 * `procura/receipt`: outcomes of tasks, signed by the executor.
 *
 * @module
 */

export { type IssueReceiptOptions, issueReceipt } from '../receipt/issue-receipt.ts'
export type { Outcome, Receipt } from '../receipt/receipt.ts'
export {
  type ReceiptFault,
  type ReceiptVerdict,
  type VerifyReceiptOptions,
  verifyReceipt,
} from '../receipt/verify-receipt.ts'
