// node only: writes files

/**
 * A TypeScript project of a consumer that imports every entry point, with `skipLibCheck` off: our declarations must not
 * require types that a consumer lacks. Portable entry points are compiled without the types of Node, and all entry
 * points without the types of browsers.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isPublic, readEntries, root, specifierOf } from '../setup/entries.ts'
import { readSources } from '../setup/source.ts'

/**
 * Writes the project into a folder whose `node_modules` holds the package.
 *
 * @returns paths of the two configurations to compile.
 */
export function writeConsumer(folder: string): readonly string[] {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  const nodeOnly = new Set(readSources('src').flatMap((file) => (file.nodeOnly ? file.path : [])))
  const entries = Object.entries(readEntries()).filter(([name]) => isPublic(name))
  const portable = entries.filter(([, file]) => !nodeOnly.has(file)).map(([name]) => name)
  const others = entries.filter(([, file]) => nodeOnly.has(file)).map(([name]) => name)
  return [
    writeProject('portable', portable, [], ['DOM', 'DOM.Iterable', 'ESNext.Disposable']),
    writeProject('node', [...portable, ...others], ['node'], []),
  ]

  function writeProject(
    name: string,
    imported: readonly string[],
    types: readonly string[],
    lib: readonly string[],
  ): string {
    const lines = imported.map((entry, index) => `export * as entry${index} from '${specifierOf(entry)}'\n`)
    writeFileSync(join(folder, `${name}.ts`), lines.join(''))
    const compilerOptions = {
      target: 'ES2022',
      module: 'NodeNext',
      lib: ['ES2023', ...lib],
      types,
      typeRoots: [`${root}node_modules/@types`],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
    }
    const path = join(folder, `${name}.json`)
    writeFileSync(path, JSON.stringify({ compilerOptions, files: [`${name}.ts`] }))
    return path
  }
}
