/**
 * `procura/approval`: the approval of one call by a person.
 *
 * @module
 */

export { type Approval, approve } from '../approval/approve.ts'
export { describeApprovalRequest, type RequestDescription } from '../approval/describe-request.ts'
export { type ApprovalAnswer, readApprovalAnswer } from '../approval/read-answer.ts'
export { type RequestReading, readApprovalRequest } from '../approval/read-request.ts'
export { refuse } from '../approval/refuse.ts'
export type { ApprovalRequest, ReceivedRequest } from '../approval/request.ts'
export { requestApproval, type SentRequest } from '../approval/request-approval.ts'
export { withApproval } from '../approval/with-approval.ts'
