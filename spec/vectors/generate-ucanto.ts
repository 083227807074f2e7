// node only: writes files
/**
 * Writes the vectors of UCAN 0.9.1 anew: `npx tsx spec/vectors/generate-ucanto.ts`.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { ucantoCases } from './generator/ucanto.ts'

const cases = (await ucantoCases()).map((one) => JSON.stringify(one))
writeFileSync(new URL('ucanto.json', import.meta.url), `{ "version": 1, "cases": [\n${cases.join(',\n')}\n] }\n`)
