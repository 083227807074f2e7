/**
 * A vector as a question to the sources of this library.
 *
 * @module
 */

import type { Context } from '../../spec/vectors/generator/vector.ts'
import * as stores from '../../src/entries/store/memory.ts'
import { standardFormat } from '../../src/core/authorization/formats/standard-format.ts'
import type { TokenFormat } from '../../src/core/authorization/formats/token-format.ts'
import * as root from '../../src/entries/index.ts'
import { ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { createDecider, type Decider } from './decider.ts'

export { containerOf } from './decider.ts'

const decider: Decider = createDecider({ ...root, ...stores }, formatsOf)

/** The formats that a context names. */
function formatsOf({ formats = [], attestationAuthorities = [], owners }: Context): readonly TokenFormat[] {
  const ownerOf = (resource: string): string | undefined =>
    owners !== undefined && Object.hasOwn(owners, resource) ? owners[resource] : undefined
  const ucanto = ucantoFormat({ attestationAuthorities, ...(owners === undefined ? {} : { ownerOf }) })
  return formats.map((format) => (format === '1.0.0' ? standardFormat : ucanto))
}

/** See {@link Decider}. */
export const optionsOf: Decider['optionsOf'] = decider.optionsOf
/** See {@link Decider}. */
export const serviceOf: Decider['serviceOf'] = decider.serviceOf
/** See {@link Decider}. */
export const serviceOfSync: Decider['serviceOfSync'] = decider.serviceOfSync
/** See {@link Decider}. */
export const verdictOf: Decider['verdictOf'] = decider.verdictOf
