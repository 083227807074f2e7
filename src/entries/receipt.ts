/**
 * `procura/receipt`: outcomes of tasks, signed by the executor.
 *
 * @module
 */

export { issueReceipt } from '../core/receipt/issue-receipt.ts'
export type { Receipt } from '../core/receipt/receipt.ts'
export { type ReceiptVerdict, verifyReceipt } from '../core/receipt/verify-receipt.ts'
