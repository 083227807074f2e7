import type { KeyBytes } from '../multikey.ts'

/**
 * Checks that the bytes of a key encode a point on its curve. Throws, or rejects with, `notOnCurve`.
 *
 * @param key - for which `assertForm` has passed.
 * @param mayWait - whether the caller waits. If not, and the answer is not at hand, nothing is checked. Default true.
 */
export type CheckPoint = (key: KeyBytes, mayWait?: boolean) => void | Promise<void>
