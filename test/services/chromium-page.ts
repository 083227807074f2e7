/**
 * The program of the page that `chromium.test.ts` opens: runs the smoke test with what the browser offers and leaves the
 * reports for the test to read.
 *
 * @module
 */

import * as root from 'procura'
import { backend as portable } from 'procura/backend/noble'
import { backend as platform } from 'procura/backend/web'
import * as stores from 'procura/store/memory'
import { fromHex, type HexSuites } from '../setup/hex-suites.ts'
import { type SmokeReport, smoke } from '../setup/smoke.ts'

declare global {
  /** Reports of the browser's back end and of the portable one. */
  var reports: Promise<readonly SmokeReport[]>
}

globalThis.reports = run()

async function run(): Promise<SmokeReport[]> {
  const response = await fetch('/suites.json')
  const suites = fromHex((await response.json()) as HexSuites)
  return [await smoke({ ...root, ...stores }, platform, suites), await smoke({ ...root, ...stores }, portable, suites)]
}
