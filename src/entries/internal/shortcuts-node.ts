// node only: for servers; elsewhere the size of the code counts
/**
 * The shortcuts of reading on Node, where `#shortcuts` leads there.
 *
 * @module
 */

export { explain } from '../../authorization/explanation/node.ts'
export { checkPoint } from '../../did/check-point/node.ts'
