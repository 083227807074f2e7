import { appendFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { findOpenIntents } from '../../src/audit/recovery/find-open-intents.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { type JsonlAuditSink, openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import type { SyncPolicy } from '../../src/audit/sinks/jsonl/open-log.ts'
import { readJsonlLines, readJsonlRecords } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardEvent } from '../../src/guard/telemetry.ts'
import { type Faults, faultyFiles } from '../audit/jsonl/faulty-files.ts'
import { canMount, mountSmallDisk } from '../audit/jsonl/small-disk.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { inCi } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { guardOptionsFor, mailOptions } from '../support/guard.ts'
import { listenInTest } from '../support/listen-in-test.ts'
import { call, chainOf } from '../support/service.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { callHangingSink } from './hanging-sink.ts'

const secret = 'canary-81b0f7c3d2aa'
const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })
let upstream: Upstream

beforeAll(async () => {
  upstream = await startUpstream(secret)
})
afterAll(() => upstream.close())

/** A guard over a sink, an address that reports its health, and one call to it. */
async function guarded(inner: AuditSink) {
  const sink = withHealth(inner)
  const errors: unknown[] = []
  const events: GuardEvent[] = []
  const guard = createGuard({
    ...guardOptionsFor(alice, send),
    ...mailOptions(send, upstream, secret),
    audit: { sink },
    onError: (error) => void errors.push(error),
    onEvent: (event) => void events.push(event),
  })
  const health = createServer((_request, response) => {
    const report = sink.health()
    response.writeHead(report.healthy ? 200 : 503).end(JSON.stringify(report))
  })
  const port = await listenInTest(health)
  return {
    guard,
    errors,
    events,
    health: async (): Promise<{ readonly status: number; readonly failed: number; readonly confirmed: number }> => {
      const response = await fetch(`http://127.0.0.1:${port}/health`)
      return { status: response.status, ...((await response.json()) as { failed: number; confirmed: number }) }
    },
    /** Returns `done` or the code of the refusal, and the number of requests to the upstream. */
    async ask(): Promise<readonly [ending: string, reached: number]> {
      const before = upstream.requests.length
      const invocation = await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } })
      const ending = await guard
        .use(encodeContainer([invocation, ...proofs]), (handled) => handled.fetch(`${upstream.origin}/send`))
        .then(
          (result) => (result.allowed ? 'done' : result.denial.code),
          (error: Error & { readonly code?: string }) => error.code ?? error.name,
        )
      return [ending, upstream.requests.length - before]
    },
  }
}

const logIn = async (directory: string, faults: Faults, sync: SyncPolicy = 'group'): Promise<JsonlAuditSink> =>
  openJsonlAuditSink({ directory, sync, files: faultyFiles(faults) })

