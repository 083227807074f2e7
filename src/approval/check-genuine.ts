import { Authorization } from '../core/authorization/authorization.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError } from '../errors.ts'
import { type ReceivedRequest, requestIn } from './request.ts'
import { requestDefinition } from './tokens.ts'

/**
 * Checks that a request was verified for this approver.
 *
 * @returns the request that its agent signed: the fields of the object that was passed in may have changed.
 * @throws ArgumentError when it was not.
 */
export function checkGenuine(request: ReceivedRequest, issuer: Signer, of: string): ReceivedRequest {
  const authorization: unknown = Object(request).authorization
  if (!Authorization.is(authorization) || !isSame(request, authorization)) {
    throw new ArgumentError(`${of}: \`request\` must be a request that \`readApprovalRequest\` returned`)
  }
  if (authorization.audience !== issuer.did) {
    throw new ArgumentError(`${of}: the request is addressed to ${authorization.audience}, not to ${issuer.did}`)
  }
  return requestIn(authorization)
}

/** Whether the fields are those that the agent signed. */
function isSame(request: ReceivedRequest, authorization: Authorization): boolean {
  const { args } = authorization
  return (
    authorization.command === requestDefinition.command &&
    request.agent === authorization.invoker &&
    request.approver === authorization.audience &&
    request.service === args['service'] &&
    request.subject === args['subject'] &&
    request.command === args['command'] &&
    request.args === args['arguments'] &&
    request.cid === authorization.invocation &&
    request.expiration === authorization.expiration
  )
}
