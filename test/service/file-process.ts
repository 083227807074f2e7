// node only: a process that is a service in files, with a clock of its own, until it is killed

import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { on } from '../../src/service/on.ts'
import { openFileService } from '../../src/service/open-file-service.ts'
import { type Faults, faultyFiles } from '../audit/jsonl/faulty-files.ts'
import { actor } from '../support/actors.ts'
import { answerQuestions } from '../support/ask-process.ts'

/** The parameters of the process, as JSON. */
export interface FileProcess {
  readonly directory: string
  /** The file to which an executed call adds its name. */
  readonly effects: string
  readonly clockTolerance: number
  readonly now: number
}

const parameters = JSON.parse(process.argv[2] ?? '') as FileProcess
const { directory, effects, clockTolerance } = parameters
let { now } = parameters
const clock = { now: () => now }
const faults: Faults = {}
const [owner, audience] = await Promise.all([actor('file owner'), actor('file service')])
const pay = defineCommand({ command: '/pay', args: { name: text() } })
const service = await openFileService({
  signer: audience,
  subjects: [owner.did],
  handlers: [on(pay, ({ args }) => appendFileSync(effects, `${args.name}\n`))],
  audit: { sink: { directory, maxBytes: 65_536, files: faultyFiles(faults) }, deadlineMs: 20_000 },
  deadlines: { decisionMs: 20_000, handlerMs: 20_000 },
  clock,
  clockTolerance,
  ...memoryStores({ clock }),
  registry: true,
})

answerQuestions({
  at(time: number) {
    now = time
  },
  fail: (next: Faults) => Object.assign(faults, { room: undefined, sync: undefined, truncate: undefined }, next),
  /** Returns whether it was allowed, or the code of the denial. */
  async call(container: Uint8Array) {
    const result = await service.call(container)
    return result.allowed || result.denial.code
  },
  async revoke(container: Uint8Array) {
    const result = await service.revoke(container)
    return result.accepted || result.denial.code
  },
})