describe('a failing disk under the log of a guard', () => {
  const passing: readonly (readonly [name: string, sync: SyncPolicy, fault: Faults])[] = [
    ['a write that ends in EIO', 'group', { write: 'EIO' }],
    ['a write that ends in EIO and cannot be undone', 'group', { write: 'EIO', truncate: 'EIO' }],
    ['a sync that ends in EIO', 'group', { sync: 'EIO' }],
    ['a sync of its own that ends in EIO', 'always', { sync: 'EIO' }],
    ['a disk that was remounted to be read only', 'group', { write: 'EROFS', truncate: 'EROFS', create: 'EROFS' }],
    ['a disk that is full', 'group', { room: 0 }],
    ['a disk that is full after a part of a record', 'none', { room: 100 }],
    ['a quota that is used up', 'group', { write: 'EDQUOT' }],
  ]
  it.each(passing)(
    'GRD-01 with %s: no request is sent, health is red, and calls continue within a second of the recovery [attack 78]',
    async (_name, sync, fault) => {
      const directory = temporaryDirectory()
      const faults: Faults = {}
      const { guard, ask, health, errors, events } = await guarded(await logIn(directory, faults, sync))
      expect(await ask()).toEqual(['done', 1])
      expect(await health()).toMatchObject({ status: 200, failed: 0, confirmed: 3 })

      Object.assign(faults, fault)
      for (let count = 1; count <= 3; count++) {
        expect(await ask()).toEqual(['audit_unavailable', 0])
        expect(await health()).toMatchObject({ status: 503, failed: count, confirmed: 3 })
      }
      expect(errors).toHaveLength(3)
      expect(errors.every((error) => /^ERR_AUDIT_/.test((error as { code: string }).code))).toBe(true)
      expect(events.filter(({ name }) => name === 'refused')).toEqual(
        Array.from({ length: 3 }, () => ({ name: 'refused', code: 'audit_unavailable', command: '/mail/send' })),
      )

      for (const key of Object.keys(faults)) delete faults[key as keyof Faults]
      const began = performance.now()
      expect(await ask()).toEqual(['done', 1])
      expect(performance.now() - began).toBeLessThan(1_000)
      expect(await health()).toMatchObject({ status: 200, failed: 3 })
      await guard.close()
      expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
      // Unconfirmed records were cut off: every recorded intent has its outcome.
      expect(await findOpenIntents(readJsonlRecords({ directory }))).toEqual([])
    },
  )

  it('GRD-01 fails between the intent and the release: no request is sent, and the intent remains open [attack 78]', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const log = await logIn(directory, faults)
    const sink: AuditSink = {
      ...log,
      append: (event, options) => {
        if (event.kind === 'released') faults.write = 'EIO'
        return log.append(event, options)
      },
    }
    const { guard, ask, health } = await guarded(sink)
    expect(await ask()).toEqual(['audit_unavailable', 0])
    expect(await health()).toMatchObject({ status: 503, failed: 2, confirmed: 1 })
    await guard.close()
    expect(await findOpenIntents(readJsonlRecords({ directory }))).toHaveLength(1)
  })
})

describe('a disk of 256 KiB under the log of a guard', () => {
  it.runIf(canMount())(
    'GRD-01 is full: no request is sent until it has room, and then within a second [attack 78]',
    async () => {
      const disk = mountSmallDisk()
      const filler = join(disk, 'filler')
      writeFileSync(filler, new Uint8Array(120_000))
      const directory = join(disk, 'log')
      const { guard, ask, health } = await guarded(await openJsonlAuditSink({ directory }))
      const endings: string[] = []
      let reached = 0
      while (endings.at(-1) !== 'audit_unavailable' && endings.length < 500) {
        const [ending, times] = await ask()
        endings.push(ending)
        reached += times
      }
      expect(endings.length).toBeGreaterThan(10)
      // The disk can be full at any record of a call; every request was released before.
      const before = endings.filter((ending) => ending === 'done').length
      expect(reached).toBe(before)
      for (let count = 0; count < 20; count++) expect(await ask()).toEqual(['audit_unavailable', 0])
      // The first refused call may have its release refused, and its shorter outcome recorded.
      expect((await health()).status).toBe(503)
      rmSync(filler)
      const began = performance.now()
      expect(await ask()).toEqual(['done', 1])
      expect(performance.now() - began).toBeLessThan(1_000)
      expect((await health()).status).toBe(200)
      await guard.close()
      expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
      const released: string[] = []
      for await (const { event } of readJsonlRecords({ directory })) {
        if (event.kind === 'released') released.push(event.intent)
      }
      expect(new Set(released).size).toBe(before + 1)
    },
    30_000,
  )
})

