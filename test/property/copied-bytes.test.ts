/**
 * Stored bytes are copies, whatever kind of bytes the caller has. `slice` of a Buffer does not copy, and most programs
 * on Node read a Buffer from a file, a socket or a reused pool.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { publicKey } from '../../src/core/did/did-key.ts'
import { chooseNonce } from '../../src/core/envelope/nonce.ts'
import { decodeCbor } from '../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import { backend as noble } from '../../src/core/principal/backend/noble.ts'
import { sodiumBackend } from '../../src/core/principal/backend/sodium.ts'
import { decodePkcs8 } from '../../src/core/principal/pkcs8.ts'
import { twinSignature } from '../../src/core/principal/signature.ts'
import { memoryDelegationStore } from '../../src/core/proof/memory-delegation-store.ts'
import { issueReceipt } from '../../src/core/receipt/issue-receipt.ts'
import { verifyReceipt } from '../../src/core/receipt/verify-receipt.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { eq } from '../../src/entries/policy.ts'
import { generateSigner, importSigner } from '../../src/entries/signer.ts'
import { archive, decode, delegate } from '../../src/entries/ucanto.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import { copyRequest } from '../../src/vault/request/send.ts'
import { intent } from '../audit/events.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, delegateRaw, service } from '../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob', 'ES256')
const folder = mkdtempSync(join(tmpdir(), 'procura-bytes-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Passes a Buffer to a function, and compares the result before and after the Buffer is filled with other bytes. */
async function keeps<T>(bytes: Uint8Array, make: (buffer: Buffer) => T | Promise<T>, look: (made: T) => unknown) {
  const buffer = Buffer.from(bytes)
  const made = await make(buffer)
  const before = structuredClone(await look(made))
  buffer.fill(0x5a)
  expect(await look(made)).toEqual(before)
}

describe('bytes given as a Buffer are copied', () => {
  it('of a public key', async () => {
    await keeps(
      alice.publicKey,
      (buffer) => publicKey('Ed25519', buffer),
      ({ bytes }) => [...bytes],
    )
  })

  it('of a nonce', async () => {
    await keeps(
      new Uint8Array(12),
      (buffer) => chooseNonce(buffer, 12, alice),
      (nonce) => [...nonce],
    )
  })

  it('of a value in a policy', async () => {
    await keeps(
      Uint8Array.of(1, 2),
      (buffer) => eq('.x', buffer),
      (statement) => statement,
    )
  })

  it('of a private key, by the portable back end', async () => {
    const secret = new Uint8Array(32).fill(7)
    const message = new Uint8Array(3)
    for (const algorithm of ['Ed25519', 'ES256', 'ES256K'] as const) {
      await keeps(
        secret,
        (buffer) => noble.importKey(algorithm, buffer),
        async (key) => [...(await key.sign(message))],
      )
    }
  })

  it('of a private key in PKCS#8', async () => {
    const der = Uint8Array.from([
      ...Buffer.from('302e020100300506032b657004220420', 'hex'),
      ...new Uint8Array(32).fill(7),
    ])
    await keeps(der, decodePkcs8, ({ secret }) => [...secret])
    await keeps(
      der,
      (buffer) => importSigner({ pkcs8: buffer }),
      async (signer) => [...(await signer.sign(der))],
    )
  })

  it('of a key that libsodium verifies with', async () => {
    const keys: Uint8Array[] = []
    const recording = {
      crypto_sign_verify_detached: (_signature: Uint8Array, _message: Uint8Array, key: Uint8Array) =>
        keys.push(key) > 0,
    }
    const backend = sodiumBackend(recording)
    const bytes = Buffer.from(alice.publicKey)
    const prepared = await backend.prepareKey({ algorithm: 'Ed25519', bytes, did: alice.did })
    bytes.fill(0)
    await backend.verify(prepared, new Uint8Array(64), new Uint8Array(1))
    expect(keys).toEqual([alice.publicKey])
  })

  it('of a signature whose other form is asked for', async () => {
    const signature = Buffer.from(await bob.sign(new Uint8Array(1)))
    const before = Uint8Array.from(signature)
    const twin = twinSignature('ES256', signature)
    expect(twin).not.toEqual(before)
    expect(Uint8Array.from(signature)).toEqual(before)
  })

  it('of a receipt', async () => {
    const { task } = await call({ issuer: alice })
    const receipt = await issueReceipt({ executor: service, task, outcome: { ok: 1 }, clock })
    await keeps(
      receipt.bytes,
      (buffer) => verifyReceipt(buffer, { executor: service.did, task }),
      (verdict) => [verdict.verified, ...(verdict.verified ? verdict.receipt.bytes : [])],
    )
  })

  it('of an archive of 0.9.1', async () => {
    const issuer = await generateSigner()
    const token = await delegate({
      issuer,
      audience: alice.did,
      subject: issuer.did,
      command: '/mail/send',
      expiration: now + 60,
    })
    await keeps(
      await archive(token),
      (buffer) => decode(buffer),
      ([opened]) => [...(opened?.bytes ?? [])],
    )
  })

  it('of the body of a request to an upstream', async () => {
    const unchecked = { reference: 'crm', authorization: undefined as never }
    await keeps(
      Uint8Array.of(1, 2, 3),
      (body) => copyRequest({ ...unchecked, url: 'https://example.com/', method: 'POST', body }),
      ({ body }) => [...(body ?? [])],
    )
  })

  it('of a revocation that is stored', async () => {
    const store = memoryRevocationStore({ clock })
    await keeps(
      Uint8Array.of(0x40, 1, 2),
      (token) => store.add({ ids: [alice.did], expiration: now + 60, token }),
      async () => (await store.listRevocations({ after: 0, limit: 1 })).entries.map(({ entry }) => entry.token),
    )
  })

  it('of delegations in the stores in memory and in a file', async () => {
    const { cid, bytes } = await delegateRaw(alice, bob)
    const path = join(folder, 'delegations')
    const begun = { kind: 'delegation', cid } as Delegation
    await keeps(
      bytes,
      (buffer) => memoryDelegationStore([{ ...begun, bytes: buffer }]),
      (store) => store.load({}),
    )
    for (const store of [memoryDelegationStore(), fileDelegationStore({ path })]) {
      const buffer = Buffer.from(bytes)
      const changed = store.change({ add: new Map([[String(cid), buffer]]), remove: [] }, {})
      buffer.fill(0x5a)
      await changed
      expect(await store.load({})).toEqual([bytes])
    }
  })

  it('of the arguments in an event', async () => {
    const sink = memoryAuditSink()
    const raw = Buffer.from([1, 2, 3])
    const appended = sink.append(intent(1, { args: { raw } }), {})
    raw.fill(0x5a)
    await appended
    expect(sink.records()[0]?.event).toMatchObject({ args: { raw: Uint8Array.of(1, 2, 3) } })
  })

  it('of byte strings in CBOR', async () => {
    await keeps(encodeCbor({ x: Uint8Array.of(1, 2) }), decodeCbor, (value) => [...(value as { x: Uint8Array }).x])
  })
})
