/**
 * Like `matrix-program.ts`, for workerd, which lacks a standard output: returns the reports as a response.
 *
 * @module
 */

import * as root from 'procura'
import { backend as noble } from 'procura/backend/noble'
import { backend as web } from 'procura/backend/web'
import * as stores from 'procura/store/memory'
import type { Vector } from '../../spec/vectors/generator/vector.ts'
import { fromHex, type HexSuites } from '../setup/hex-suites.ts'
import { smoke } from '../setup/smoke.ts'

/** Put there by the bundler. */
declare const hexSuites: HexSuites
/** The same. */
declare const tokenVectors: readonly Vector[]

interface FetchEvent extends Event {
  respondWith(response: Promise<Response>): void
}

addEventListener('fetch', (event) => {
  const { respondWith } = event as FetchEvent
  respondWith.call(event, answer())
})

async function answer(): Promise<Response> {
  return Response.json([
    await smoke({ ...root, ...stores }, web, fromHex(hexSuites), tokenVectors),
    await smoke({ ...root, ...stores }, noble, fromHex(hexSuites), tokenVectors),
  ])
}
