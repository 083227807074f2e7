import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { deniedEvent, intentEvent } from '../../src/audit/events/describe-call.ts'
import { newEventId } from '../../src/audit/events/event.ts'
import { toOcsf } from '../../src/audit/events/ocsf.ts'
import { openPersonal, sealPersonal } from '../../src/audit/privacy/personal.ts'
import { memoryPersonalKeyStore } from '../../src/audit/privacy/personal-key-store.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { callbackAuditSink } from '../../src/audit/sinks/callback-audit-sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { otelAuditSink } from '../../src/audit/sinks/otel-audit-sink.ts'
import { postgresAuditSink } from '../../src/audit/sinks/postgres/postgres-audit-sink.ts'
import { sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import type { AuthorizationFacts } from '../../src/core/authorization/authorization.ts'
import { parseCommand } from '../../src/core/capability/command.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { shortRuns } from '../property/runs.ts'
import { agent, alice, service } from './events.ts'
import { type Faults, faultyFiles } from './jsonl/faulty-files.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'

/** Calls to each sink, with two events each. */
const { numRuns: rounds } = shortRuns(100)
const canary = 'canary-9f86d081884c7d65'
const cid = CID.parse('bafyreih5fz46t2uxcyj6xa2v2cpmrobcgwvd5u3gjxohhcjjcvqgzuytda')
const authorization: AuthorizationFacts = {
  subject: parseDid(alice),
  invoker: parseDid(agent),
  audience: parseDid(service),
  principals: [parseDid(alice), parseDid(agent)],
  command: parseCommand('/mail/send'),
  args: { to: canary, body: [canary, { [canary]: canary }], amount: 7 },
  proofs: [cid],
  invocation: cid,
  task: cid,
  expiration: 2_000_000_000,
}
const privacy = {
  argumentsKey: new TextEncoder().encode(canary.repeat(2)),
  disclose: new Map([['/mail/send', ['amount']]]),
}

/** All output of a sink for the events of a call that contains the canary. */
async function drive(sink: AuditSink, rounds: number): Promise<string> {
  const seen: unknown[] = []
  for (let i = 0; i < rounds; i++) {
    const event = await intentEvent({ authorization, time: i, privacy })
    const denial = { code: 'arguments_invalid', message: canary, requirement: 'ARG-01' } as const
    const refused = await deniedEvent({
      denial: { ...denial, detail: { kind: 'argument', argument: 'to', problem: canary } },
      time: i,
    })
    for (const one of [event, refused]) {
      await sink.append(one, {}).then(
        (confirmation) => seen.push(confirmation),
        (error: Error) => seen.push(error, error.message, error.stack, error.cause),
      )
    }
  }
  await sink.close()
  await sink
    .append({ kind: 'outcome', id: newEventId(), time: 1, intent: 'x', status: 'ok' }, {})
    .catch((error) => seen.push(error))
  return inspect([seen, sink], { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })
}

describe('the content of a call', () => {
  it(`PRV-05 does not appear in any sink, error or export, over ${2 * rounds} failing appends to each sink [attack 77]`, async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const files = faultyFiles(faults)
    const memory = memoryAuditSink()
    const lines: string[] = []
    const refuse = (): never => {
      throw new Error('down')
    }
    const refused = async (): Promise<never> => refuse()
    const database = { exec: () => undefined, prepare: () => ({ run: refuse, get: () => undefined, all: () => [] }) }
    const failing = callbackAuditSink({ write: refuse })
    const full = await openJsonlAuditSink({ directory, files })
    faults.room = 100
    const hanging: AuditSink = {
      name: 'hanging',
      append: () => new Promise(() => undefined),
      close: async () => undefined,
    }
    const broken = {
      write(_text: string, done: (error: Error) => void): boolean {
        done(new Error('EPIPE'))
        return false
      },
    }
    const texts = [
      await drive(full, rounds),
      await drive(failing, rounds),
      await drive(allOf([memoryAuditSink(), failing]), rounds),
      await drive(anyOf([failing, failing], { onFailure: (failure) => void lines.push(inspect(failure)) }), rounds),
      await drive(withHealth(withDeadline(hanging, { deadlineMs: 1 })), rounds),
      await drive(stdoutAuditSink({ stream: broken }), rounds),
      await drive(otelAuditSink({ logger: { emit: refuse } }), rounds),
      await drive(sqliteAuditSink({ database }), rounds),
      await drive(postgresAuditSink({ pool: { connect: refused } }), rounds),
      await drive(memory, rounds),
      memory.lines().join('\n'),
      JSON.stringify(memory.records().map((record) => toOcsf(record, { product: { name: 'a', vendorName: 'b' } }))),
      lines.join('\n'),
    ]
    for await (const line of readJsonlLines({ directory })) texts.push(line)
    const all = texts.join('\n')
    expect(all.match(/ERR_AUDIT_/g)?.length).toBeGreaterThan(15 * rounds)
    expect(all).toContain('"amount":7')
    expect(all).not.toContain(canary)
    expect(all).not.toContain(Buffer.from(canary).toString('base64').slice(0, 20))
  })

  it('PRV-04 does not appear in an error of the encryption [attack 77]', async () => {
    const keys = memoryPersonalKeyStore()
    const sealed = await sealPersonal({ to: canary }, 'a', { key: 'ann', keys })
    const wrong = [
      sealPersonal({ to: canary.repeat(300) }, 'a', { key: 'ann', keys }),
      openPersonal({ kind: 'denied', id: 'b', time: 1, code: 'x', personal: sealed }, { keys }),
    ]
    for (const attempt of wrong) {
      const error = await attempt.then(
        () => undefined,
        (caught: unknown) => caught,
      )
      expect(error).toBeInstanceOf(Error)
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(canary)
    }
  })

  it('LOG-09 does not appear in a report about a changed log [attack 77]', async () => {
    const memory = memoryAuditSink()
    await memory.append(await intentEvent({ authorization, time: 1 }), {})
    for (const line of [canary, memory.lines()[0]?.replace('/mail/send', canary) ?? '', `{"a":"${canary}"}`]) {
      expect(JSON.stringify(await verifyAuditLog([line, line]))).not.toContain(canary)
    }
    const directory = temporaryDirectory()
    await (await openJsonlAuditSink({ directory })).close()
    writeFileSync(join(directory, 'audit-0000000000000001.jsonl'), `${canary}\n`, { mode: 0o600 })
    const error = await openJsonlAuditSink({ directory }).catch((caught: unknown) => caught as Error)
    expect((error as Error).message).not.toContain(canary)
    rmSync(directory, { recursive: true })
  })
})
