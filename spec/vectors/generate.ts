// node only: writes files
/**
 * Writes all vector files: `npx tsx spec/vectors/generate.ts`.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { vectorFiles } from './generator/vector-files.ts'

for (const [name, text] of Object.entries(await vectorFiles())) {
  writeFileSync(new URL(name, import.meta.url), text)
}
