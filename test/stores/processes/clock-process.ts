/**
 * A process that is a service with a clock of its own, for histories of several.
 *
 * @module
 */

import process from 'node:process'
import { answerQuestions } from '../../support/ask-process.ts'
import { clockService } from '../clock-history.ts'
import { openStores, type StoresPlace } from './place.ts'

const { place, tolerance } = JSON.parse(process.argv[2] ?? '') as {
  readonly place: StoresPlace
  readonly tolerance: number
}
answerQuestions(await clockService((clock) => openStores(place, clock), tolerance))
