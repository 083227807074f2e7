import { describe, expect, it } from 'vitest'
import { chainedSink } from '../../src/audit/chained-sink.ts'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import { withCheckpoints } from '../../src/audit/combine/with-checkpoints.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import type { AuditHistory } from '../../src/audit/history.ts'
import { recoverIntents } from '../../src/audit/recovery/recover-intents.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { ArgumentError } from '../../src/errors.ts'
import { fakeSink, intent } from './events.ts'

const signer = await generateSigner()
const hash = 'ab'.repeat(32)
const good: Confirmation = { sink: 'x', durability: 'disk', sequence: 1, hash }

/** Values that a sink returns that has stored nothing, or that do not contain the facts of a confirmation. */
const lies: readonly (readonly [name: string, answer: unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['false', false],
  ['true', true],
  ['a text', 'ok'],
  ['a number', 1],
  ['an error', new Error('disk full')],
  ['a list', [good]],
  ['an empty object', {}],
  ['`ok: false`', { ok: false }],
  ['no durability', { sink: 'x' }],
  ['no name', { durability: 'disk' }],
  ['a durability that there is not', { ...good, durability: 'constructor' }],
  ['a durability in a list', { ...good, durability: ['disk'] }],
  ['number zero', { ...good, sequence: 0 }],
  ['a number in a text', { ...good, sequence: '1' }],
  ['half a number', { ...good, sequence: 1.5 }],
  ['a hash that is not one', { ...good, hash: 'AB'.repeat(32) }],
  ['a hash in a list', { ...good, hash: [hash] }],
  ['a hash and more', { ...good, hash: `${hash}\n` }],
]
const lying = (answer: unknown): AuditSink => fakeSink('lying', async () => answer as Confirmation)
const told: string[] = []
const onFailure = ({ error }: { readonly error: { readonly code: string } }): void => void told.push(error.code)

const wrappers: readonly (readonly [name: string, wrap: (sink: AuditSink) => AuditSink])[] = [
  ['withDeadline', (sink) => withDeadline(sink)],
  ['withHealth', (sink) => withHealth(sink)],
  ['allOf', (sink) => allOf([memoryAuditSink(), sink])],
  ['anyOf', (sink) => anyOf([sink, sink], { onFailure })],
  ['withCheckpoints', (sink) => withCheckpoints(sink, { signer, log: 'mail', publish: () => undefined })],
]

describe('a value that is not a confirmation', () => {
  it.each(lies)('AUD-23 confirms nothing through any wrapper: %s [attack 78]', async (_name, answer) => {
    for (const [name, wrap] of wrappers) {
      const appended = wrap(lying(answer)).append(intent(1), {})
      await expect(appended, name).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    }
    const health = withHealth(lying(answer))
    await health.append(intent(1), {}).catch(() => undefined)
    expect(health.health()).toMatchObject({ healthy: false, confirmed: 0, failed: 1 })
    told.length = 0
    await bestEffort(lying(answer), { onFailure }).append(intent(1), {})
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(told).toEqual(['ERR_AUDIT_UNCONFIRMED'])
    const log = memoryAuditSink()
    await log.append(intent(1), {})
    const farFuture = { now: () => intent(1).time + 100_000 }
    const recovered = recoverIntents({
      sink: { ...lying(answer), history: log.history as AuditHistory },
      clock: farFuture,
    })
    await expect(recovered).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
  })

  it('AUD-23 does not confirm a checkpoint in the log either', async () => {
    const memory = memoryAuditSink()
    const sink: AuditSink = {
      ...memory,
      append: async (event, options) =>
        event.kind === 'checkpoint' ? (undefined as never) : memory.append(event, options),
    }
    const checkpoints = withCheckpoints(sink, { signer, log: 'mail', everyRecords: 1, publish: () => undefined })
    await expect(checkpoints.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
  })

  it('AUD-23 cannot pass the check and differ afterwards: the value is read once', async () => {
    let asked = 0
    const changing = {
      sink: 'x',
      get durability() {
        return asked++ === 0 ? 'disk' : 'nowhere'
      },
    }
    const answer = await withDeadline(lying(changing)).append(intent(1), {})
    expect([answer, asked]).toEqual([{ sink: 'x', durability: 'disk' }, 1])
  })

  it('AUD-23 differs from a valid confirmation, which is passed on unchanged', async () => {
    for (const confirmation of [good, { sink: '', durability: 'process' }, { sink: 'x', durability: 'remote', hash }]) {
      for (const [name, wrap] of wrappers.slice(0, 2)) {
        expect(await wrap(lying(confirmation)).append(intent(1), {}), name).toEqual(confirmation)
      }
    }
    const writer = { name: 'x', durability: 'safe' as never, write: () => undefined }
    expect(() => chainedSink(writer)).toThrow(ArgumentError)
  })
})
