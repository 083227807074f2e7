/**
 * Packages that only some users install: optional peers of this one.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'

/**
 * Loads a package.
 *
 * @param load - imports it; a bundler sees the name there.
 * @throws ArgumentError with the command that installs it when it is absent.
 */
export async function loadPackage<Exports>(name: string, load: () => Promise<Exports>): Promise<Exports> {
  try {
    return await load()
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ArgumentError(`the package \`${name}\` is not installed; run \`npm install ${name}\``)
  }
}
