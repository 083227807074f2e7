import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { describe, expect, it } from 'vitest'
import { decodeInvocation } from '../../../src/core/invocation/decode-invocation.ts'
import { actor } from '../../support/actors.ts'
import { invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { call } from '../../support/service.ts'

const alice = await actor('alice')

describe('a task', () => {
  it('is the subject, command, arguments and nonce', async () => {
    const invocation = await call({ issuer: alice, args: { to: 'bob', n: [1, { a: null }] }, meta: { x: 1 } })
    const { subject, command, args, nonce } = invocation
    const bytes = encode({ sub: subject, cmd: command, args, nonce })
    expect(invocation.task.equals(CID.createV1(0x71, await sha256.digest(bytes)))).toBe(true)
  })

  it('is the same for two invocations of one work, and another for another nonce', async () => {
    const nonce = new Uint8Array(12)
    const first = await call({ issuer: alice, nonce })
    const second = await call({ issuer: alice, nonce, expiresIn: 30 })
    const third = await call({ issuer: alice })
    expect(first.cid.equals(second.cid)).toBe(false)
    expect(first.task.equals(second.task)).toBe(true)
    expect(first.task.equals(third.task)).toBe(false)
  })

  it('distinguishes 1.0 from 1 [attack 31]', async () => {
    const payload = { ...invocationPayload(alice.did), args: { n: 1.5 } }
    const bytes = await sealRaw(alice, { tag: 'ucan/inv@1.0.0', payload })
    const at = bytes.findIndex(
      (_, index) => bytes[index] === 0xfb && bytes[index + 1] === 0x3f && bytes[index + 2] === 0xf8,
    )
    bytes.set([0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0], at)
    const invocation = await decodeInvocation(bytes)
    expect(invocation.args).toEqual({ n: 1 })
    const integer = encode({
      sub: invocation.subject,
      cmd: invocation.command,
      args: { n: 1 },
      nonce: invocation.nonce,
    })
    expect(invocation.task.equals(CID.createV1(0x71, await sha256.digest(integer)))).toBe(false)
  })
})
