/**
 * `procura/http/forward-auth`: the answers to a proxy that asks whether to forward a request.
 *
 * @module
 */

export { bindToForwarded } from '../../http/binding/forwarded-binding.ts'
