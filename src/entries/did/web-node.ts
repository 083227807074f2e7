// node only: uses node:dns, node:https, node:stream
/**
 * `procura/did/web-node`: a `fetch` for `did:web` that connects to public addresses only, on Node.
 *
 * @module
 */

export { publicFetch } from '../../core/did/did-web-node.ts'
