/**
 * The shortcuts of reading elsewhere than on Node, where `#shortcuts` leads there.
 *
 * @module
 */

export { explain } from '../../authorization/explanation/web.ts'
export { readUsualInvocation, readUsualLink } from '../../authorization/formats/usual-token/web.ts'
export { canBorrow, createKnownTokens, recognize } from '../../authorization/machinery/known-tokens/web.ts'
export { createVerifiers } from '../../authorization/machinery/verifiers/web.ts'
export { readUsualContainer } from '../../container/usual-container/web.ts'
export { checkPoint } from '../../did/check-point/web.ts'
export { createTextCache } from '../../ipld/text-cache/web.ts'
