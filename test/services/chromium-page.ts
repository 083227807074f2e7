/**
 * The program of the page that `chromium.test.ts` opens: runs the smoke test in the browser, and leaves the reports for
 * the test.
 *
 * @module
 */

import * as root from 'procura'
import { backend as portable } from 'procura/backend/noble'
import { backend as platform } from 'procura/backend/web'
import * as stores from 'procura/store/memory'
import type { Vector } from '../../spec/vectors/generator/vector.ts'
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
  const tokens = (await (await fetch('/tokens.json')).json()) as readonly Vector[]
  const api = { ...root, ...stores }
  return [await smoke(api, platform, suites, tokens), await smoke(api, portable, suites, tokens)]
}
