/**
 * A vector as a question to the sources of this library.
 *
 * @module
 */

import * as stores from '../../src/authorization/memory-stores.ts'
import * as root from '../../src/index.ts'
import { createDecider, type Decider } from './decider.ts'

export { containerOf } from './decider.ts'

const decider: Decider = createDecider({ ...root, ...stores })

/** See {@link Decider}. */
export const optionsOf: Decider['optionsOf'] = decider.optionsOf
/** See {@link Decider}. */
export const serviceOf: Decider['serviceOf'] = decider.serviceOf
/** See {@link Decider}. */
export const serviceOfSync: Decider['serviceOfSync'] = decider.serviceOfSync
/** See {@link Decider}. */
export const verdictOf: Decider['verdictOf'] = decider.verdictOf
