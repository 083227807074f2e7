// node only: uses node:buffer
/**
 * Readers and writers of text, and nonces, on Node, where `#texts` leads there.
 *
 * @module
 */

export { samePolicy } from '../../capability/policy/same-policy/node.ts'
export { decode, decodeShortBase58, encode, multibase32 } from '../../ipld/bases/node.ts'
export { decodeShortText, latin1Of32 } from '../../ipld/short-texts/node.ts'
export { functionHint, nearHint, storeHint, strayHint } from '../../support/near-name/node.ts'
export { createNonces } from '../../support/nonces/node.ts'
