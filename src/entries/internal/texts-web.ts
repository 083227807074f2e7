/**
 * Readers and writers of text, and nonces, elsewhere than on Node.
 *
 * @module
 */

export { samePolicy } from '../../capability/policy/same-policy/web.ts'
export { decode, decodeShortBase58, encode, multibase32 } from '../../ipld/bases/web.ts'
export { decodeShortText, latin1Of32 } from '../../ipld/short-texts/web.ts'
export { functionHint, nearHint, storeHint, strayHint } from '../../support/near-name/web.ts'
export { createNonces } from '../../support/nonces/web.ts'
