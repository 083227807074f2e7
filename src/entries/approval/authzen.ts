/**
 * `procura/approval/authzen`: approvals in the form of the AuthZEN Access Request and Approval Profile.
 *
 * @module
 */

export { type AccessRequestReading, accessRequest, readAccessRequest } from '../../approval/authzen/access-request.ts'
export {
  type AccessTaskOptions,
  type AccessTaskReading,
  accessTask,
  readAccessTask,
} from '../../approval/authzen/access-task.ts'
export { type RequestableDecisionOptions, requestableDecision } from '../../approval/authzen/requestable-decision.ts'
export type {
  AccessRequest,
  AccessRequestDenial,
  AccessRequestProblem,
  AccessTask,
  AccessTaskStatus,
  RequestableDecision,
} from '../../approval/authzen/wire.ts'
