/**
 * `procura/receipt`: what came of a task, signed by who executed it.
 *
 * @module
 */

export { type IssueReceiptOptions, issueReceipt } from './issue-receipt.ts'
export type { Outcome, Receipt } from './receipt.ts'
export { type ReceiptFault, type ReceiptVerdict, type VerifyReceiptOptions, verifyReceipt } from './verify-receipt.ts'
