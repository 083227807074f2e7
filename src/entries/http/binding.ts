/**
 * `procura/http/binding`: calls that are bound to one HTTP request.
 *
 * @module
 */

export { bindRequest, type RequestParts, requestArguments } from '../../http/binding/request-arguments.ts'
export { bindToRequest, type ReceivedRequest, type RequestBinding } from '../../http/binding/request-binding.ts'