describe('a log that another program changes under a guard', () => {
  const changes: readonly (readonly [name: string, change: (path: string, directory: string) => void])[] = [
    ['renames it', (path) => renameSync(path, `${path}.1`)],
    [
      'renames it and puts an empty file in its place',
      (path) => {
        renameSync(path, `${path}.1`)
        writeFileSync(path, '', { mode: 0o600 })
      },
    ],
    ['copies it away and empties it', (path) => truncateSync(path, 0)],
    ['removes it', (path) => rmSync(path)],
    ['removes the whole directory', (_path, directory) => rmSync(directory, { recursive: true })],
    ['writes to it', (path) => appendFileSync(path, 'x\n')],
    ['takes its lock away', (_path, directory) => rmSync(join(directory, 'audit.lock'), { recursive: true })],
  ]
  it.each(changes)(
    'GRD-01 stops all requests, and health is red until it is opened again: the program %s [attack 78] [attack 79]',
    async (_name, change) => {
      const directory = join(temporaryDirectory(), 'log')
      const { guard, ask, health, errors } = await guarded(await logIn(directory, {}))
      expect(await ask()).toEqual(['done', 1])
      change(join(directory, 'audit-0000000000000001.jsonl'), directory)
      for (let count = 1; count <= 3; count++) {
        expect(await ask()).toEqual(['audit_unavailable', 0])
        expect(await health()).toMatchObject({ status: 503, failed: count })
        expect(errors.at(-1)).toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
      }
      await guard.close()
    },
  )
})

describe('two sinks of a guard, one of them down', () => {
  const down: AuditSink = {
    name: 'down',
    append: () => Promise.reject(new Error('ECONNREFUSED')),
    close: async () => undefined,
  }

  it('AUD-02 refuse the call if both are required', async () => {
    const { ask, health } = await guarded(allOf([memoryAuditSink(), down]))
    expect(await ask()).toEqual(['audit_unavailable', 0])
    expect((await health()).status).toBe(503)
  })

  it('AUD-03 continue if one is enough, and report the other', async () => {
    const flagged: string[] = []
    const one = memoryAuditSink()
    const { ask, health } = await guarded(anyOf([down, one], { onFailure: ({ sink }) => void flagged.push(sink) }))
    expect(await ask()).toEqual(['done', 1])
    expect(flagged).toEqual(['down', 'down', 'down'])
    expect((await health()).status).toBe(200)
    expect(one.records().map(({ event }) => event.kind)).toEqual(['intent', 'released', 'outcome'])
  })
})

describe('a sink that does not return a confirmation', () => {
  it.each([undefined, null, false, new Error('disk full'), { ok: false }])(
    'GRD-01 AUD-23 stops the request by returning %s [attack 78]',
    async (answer) => {
      for (const kind of ['intent', 'released'] as const) {
        const memory = memoryAuditSink()
        const { ask } = await guarded({
          ...memory,
          append: async (event, options) =>
            event.kind === kind ? (answer as never) : await memory.append(event, options),
        })
        expect(await ask()).toEqual(['audit_unavailable', 0])
      }
    },
  )

  it('AUD-23 leaves the outcome unrecorded, which the result reports', async () => {
    const memory = memoryAuditSink()
    const { guard, errors } = await guarded({
      ...memory,
      append: async (event, options) =>
        event.kind === 'outcome' ? (undefined as never) : await memory.append(event, options),
    })
    const invocation = await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } })
    const result = await guard.use(encodeContainer([invocation, ...proofs]), () => 'done')
    expect(result).toMatchObject({ allowed: true, recorded: false })
    expect(errors).toMatchObject([{ code: 'ERR_AUDIT_UNCONFIRMED' }])
  })
})

describe('a hanging sink', () => {
  it('AUD-05 delays each call to its deadline, holds a thousand events, and uses constant memory [attack 78]', async () => {
    const { calls, ran, codes, late, unanswered, heap } = await callHangingSink({
      seconds: 2,
      perSecond: 50,
      // A full garbage collection of a test process takes a quarter of a second.
      samples: inCi ? 5 : 2,
    })
    expect(calls).toBeGreaterThan(1_200)
    expect([ran, codes, unanswered, late]).toEqual([0, ['audit_unavailable'], 1_000, 0])
    const [first = 0] = heap
    expect((heap.at(-1) ?? 0) - first).toBeLessThan(2 * 1024 * 1024)
  }, 60_000)
})
