/**
 * The package `@ucanto/core`, an optional peer: it writes what other implementations of UCAN 0.9.1 read. It is not
 * needed for reading.
 *
 * @module
 */

import { loadPackage } from '../support/optional-package.ts'

/** The exports of the package. */
export type UcantoCore = typeof import('@ucanto/core')

/**
 * Loads it.
 *
 * @throws ArgumentError with the command that installs it when it is absent.
 */
export function loadCore(): Promise<UcantoCore> {
  return loadPackage('@ucanto/core', () => import('@ucanto/core'))
}
