/**
 * `procura/receipt`: outcomes of tasks, signed by the executor.
 *
 * @module
 */

export { type IssueReceiptOptions, issueReceipt } from '../core/receipt/issue-receipt.ts'
export type { Outcome, Receipt } from '../core/receipt/receipt.ts'
export {
  type ReceiptFault,
  type ReceiptVerdict,
  type VerifyReceiptOptions,
  verifyReceipt,
} from '../core/receipt/verify-receipt.ts'
