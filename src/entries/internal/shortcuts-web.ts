/**
 * The shortcuts of reading elsewhere than on Node, where `#shortcuts` leads there.
 *
 * @module
 */

export { explain } from '../../authorization/explanation/web.ts'
export { checkPoint } from '../../did/check-point/web.ts'
