import { describe, expect, it } from 'vitest'
import { discloseArguments } from '../../src/audit/privacy/disclose-arguments.ts'
import { sealPersonal } from '../../src/audit/privacy/personal.ts'
import { pseudonymizeEvent } from '../../src/audit/privacy/pseudonym.ts'
import { parseCid } from '../../src/core/ipld/parse-cid.ts'
import * as privacy from '../../src/entries/audit/privacy.ts'
import * as verify from '../../src/entries/audit/verify.ts'
import * as sinks from '../../src/entries/audit.ts'
import { AuditError, MalformedError, type ProcuraError } from '../../src/errors.ts'
import { createKeyFile } from '../../src/vault/stores/file/key.ts'
import { actor, now } from '../support/actors.ts'
import { errorOf } from '../support/error-of.ts'
import { denied, id, intent } from './events.ts'

const audit = { ...sinks, ...privacy, ...verify, discloseArguments, pseudonymizeEvent, sealPersonal }
const signer = await actor('service')
const hash = 'ab'.repeat(32)
const record = { sequence: 1, previous: hash, hash, event: intent(1) }
const product = { name: 'mail', vendorName: 'Example' }
const keys = audit.memoryPersonalKeyStore()
const cid = parseCid('bafyreih5fz46t2uxcyj6xa2v2cpmrobcgwvd5u3gjxohhcjjcvqgzuytda')
const authorization = { command: '/mail', args: {}, principals: [], proofs: [cid], invocation: cid, task: cid }
const position = { sequence: 1, hash }
const checkpoint = await audit.signCheckpoint({ signer, log: 'mail', position, time: now })
const denial = { code: 'expired', message: 'late', requirement: 'TIM-03' } as const
const secretKey = new Uint8Array(32)

/** Valid calls by name, each with the arguments that the test replaces by wrong ones. */
const calls: Readonly<Record<string, readonly [(...args: never[]) => unknown, readonly unknown[]]>> = {
  toOcsf: [audit.toOcsf, [record, { product }]],
  'toOcsf of an event': [(event: never) => audit.toOcsf({ ...record, event }, { product }), [denied(1)]],
  'toOcsf of a product': [(name: never) => audit.toOcsf(record, { product: name }), [product]],
  intentEvent: [audit.intentEvent, [{ authorization, time: now }]],
  'intentEvent of an authorization': [
    (wrong: never) => audit.intentEvent({ authorization: wrong, time: now }),
    [authorization],
  ],
  deniedEvent: [audit.deniedEvent, [{ denial, time: now }]],
  'deniedEvent of a denial': [(wrong: never) => audit.deniedEvent({ denial: wrong, time: now }), [denial]],
  signCheckpoint: [audit.signCheckpoint, [{ signer, log: 'mail', position, time: now }]],
  'signCheckpoint by a signer': [
    (wrong: never) => audit.signCheckpoint({ signer: wrong, log: 'mail', position, time: now }),
    [signer],
  ],
  'signCheckpoint of a place': [
    (wrong: never) => audit.signCheckpoint({ signer, log: 'mail', position: wrong, time: now }),
    [position],
  ],
  verifyCheckpoint: [(wrong: never) => audit.verifyCheckpoint(checkpoint, wrong), [{ signers: [] }]],
  hashArguments: [audit.hashArguments, [{ args: {}, salt: secretKey }]],
  'hashArguments with a salt': [(salt: never) => audit.hashArguments({ args: {}, salt }), [secretKey]],
  argumentSalt: [(key: never) => audit.argumentSalt(key, id(1)), [secretKey]],
  discloseArguments: [(names: never) => audit.discloseArguments({ a: 1 }, names), [['a']]],
  sealPersonal: [(wrong: never) => audit.sealPersonal({}, id(1), wrong), [{ key: 'ann', keys }]],
  openPersonal: [(wrong: never) => audit.openPersonal(record.event, wrong), [{ keys }]],
  pseudonymizeEvent: [(wrong: never) => audit.pseudonymizeEvent(record.event, wrong), [async (did: string) => did]],
  auditHistory: [audit.auditHistory, [{ inherited: 0, newestFirst: () => [] }]],
  parseRecord: [audit.parseRecord, [audit.formatRecord(record)]],
  findOpenIntents: [audit.findOpenIntents, [[record]]],
}

