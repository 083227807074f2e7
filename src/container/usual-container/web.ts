/**
 * The reader of usual containers where the size of a program counts: it leaves all containers to the general reader.
 *
 * @module
 */

import type { ReadUsualContainer } from './usual-container.ts'

/** See {@link ReadUsualContainer}. */
export const readUsualContainer: ReadUsualContainer = () => undefined
