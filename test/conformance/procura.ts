// node only: a program
/**
 * This library behind the protocol of the conformance runner: a question a line in, an answer a line out.
 *
 * @module
 */

import { createInterface } from 'node:readline'
import { containerOf, serviceOf } from '../vectors/decide.ts'
import type { Question } from './conformance.ts'

for await (const line of createInterface({ input: process.stdin })) {
  const { id, container, context } = JSON.parse(line) as Question
  const service = await serviceOf(context)
  const decision = await service.authorize(containerOf(container))
  const answer = decision.allowed ? { id, allowed: true } : { id, allowed: false, code: decision.denial.code }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
