/**
 * The memory of a container may be used for something else as soon as a function has returned its promise: each result
 * is that of the container at the time of the call.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { openAgent } from '../../src/agent/open-agent.ts'
import { readApprovalRequest } from '../../src/approval/read-request.ts'
import { requestApproval } from '../../src/approval/request-approval.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { authorize } from '../../src/core/authorization/authorize.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { verifyDelegation } from '../../src/core/authorization/verify-delegation.ts'
import { verifyRevocation } from '../../src/core/authorization/verify-revocation.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { maxUses } from '../../src/core/capability/policy/build.ts'
import {
  compressContainer,
  encodeContainer,
  encodeContainerBytes,
  type TokenLike,
} from '../../src/core/container/container.ts'
import type { CryptoBackend } from '../../src/core/principal/backend/backend.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { archive, decode, delegate as delegateUcanto } from '../../src/entries/ucanto.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, createService as createDecider, delegateRaw, service, serviceOptions } from '../support/service.ts'

const [alice, bob, carol] = await Promise.all([actor('alice'), actor('bob', 'ES256'), actor('carol')])
const send = defineCommand({ command: '/mail/send', args: {} })
const policy = [maxUses(1_000_000)]
const proofs = [
  await delegateRaw(alice, bob, { policy }),
  await delegateRaw(bob, carol, { subject: alice.did, policy }),
] as const
const revocation = await revoke({ issuer: alice, delegation: proofs[0] })

/** A back end that answers later, as WebCrypto does. */
const { sha256Key: _, sha256Base64url: __, ...rest } = backend
const later: CryptoBackend = {
  ...rest,
  sha256: async (bytes) => backend.sha256(bytes),
  verify: async (...args) => backend.verify(...args),
}

type Read = (container: Uint8Array) => Promise<unknown>

const common = (change: Partial<AuthorizeOptions> = {}) => ({
  audience: service.did,
  subjects: [alice.did],
  ...memoryStores({ clock }),
  clock,
  ...change,
})
const guardOf = (change: Partial<AuthorizeOptions> = {}) =>
  createGuard({ ...common(change), commands: [send], audit: { sink: memoryAuditSink() } })
const serviceOf = () =>
  createService({ ...common(), handlers: [on(send, () => 'sent')], audit: { sink: memoryAuditSink() }, registry: true })
const brief = (decision: { readonly allowed: boolean }): boolean => decision.allowed

/** Functions that take a container with a call. */
const ofCall: Readonly<Record<string, Read>> = {
  authorize: async (bytes) => brief(await authorize(bytes, serviceOptions({ limitStore: memoryStores().limitStore }))),
  'authorize with an asynchronous back end': async (bytes) =>
    brief(await createDecider({ backend: later, limitStore: memoryStores().limitStore }).authorize(bytes)),
  open: async (bytes) => (await createDecider({ backend: later }).open(bytes)).invocations.length,
  remaining: (bytes) => guardOf().remaining(bytes),
  openContainer: async (bytes) => (await openContainer(bytes)).delegations.map(({ cid }) => String(cid)),
  'guard.use': async (bytes) => brief(await guardOf().use(bytes, () => 1)),
  'guard.authorize': async (bytes) => brief(await guardOf({ backend: later }).authorize(bytes)),
  'guard.dryRun': async (bytes) => brief(await guardOf().dryRun(bytes)),
  'guard.open': async (bytes) => (await guardOf().open(bytes)).invocations.length,
  'service.call': async (bytes) => brief(await serviceOf().call(bytes)),
}

const callOf = async (): Promise<readonly TokenLike[]> => [await call({ issuer: carol, proofs }), ...proofs]
const forms: Readonly<Record<string, (tokens: readonly TokenLike[]) => Promise<Uint8Array>>> = {
  bytes: async (tokens) => encodeContainerBytes(tokens),
  text: async (tokens) => new TextEncoder().encode(encodeContainer(tokens)),
  'compressed text': async (tokens) => new TextEncoder().encode(await compressContainer(tokens)),
}

/** Calls a function once in peace, and once with memory that is used for something else at once. */
async function compare(read: Read, make: () => Promise<Uint8Array>): Promise<void> {
  const expected = await read(await make())
  for (const fill of [0, 0x40, 0x5a]) {
    const memory = await make()
    const result = read(memory)
    memory.fill(fill)
    expect(await result).toEqual(expected)
  }
  expect(expected).toBeTruthy()
}

describe('CTN-12 the memory of a container', () => {
  for (const [form, encode] of Object.entries(forms)) {
    for (const [name, read] of Object.entries(ofCall))
      it(`can be used again during ${name}, of ${form}`, () => compare(read, async () => encode(await callOf())))
  }

  it('can be used again while delegations are verified, and received', async () => {
    const agent = await openAgent({ signer: carol, clock })
    for (const encode of Object.values(forms)) {
      await compare(
        async (bytes) => (await verifyDelegation(bytes, { clock, backend: later })).verified,
        () => encode(proofs),
      )
      await compare(
        async (bytes) => (await agent.receive(bytes)).accepted,
        () => encode(proofs),
      )
    }
  })

  it('can be used again while a revocation is verified, and taken', async () => {
    for (const encode of Object.values(forms)) {
      const make = () => encode([revocation, proofs[0]])
      await compare(async (bytes) => (await verifyRevocation(bytes, { clock, backend: later })).accepted, make)
      await compare(async (bytes) => (await serviceOf().revoke(bytes)).accepted, make)
    }
  })

  it('can be used again while a request for an approval is read', async () => {
    const invocation = await call({ issuer: carol, subject: alice.did })
    const asked = await requestApproval({ approvable: true }, { issuer: carol, approver: alice.did, invocation, clock })
    await compare(
      async (bytes) => (await readApprovalRequest(bytes, { approver: alice.did, clock })).valid,
      async () => new TextEncoder().encode(asked.container),
    )
  })

  it('can be used again while an archive of 0.9.1 is decoded', async () => {
    const token = await delegateUcanto({
      issuer: alice,
      audience: bob.did,
      subject: alice.did,
      command: '/mail/send',
      expiration: now + 60,
    })
    await compare(
      async (bytes) => (await decode(bytes)).map(({ cid }) => String(cid)),
      async () => new Uint8Array(await archive(token)),
    )
  })
})
