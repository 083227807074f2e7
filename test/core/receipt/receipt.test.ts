import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { decodeInvocation } from '../../../src/core/invocation/decode-invocation.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import { issueReceipt } from '../../../src/core/receipt/issue-receipt.ts'
import { type ReceiptVerdict, verifyReceipt } from '../../../src/core/receipt/verify-receipt.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { call, service } from '../../support/service.ts'

const alice = await actor('alice')
const mallory = await actor('mallory')
const { task } = await call({ issuer: alice })
/** A CID that names no task: of another codec. */
const other = CID.createV1(0x55, task.multihash)
const expected = { executor: service.did, task }
const fault = (verdict: ReceiptVerdict): string => (verdict.verified ? 'verified' : verdict.fault)
const raw = async (change: Record<string, unknown>, signer = service): Promise<string> => {
  const payload = {
    ...invocationPayload(service.did),
    cmd: '/ucan/assert/receipt',
    args: { ran: task, out: { ok: 1 } },
    exp: null,
    ...change,
  }
  return fault(await verifyReceipt(await sealRaw(signer, { tag: 'ucan/inv@1.0.0', payload }), expected))
}

describe('a receipt', () => {
  it('RCP-09 is for the value whose hash it contains, and for no other value', async () => {
    const hash = (value: unknown) =>
      createHash('sha256')
        .update(encodeCbor(value as never, 'value'))
        .digest()
    const said = async (ok: unknown, value: unknown) => {
      const receipt = await issueReceipt({ executor: service, task, outcome: { ok: ok as never }, clock })
      return fault(await verifyReceipt(receipt.bytes, { ...expected, value: value as never }))
    }
    const value = { id: 7, tags: ['a', 'b'] }
    const digest = new Uint8Array(hash(value))
    expect(await said({ hash: digest }, value)).toBe('verified')
    expect(await said({ hash: digest }, { tags: ['a', 'b'], id: 7 })).toBe('verified')
    expect(await said({ hash: new Uint8Array(hash(null)) }, null)).toBe('verified')
    for (const other of [{ id: 8, tags: ['a', 'b'] }, { id: 7 }, null, 'x', { hash: digest }]) {
      expect(await said({ hash: digest }, other), JSON.stringify(other)).toBe('value_mismatch')
    }
    for (const ok of [{ hash: null }, { hash: digest, more: 1 }, { hash: digest.slice(1) }, digest, value, null]) {
      expect(await said(ok, value), JSON.stringify(ok)).toBe('value_mismatch')
    }
    const outcome = { error: { name: 'Full', message: 'full' } }
    const failed = await issueReceipt({ executor: service, task, outcome, clock })
    expect(fault(await verifyReceipt(failed.bytes, { ...expected, value }))).toBe('value_mismatch')
    const forged = await issueReceipt({ executor: mallory, task, outcome: { ok: { hash: digest } }, clock })
    expect(fault(await verifyReceipt(forged.bytes, { ...expected, value }))).toBe('executor_mismatch')
    await expect(verifyReceipt(failed.bytes, { ...expected, value: new Map() as never })).rejects.toThrow(ArgumentError)
  })

  it('RCP-09 is not verified with a value that is undefined, as in a response without it', async () => {
    const receipt = await issueReceipt({
      executor: service,
      task,
      outcome: { ok: { hash: new Uint8Array(32) } },
      clock,
    })
    const response: { value?: never } = {}
    const options = { ...expected, value: response.value as never }
    await expect(verifyReceipt(receipt.bytes, options)).rejects.toThrow('`value` is undefined')
    expect(fault(await verifyReceipt(receipt.bytes, expected))).toBe('verified')
  })

  it('contains the result of a task, and is verified by its requester', async () => {
    for (const outcome of [
      { ok: { id: 7 } },
      { ok: null },
      { error: { name: 'Full', message: 'the mailbox is full' } },
    ]) {
      const receipt = await issueReceipt({ executor: service, task, outcome, meta: { record: 'x' }, clock })
      const verdict = await verifyReceipt(receipt.bytes, expected)
      expect(verdict).toMatchObject({
        verified: true,
        receipt: { executor: service.did, outcome, issuedAt: now, meta: { record: 'x' } },
      })
      expect(verdict.verified && verdict.receipt.cid.equals(receipt.cid)).toBe(true)
    }
  })

  it('RCP-01 has one form', async () => {
    expect(await raw({})).toBe('verified')
    expect(await raw({ exp: 1 })).toBe('verified')
    const wrong = [
      { cmd: '/ucan/assert' },
      { args: { ran: task } },
      { args: { ran: task, out: { ok: 1 }, more: 1 } },
      { args: { ran: 'x', out: { ok: 1 } } },
      { args: { ran: task, out: { ok: 1, error: { name: 'x', message: 'y' } } } },
      { args: { ran: task, out: { error: 'x' } } },
      { args: { ran: task, out: 1 } },
      { sub: alice.did },
      { prf: [task] },
      { args: { ran: other, out: { ok: 1 } } },
    ]
    for (const change of wrong) expect(await raw(change), JSON.stringify(change)).toBe('malformed')
    // Also if that audience was requested.
    const payload = { ...invocationPayload(service.did), cmd: '/ucan/assert/receipt', exp: null }
    const ofOther = await sealRaw(service, {
      tag: 'ucan/inv@1.0.0',
      payload: { ...payload, args: { ran: other, out: { ok: 1 } } },
    })
    expect(fault(await verifyReceipt(ofOther, { ...expected, task: other }))).toBe('malformed')
    for (const bytes of [new Uint8Array(9), undefined, null, 'x', [1]]) {
      expect(fault(await verifyReceipt(bytes as never, expected)), String(bytes)).toBe('malformed')
    }
  })

  it('RCP-01 is not signed in another form', async () => {
    for (const outcome of [
      1,
      {},
      { ok: 1, error: { name: 'x', message: 'y' } },
      { error: 'x' },
      { error: { name: 'x' } },
    ]) {
      const issued = issueReceipt({ executor: service, task, outcome: outcome as never, clock })
      await expect(issued, JSON.stringify(outcome)).rejects.toThrow('`outcome` must be')
    }
    const ofOther = issueReceipt({ executor: service, task: other, outcome: { ok: 1 }, clock })
    await expect(ofOther).rejects.toThrow('`task` must be')
  })

  it('RCP-02 is from the executor that was asked', async () => {
    const receipt = await issueReceipt({ executor: mallory, task, outcome: { ok: 1 } })
    expect(fault(await verifyReceipt(receipt.bytes, expected))).toBe('executor_mismatch')
  })

  it('RCP-03 is for the task that was asked for', async () => {
    const other = await call({ issuer: alice })
    const receipt = await issueReceipt({ executor: service, task: other.task, outcome: { ok: 1 } })
    expect(fault(await verifyReceipt(receipt.bytes, expected))).toBe('task_mismatch')
    class Link {
      readonly bytes: Uint8Array
      readonly '/': Uint8Array
      constructor(bytes: Uint8Array) {
        this.bytes = bytes
        this['/'] = bytes
      }
    }
    const verify = async (asked: CID) =>
      fault(await verifyReceipt(receipt.bytes, { ...expected, task: new Link(asked.bytes) as unknown as CID }))
    expect(await verify(other.task)).toBe('verified')
    expect(await verify(task)).toBe('task_mismatch')
  })

  it('does not wait for a resolver when the signal is aborted, whether the resolver minds it or not', async () => {
    const { bytes } = await issueReceipt({ executor: service, task, outcome: { ok: 1 } })
    const controller = new AbortController()
    const resolver = { resolve: () => new Promise<never>(() => undefined) }
    const verified = verifyReceipt(bytes, { ...expected, resolver, signal: controller.signal })
    controller.abort(new Error('too late'))
    await expect(verified).rejects.toThrow('too late')
  })

  it('RCP-06 has no audience, or the executor as audience', async () => {
    expect(await raw({ aud: service.did })).toBe('verified')
    for (const aud of [alice.did, mallory.did, 'x', null, 1]) expect(await raw({ aud }), String(aud)).toBe('malformed')
    // Fields that are redundant in other tokens are redundant in a receipt.
    expect(await raw({ meta: {} })).toBe('malformed')
  })

  it("RCP-07 contains an expiration of the executor's promise, and remains evidence afterwards", async () => {
    for (const [exp, expiration] of [
      [now - 1, now - 1],
      [now + 60, now + 60],
      [null, never],
    ] as const) {
      const payload = {
        ...invocationPayload(service.did),
        cmd: '/ucan/assert/receipt',
        args: { ran: task, out: { ok: 1 } },
        exp,
      }
      const bytes = await sealRaw(service, { tag: 'ucan/inv@1.0.0', payload })
      expect(await verifyReceipt(bytes, expected)).toMatchObject({ verified: true, receipt: { expiration } })
    }
  })

  it('RCP-08 has no audience and no expiration by default', async () => {
    const issue = (lifetime: object) =>
      issueReceipt({ executor: service, task, outcome: { ok: 1 }, clock, ...lifetime })
    for (const [lifetime, expiration] of [
      [{}, never],
      [{ expiresIn: 30 }, now + 30],
      [{ expiration: now + 5 }, now + 5],
      [{ expiration: never }, never],
    ] as const) {
      const receipt = await issue(lifetime)
      expect(receipt.expiration).toBe(expiration)
      const { audience, expiration: written } = await decodeInvocation(receipt.bytes)
      expect([audience, written]).toEqual([undefined, expiration])
      expect(await verifyReceipt(receipt.bytes, expected)).toMatchObject({ verified: true, receipt: { expiration } })
    }
    await expect(issue({ expiresIn: 30, expiration: now })).rejects.toThrow('not both')
    await expect(issue({ expiresIn: 0 })).rejects.toThrow('`expiresIn` must be')
  })

  it('TOK-25 is read by the reading options of authorize', async () => {
    const payload = {
      ...invocationPayload(service.did),
      cmd: '/ucan/assert/receipt',
      args: { ran: task, out: { ok: 1 } },
      exp: null,
      aud: service.did,
    }
    const earlier = await sealRaw(service, { tag: 'ucan/inv@1.0.0-rc.1', payload })
    expect(fault(await verifyReceipt(earlier, expected))).toBe('malformed')
    expect(fault(await verifyReceipt(earlier, { ...expected, accept: ['1.0.0-rc.1'] }))).toBe('verified')
    const { bytes } = await issueReceipt({ executor: service, task, outcome: { ok: 1 } })
    expect(fault(await verifyReceipt(bytes, { ...expected, bounds: { tokenBytes: 100 } }))).toBe('malformed')
    const empty = await sealRaw(service, { tag: 'ucan/inv@1.0.0', payload: { ...payload, meta: {} } })
    expect(fault(await verifyReceipt(empty, expected))).toBe('malformed')
    expect(fault(await verifyReceipt(empty, { ...expected, acceptRedundantFields: true }))).toBe('verified')
  })

  it('RCP-04 is signed by the executor', async () => {
    expect(await raw({}, mallory)).toBe('signature_invalid')
    expect(
      fault(
        await verifyReceipt((await issueReceipt({ executor: service, task, outcome: { ok: 1 } })).bytes, {
          ...expected,
          resolver: { resolve: () => undefined },
        }),
      ),
    ).toBe('key_unresolved')
  })
})
