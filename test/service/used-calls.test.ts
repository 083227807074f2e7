import { beforeEach, describe, expect, it } from 'vitest'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { on } from '../../src/service/on.ts'
import { type FileServiceOptions, openFileService } from '../../src/service/open-file-service.ts'
import type { Service } from '../../src/service/service.ts'
import { never } from '../../src/time.ts'
import { intent } from '../audit/events.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { actor } from '../support/actors.ts'

const [owner, agent, signer] = [await actor('owner'), await actor('agent'), await actor('service')]
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const start = 1_800_000_000
const clock = { time: start, now: () => clock.time }
let directory: string

beforeEach(() => {
  directory = temporaryDirectory()
  clock.time = start
})

const open = (change: Partial<FileServiceOptions> = {}): Promise<Service> =>
  openFileService({
    signer,
    subjects: [owner.did],
    handlers: [on(send, () => 'sent')],
    audit: { sink: { directory, sync: 'none' } },
    ...memoryStores({ clock }),
    clock,
    ...change,
  })

/** A call that is signed at a time, and valid for some seconds. */
async function signedAt(time: number, expiresIn = 300): Promise<string> {
  const own = { now: () => time }
  const validity = { clock: own, expiresIn: 12 * expiresIn }
  const grant = await delegate({ issuer: owner, audience: agent.did, command: send, ...validity })
  const call = { issuer: agent, audience: signer.did, command: send, args: { to: 'bob' }, proofs: [grant], clock: own }
  return encodeContainer([await invoke({ ...call, expiresIn }), grant])
}

/** Adds other calls to the log, of more than two of the pages in which it is read, and one of another time. */
async function busyAt(time: number, last: number): Promise<void> {
  const sink = await openJsonlAuditSink({ directory, sync: 'none' })
  const [credential, from] = ['x'.repeat(1_000), sink.position().sequence + 1]
  const times = [...Array.from({ length: 600 }, () => time), last]
  await Promise.all(times.map((time, n) => sink.append(intent(from + n, { time, vault: credential }), {})))
  await sink.close()
}

async function executeOnce(call: string, change: Partial<FileServiceOptions>): Promise<void> {
  const service = await open(change)
  expect(await service.call(call)).toMatchObject({ allowed: true })
  await service.close()
}

describe('the calls that a service has executed before it was opened', () => {
  it('SVC-26 are refused behind any number of pages with `maxInvocationLifetime: never` [attack 15]', async () => {
    const month = 2_592_000
    const lifetime: Partial<FileServiceOptions> = { maxInvocationLifetime: never }
    const call = await signedAt(start, 2 * month)
    await executeOnce(call, lifetime)
    for (const days of [1, 10, 29]) await busyAt(start + days * 86_400, start + days * 86_400)
    clock.time = start + month
    const service = await open(lifetime)
    expect(await service.call(call)).toMatchObject({ allowed: false, denial: { code: 'replayed' } })
    await service.close()
  })

  it('SVC-26 are refused where they were accepted with a larger tolerance [attack 15]', async () => {
    const call = await signedAt(start + 300)
    await executeOnce(call, { clockTolerance: 300 })
    await busyAt(start + 1, start + 600)
    clock.time = start + 600
    for (const clockTolerance of [0, 60, 300]) {
      const again = await open({ clockTolerance })
      expect(await again.call(call), String(clockTolerance)).toMatchObject({ denial: { code: 'replayed' } })
      expect(await again.call(await signedAt(clock.time))).toMatchObject({ allowed: true })
      await again.close()
    }
  })

  it('SVC-26 are refused after a clock that was ahead when it was opened is corrected, until it is opened again', async () => {
    const call = await signedAt(start)
    await executeOnce(call, {})
    await busyAt(start + 1, start + 86_400)
    clock.time = start + 86_400
    const ahead = await open()
    // As the clocks of machines are corrected, within the tolerances.
    clock.time = start + 86_400 - 240
    expect(await ahead.call(await signedAt(clock.time))).toMatchObject({ allowed: true })
    clock.time = start + 10
    const unknown = {
      code: 'replay_unknown',
      requirement: 'SVC-26',
      message: expect.stringContaining('open the service again'),
    }
    expect(await ahead.call(call)).toMatchObject({ denial: unknown })
    expect(await ahead.call(await signedAt(clock.time))).toMatchObject({ denial: unknown })
    await ahead.close()
    const right = await open()
    expect(await right.call(call)).toMatchObject({ denial: { code: 'replayed' } })
    expect(await right.call(await signedAt(clock.time))).toMatchObject({ allowed: true })
    await right.close()
  })
})