const wrong = [undefined, null, true, 0, 1.5, '', 'x', Symbol('s'), [null], {}, new Uint8Array(1)]

describe('wrong arguments of the audit', () => {
  for (const [name, [call, args]] of Object.entries(calls)) {
    it(`of ${name} give an error of the library`, async () => {
      // The valid call must succeed; otherwise its failure would hide the failures below.
      expect(await errorOf(() => call(...(args as never[])))).toBeUndefined()
      for (const [place] of args.entries()) {
        for (const other of wrong) {
          const error = await errorOf(() => call(...(args.with(place, other) as never[])))
          expect.soft(isOurs(error), `${String(place)} = ${describeValue(other)}: ${String(error)}`).toBe(true)
        }
      }
    })
  }
})

describe('createKeyFile', () => {
  it('requires a path', async () => {
    for (const other of [undefined, null, 7, '', {}]) {
      await expect(createKeyFile(other as never)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: 'createKeyFile: `path` must be a non-empty string',
      })
    }
  })
})

describe('the options of the audit', () => {
  const personal = { key: 'ann', keys }
  const tried: Readonly<Record<string, readonly [(...args: never[]) => unknown, readonly unknown[], object]>> = {
    toOcsf: [audit.toOcsf, [record], { product, activityOf: () => 'read' }],
    'toOcsf, of the record': [(given: never) => audit.toOcsf(given, { product }), [], record],
    intentEvent: [audit.intentEvent, [], { authorization, time: now, privacy: {}, vault: 'mail' }],
    deniedEvent: [audit.deniedEvent, [], { denial, time: now, privacy: {}, call: {} }],
    suppressedEvent: [audit.suppressedEvent, [], { denials: { authenticated: true, count: 1, since: now }, time: now }],
    sealPersonal: [audit.sealPersonal, [{ to: 'ann@example.com' }, 'a'], personal],
    openPersonal: [audit.openPersonal, [intent(1)], { keys }],
    createPseudonymizer: [audit.createPseudonymizer, [], { key: secretKey, epoch: '2026' }],
    hashArguments: [audit.hashArguments, [], { args: {}, salt: secretKey }],
    signCheckpoint: [audit.signCheckpoint, [], { signer, log: 'mail', position, time: now }],
    verifyCheckpoint: [audit.verifyCheckpoint, [checkpoint], { signers: [] }],
    verifyAuditLog: [audit.verifyAuditLog, [[]], { from: position, head: position, signers: [], log: 'mail' }],
    sampleDenials: [audit.sampleDenials, [], { perIssuer: 1, inAll: 2, period: 3 }],
  }

  it.each(Object.entries(tried))('are each read once by %s', async (_, [call, before, options]) => {
    const reads = new Map<string, number>()
    const counted = new Proxy(options, {
      get(target, name, receiver) {
        reads.set(String(name), (reads.get(String(name)) ?? 0) + 1)
        return Reflect.get(target, name, receiver)
      },
    })
    await call(...([...before, counted] as never[]))
    expect(Object.keys(options).map((name) => [name, reads.get(name)])).toEqual(
      Object.keys(options).map((name) => [name, 1]),
    )
  })
})

function isOurs(error: unknown): boolean {
  const { code } = Object(error) as Partial<ProcuraError>
  return code === 'ERR_INVALID_ARGUMENT' || error instanceof MalformedError || error instanceof AuditError
}

function describeValue(value: unknown): string {
  return typeof value === 'symbol' ? 'a symbol' : JSON.stringify(value)
}
