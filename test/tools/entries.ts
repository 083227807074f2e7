// node only: writes package.json and tsconfig.json

/**
 * `npm run entries`: writes what is derived from `tsup.entry` of package.json, the export map and the `paths` of
 * tsconfig.json.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { exportsOf, pathsOf, readEntries, root } from '../setup/entries.ts'

const entries = readEntries()

rewrite('package.json', (manifest) => ({ ...manifest, exports: exportsOf(entries) }))
rewrite('tsconfig.json', (config) => ({
  ...config,
  compilerOptions: { ...(config['compilerOptions'] as object), paths: pathsOf(entries) },
}))

function rewrite(file: string, change: (value: Record<string, unknown>) => unknown): void {
  const before = JSON.parse(readFileSync(root + file, 'utf8')) as Record<string, unknown>
  writeFileSync(root + file, `${JSON.stringify(change(before), undefined, 2)}\n`)
}
