/**
 * The program that `matrix.ts` runs on each runtime: the smoke test on every back end and on a thread, printed as JSON.
 * The vectors are bundled in.
 *
 * @module
 */

import * as root from 'procura'
import { backend as noble } from 'procura/backend/noble'
import { backend as node } from 'procura/backend/node'
import { backend as web } from 'procura/backend/web'
import * as stores from 'procura/store/memory'
import type { Vector } from '../../spec/vectors/generator/vector.ts'
import { fromHex, type HexSuites } from '../setup/hex-suites.ts'
import { type SmokeReport, smoke } from '../setup/smoke.ts'

/** Put there by the bundler. */
declare const hexSuites: HexSuites
/** The same. */
declare const tokenVectors: readonly Vector[]

const reports: SmokeReport[] = []
for (const backend of [node, web, noble])
  reports.push(await smoke({ ...root, ...stores }, backend, fromHex(hexSuites), tokenVectors))
console.log(JSON.stringify(reports))
