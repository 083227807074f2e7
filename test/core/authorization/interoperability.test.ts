import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { documentKeys } from '../../../src/core/did/did-document.ts'
import { cidOf } from '../../../src/core/ipld/cid.ts'
import { verifyReceipt } from '../../../src/core/receipt/verify-receipt.ts'
import { attenuate, createAuthorizer, delegate, encodeContainer, invoke } from '../../../src/entries/index.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { delegationPayload, invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { service, serviceOptions } from '../../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const carol = await actor('carol')
const first = await delegate({ issuer: alice, audience: bob.did, command: '/mail', clock })
const second = await attenuate(first, { issuer: bob, audience: carol.did, clock })

/** The code of the denial of a container; undefined when it is allowed. */
async function codeOf(container: string | Uint8Array, change = {}): Promise<string | undefined> {
  const decision = await createAuthorizer(serviceOptions(change)).authorize(container)
  return decision.allowed ? undefined : decision.denial.code
}

describe('spec/interoperability.md', () => {
  it('describes the handling of proofs in the other order', async () => {
    const call = (proofs: readonly (typeof first)[]) =>
      invoke({ issuer: carol, audience: service.did, subject: alice.did, command: '/mail', proofs, clock })
    expect(await codeOf(encodeContainer([await call([first, second]), first, second]))).toBeUndefined()
    expect(await codeOf(encodeContainer([await call([second, first]), first, second]))).toBe('root_not_subject')
  })

  it('describes the handling of a powerline without a subject, and of foreign tags and fields', async () => {
    const line = (change: object, tag = 'ucan/dlg@1.0.0') =>
      sealRaw(bob, { tag, payload: { ...delegationPayload(bob.did, carol.did), sub: null, ...change } })
    const codeWith = async (bytes: Uint8Array, change = {}) => {
      const cid = cidOf(await backend.sha256(bytes))
      const proofs = [first, { cid, subject: alice.did }]
      const call = await invoke({ issuer: carol, audience: service.did, command: '/mail', proofs, clock })
      return codeOf(encodeContainer([call, first, { bytes }]), change)
    }
    expect(await codeWith(await line({}))).toBeUndefined()
    expect(await codeWith(await line({ sub: undefined }))).toBe('malformed')
    expect(await codeWith(await line({ meta: {} }))).toBe('malformed')
    expect(await codeWith(await line({ meta: {} }), { acceptRedundantFields: true })).toBeUndefined()
    const earlier = await line({ meta: {} }, 'ucan/dlg@1.0.0-rc.1')
    expect(await codeWith(earlier)).toBe('unsupported')
    expect(await codeWith(earlier, { accept: ['1.0.0', '1.0.0-rc.1'] })).toBeUndefined()
  })

  it('describes the handling of white space around a container', async () => {
    const container = encodeContainer([await invoke({ issuer: alice, audience: service.did, command: '/mail', clock })])
    expect(await codeOf(container)).toBeUndefined()
    expect(await codeOf(`${container}\n`)).toBe('malformed')
    expect(await codeOf(` ${container}`)).toBe('unsupported')
  })

  it('lists the keys of a DID document that count', () => {
    const did = 'did:web:example.com' as typeof alice.did
    const method = { id: `${did}#a`, type: 'Multikey', controller: did, publicKeyMultibase: alice.did.slice(8) }
    const document = (lists: object) => ({ id: did, verificationMethod: [method], ...lists })
    const listed = [method.id]
    expect(documentKeys(did, document({}))).toEqual([])
    expect(documentKeys(did, document({ capabilityInvocation: [], capabilityDelegation: [] }))).toEqual([])
    expect(documentKeys(did, document({ capabilityInvocation: listed }))).toEqual([])
    expect(documentKeys(did, document({ capabilityInvocation: listed, capabilityDelegation: listed }))).toHaveLength(1)
  })

  it('lists the receipts that are read', async () => {
    const { task } = await invoke({ issuer: alice, audience: service.did, command: '/mail', clock })
    const read = async (change: object) => {
      const payload = {
        ...invocationPayload(service.did),
        cmd: '/ucan/assert/receipt',
        args: { ran: task, out: { ok: 1 } },
        exp: null,
        ...change,
      }
      const bytes = await sealRaw(service, { tag: 'ucan/inv@1.0.0-rc.1', payload })
      return (await verifyReceipt(bytes, { executor: service.did, task, accept: ['1.0.0-rc.1'] })).verified
    }
    expect(await read({})).toBe(true)
    expect(await read({ aud: service.did, exp: now - 1 })).toBe(true)
    expect(await read({ cmd: '/ucan/assert', args: { about: task, facts: { out: { ok: 1 }, run: [] } } })).toBe(false)
  })
})
