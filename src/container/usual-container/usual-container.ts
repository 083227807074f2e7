import type { Limits } from '../../limits.ts'

/**
 * Reads the tokens of a container as views of its body, if it has the usual form. Returns undefined for every other
 * container, also for a malformed one.
 *
 * @param body - the container without its header, as a plain `Uint8Array`.
 */
export type ReadUsualContainer = (body: Uint8Array, limits: Limits) => readonly Uint8Array[] | undefined
