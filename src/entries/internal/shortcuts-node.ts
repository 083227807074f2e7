// node only: for servers; elsewhere the size of the code counts
/**
 * The shortcuts of reading on Node, where `#shortcuts` leads there.
 *
 * @module
 */

export { explain } from '../../authorization/explanation/node.ts'
export { readUsualInvocation, readUsualLink } from '../../authorization/formats/usual-token/node.ts'
export { canBorrow, createKnownTokens, recognize } from '../../authorization/machinery/known-tokens/node.ts'
export { createVerifiers } from '../../authorization/machinery/verifiers/node.ts'
export { readUsualContainer } from '../../container/usual-container/node.ts'
export { checkPoint } from '../../did/check-point/node.ts'
export { createTextCache } from '../../ipld/text-cache/node.ts'
