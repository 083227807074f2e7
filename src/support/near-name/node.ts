// node only: elsewhere the size of the code counts
/**
 * The name that the message about an unknown option suggests, on Node.
 *
 * @module
 */

export { nearestName as nearName } from '../nearest-name.ts'
