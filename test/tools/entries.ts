// node only: writes files

/**
 * `npm run entries`: writes what follows from the files of `src/entries`, the export map of package.json, the `paths`
 * of tsconfig.json and the entry points of typedoc.json; and the JSON Schema of `gateway.json`, which follows from its
 * shape.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { gatewaySchema } from '../../packages/cli/test/setup/gateway-schema.ts'
import { documentedEntries, exportsOf, pathsOf, readEntries, root } from '../setup/entries.ts'

const entries = readEntries()

rewrite('package.json', (manifest) => ({ ...manifest, exports: exportsOf(entries) }))
rewrite('tsconfig.json', (config) => ({
  ...config,
  compilerOptions: { ...(config['compilerOptions'] as object), paths: pathsOf(entries) },
}))
rewrite('typedoc.json', (config) => ({ ...config, entryPoints: documentedEntries(entries) }))

writeFileSync(`${root}packages/cli/schema/gateway.schema.json`, `${JSON.stringify(gatewaySchema(), undefined, 2)}\n`)

function rewrite(file: string, change: (value: Record<string, unknown>) => unknown): void {
  const before = JSON.parse(readFileSync(root + file, 'utf8')) as Record<string, unknown>
  writeFileSync(root + file, `${JSON.stringify(change(before), undefined, 2)}\n`)
}
