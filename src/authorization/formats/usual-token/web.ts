/**
 * The reader of usual tokens where the size of a program counts: it leaves all tokens to the general reader.
 *
 * @module
 */

import type { OpenInvocation } from '../../chain.ts'
import type { ReadUsual, ReadUsualLink } from './usual-token.ts'

/** See {@link ReadUsual}. */
export const readUsualInvocation: ReadUsual<OpenInvocation> = () => undefined

/** See {@link ReadUsualLink}. */
export const readUsualLink: ReadUsualLink = () => undefined
