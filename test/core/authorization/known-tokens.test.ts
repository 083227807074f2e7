import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import type { Authorizer } from '../../../src/core/authorization/authorize.ts'
import { createKnownTokens } from '../../../src/core/authorization/machinery/known-tokens.ts'
import type { AuthorizeOptions } from '../../../src/core/authorization/options.ts'
import { encodeContainerBytes } from '../../../src/core/container/container.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import { digestKey } from '../../../src/core/ipld/cid.ts'
import type { CryptoBackend } from '../../../src/core/principal/backend/backend.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { call, chainOf, createService, verdict } from '../../support/service.ts'

const [alice, bob, carol, owner256] = await Promise.all([
  actor('alice'),
  actor('bob'),
  actor('carol'),
  actor('owner', 'ES256'),
])
const proofs = await chainOf(alice, bob, carol)
const [first, second] = proofs as [Delegation, Delegation]

/** A call with its proofs, as bytes of its own. */
async function nextCall(tokens: readonly { readonly bytes: Uint8Array }[] = proofs): Promise<Uint8Array> {
  return encodeContainerBytes([await call({ issuer: carol, proofs }), ...tokens])
}

/** Shows a service the delegations until it recognizes them by their bytes: verified, remembered, and met twice. */
async function acquaint(service: Authorizer, times = 3): Promise<Authorizer> {
  for (let i = 0; i < times; i++) expect(verdict(await service.authorize(await nextCall()))).toBe('allowed')
  return service
}

/** A back end that counts its work, and lets a test interfere before each hash. */
function observed(beforeHash: (bytes: Uint8Array) => void = () => undefined) {
  const counts = { hashes: 0, verifications: 0 }
  const host: CryptoBackend = {
    ...backend,
    sha256Key: (bytes) => {
      beforeHash(bytes)
      counts.hashes += 1
      return backend.sha256Key?.(bytes) ?? digestKey(backend.sha256(bytes) as Uint8Array)
    },
    verify: (...args) => {
      counts.verifications += 1
      return backend.verify(...args)
    },
  }
  return { host, counts }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
}

describe('a memory of tokens', () => {
  const token = (length: number, fill = 7) => new Uint8Array(length).fill(fill)

  it('finds a token that was added twice in succession', () => {
    const known = createKnownTokens()
    known.add(token(100), 'a')
    expect(known.find(token(100))).toBeUndefined()
    known.add(token(100), 'a')
    expect(known.find(token(100))).toBe('a')
  })

  it('compares every byte and the length', () => {
    const known = createKnownTokens()
    for (let i = 0; i < 2; i++) known.add(token(100), 'a')
    for (let at = 0; at < 100; at++) expect(known.find(flipped(token(100), at))).toBeUndefined()
    for (const length of [0, 1, 4, 5, 99, 101]) expect(known.find(token(length))).toBeUndefined()
  })

  it('copies the bytes, also those of a Buffer', () => {
    const known = createKnownTokens()
    const bytes = Buffer.from(token(100))
    for (let i = 0; i < 2; i++) known.add(bytes, 'a')
    bytes.fill(9)
    expect(known.find(bytes)).toBeUndefined()
    expect(known.find(token(100))).toBe('a')
  })

  it('replaces a token only by one that is added twice in succession', () => {
    const known = createKnownTokens()
    const [one, other] = [flipped(token(100), 50), flipped(token(100), 60)]
    for (let i = 0; i < 2; i++) known.add(one, 'one')
    known.add(other, 'other')
    known.add(one, 'one')
    known.add(other, 'other')
    expect([known.find(one), known.find(other)]).toEqual(['one', undefined])
    known.add(other, 'other')
    expect([known.find(one), known.find(other)]).toEqual([undefined, 'other'])
  })

  it('does not remember a token of more than 1,024 bytes', () => {
    const known = createKnownTokens()
    for (let i = 0; i < 3; i++) known.add(token(1025), 'a')
    for (let i = 0; i < 3; i++) known.add(token(1024, 8), 'b')
    expect([known.find(token(1025)), known.find(token(1024, 8))]).toEqual([undefined, 'b'])
  })
})

describe('delegations that are recognized by their bytes', () => {
  it('are neither hashed nor verified, and the call itself is', async () => {
    const { host, counts } = observed()
    const service = await acquaint(createService({ backend: host }))
    Object.assign(counts, { hashes: 0, verifications: 0 })
    expect(verdict(service.authorizeSync(await nextCall()))).toBe('allowed')
    expect(counts.verifications).toBe(1)
    expect(counts.hashes).toBeLessThanOrEqual(1)
  })

  it('are refused when any of their bytes is another one', async () => {
    const known = await acquaint(createService())
    const fresh = createService()
    const container = await nextCall()
    // An odd step meets every part of every token.
    for (let at = 0; at < container.length; at += 7) {
      const changed = flipped(container, at)
      const decision = verdict(known.authorizeSync(changed))
      expect(decision).not.toBe('allowed')
      expect(decision).toBe(verdict(fresh.authorizeSync(changed)))
    }
    expect(verdict(known.authorizeSync(container))).toBe('allowed')
  })

  it('are other delegations when other bytes have the same signature', async () => {
    const known = await acquaint(createService())
    const { bytes } = first
    const widened = [bytes.length - 1, 100, 150].map((at) => ({ bytes: flipped(bytes, at) }))
    const shortened = [{ bytes: bytes.subarray(0, 67) }, { bytes: bytes.subarray(0, -1) }]
    for (const forged of [...widened, ...shortened]) {
      const container = await nextCall([forged, second])
      expect(verdict(known.authorizeSync(container))).not.toBe('allowed')
      expect(verdict(known.authorizeSync(container))).toBe(verdict(createService().authorizeSync(container)))
    }
  })

  it('are checked for time, revocation and replay in every call', async () => {
    let time = now
    const revocations = memoryRevocationStore({ clock })
    const service = await acquaint(createService({ clock: { now: () => time }, revocations }))
    const container = await nextCall()
    expect(verdict(service.authorizeSync(container))).toBe('allowed')
    expect(verdict(service.authorizeSync(container))).toBe('replayed at 2 RPL-01')
    time = now + 3600
    const later = await call({ issuer: carol, proofs, clock: { now: () => time } } as never)
    expect(verdict(service.authorizeSync(encodeContainerBytes([later, ...proofs])))).toBe('expired at 0 TIM-03')
    time = now
    void revocations.add({ ids: [String(second.cid)], expiration: now + 600 })
    expect(verdict(service.authorizeSync(await nextCall()))).toBe('revoked at 1 RVK-05')
  })

  it('are recognized by the service that verified them and by no other', async () => {
    await acquaint(createService())
    for (const change of [{ bounds: { tokenBytes: 100 } }, { accept: ['1.0.0-rc.1'] }] as Partial<AuthorizeOptions>[]) {
      const container = await nextCall()
      expect(verdict(createService(change).authorizeSync(container))).not.toBe('allowed')
    }
    const { host, counts } = observed()
    const other = createService({ backend: host })
    expect(verdict(other.authorizeSync(await nextCall()))).toBe('allowed')
    expect(counts.verifications).toBe(3)
  })

  it('are verified again when the cache of verified delegations is off, or has dropped them', async () => {
    for (const maxCachedDelegations of [0, 2]) {
      const { host, counts } = observed()
      const service = await acquaint(createService({ backend: host, maxCachedDelegations }), 6)
      for (let i = 0; i < 4; i++) {
        const others = await chainOf(alice, carol)
        const invocation = await call({ issuer: carol, proofs: others })
        expect(verdict(service.authorizeSync(encodeContainerBytes([invocation, ...others])))).toBe('allowed')
      }
      counts.verifications = 0
      expect(verdict(service.authorizeSync(await nextCall()))).toBe('allowed')
      expect(counts.verifications).toBe(3)
    }
  })

  it('are not those that a stranger sends, whose signature was not verified', async () => {
    const { host, counts } = observed()
    const service = createService({ backend: host })
    const forged = { bytes: flipped(first.bytes, 10) }
    for (let i = 0; i < 4; i++)
      expect(verdict(service.authorizeSync(await nextCall([forged, second])))).toMatch('PRF-01')
    counts.hashes = 0
    service.authorizeSync(await nextCall([forged, second]))
    expect(counts.hashes).toBeGreaterThanOrEqual(2)
  })
})

describe('the bytes of a container', () => {
  it('may be changed after the call, while a store answers', async () => {
    const claims: ((first: boolean) => void)[] = []
    const replay = { claim: () => new Promise<boolean>((resolve) => claims.push(resolve)) }
    for (const times of [0, 3]) {
      const service = createService({ replay })
      const warming = Array.from({ length: times }, () => nextCall())
      for (const container of await Promise.all(warming)) {
        const decision = service.authorize(container)
        await new Promise((resolve) => setImmediate(resolve))
        claims.pop()?.(true)
        expect(verdict(await decision)).toBe('allowed')
      }
      const invocation = await call({ issuer: carol, proofs })
      // A Buffer over a slab that other requests use.
      const slab = Buffer.alloc(8192, 0x33)
      const container = slab.subarray(
        100,
        100 + slab.write(Buffer.from(encodeContainerBytes([invocation, ...proofs])).toString('latin1'), 100, 'latin1'),
      )
      const decision = service.authorize(container)
      slab.fill(0x5a)
      await new Promise((resolve) => setImmediate(resolve))
      claims.pop()?.(true)
      const { allowed, ...rest } = await decision
      expect(allowed).toBe(true)
      const { authorization } = rest as Extract<Awaited<typeof decision>, { allowed: true }>
      expect(String(authorization.invocation)).toBe(String(invocation.cid))
      expect(String(authorization.task)).toBe(String(invocation.task))
      expect(authorization.proofs.map(String)).toEqual(proofs.map(({ cid }) => String(cid)))
      expect(await service.recheck(authorization)).toBe(true)
    }
  })

  it('may be changed while an asynchronous back end hashes and verifies', async () => {
    const { sha256Key: _, sha256Base64url: __, ...rest } = backend
    const pause = () => new Promise((resolve) => setImmediate(resolve))
    const slow: CryptoBackend = {
      ...rest,
      sha256: async (bytes) => {
        await pause()
        return backend.sha256(bytes)
      },
      verify: async (...args) => {
        await pause()
        return backend.verify(...args)
      },
    }
    const halfSlow: CryptoBackend = { ...backend, sha256: slow.sha256, verify: slow.verify }
    const chain = await chainOf(owner256, bob, carol)
    for (const host of [slow, halfSlow]) {
      const service = createService({ backend: host })
      for (let i = 0; i < 4; i++) {
        const container = encodeContainerBytes([await call({ issuer: carol, proofs: chain }), ...chain])
        const decision = service.authorize(container)
        container.fill(0x5a)
        expect(verdict(await decision)).toBe('allowed')
      }
    }
  })

  it('are those of the call when another thread writes to them', async () => {
    let memory: Uint8Array | undefined
    // The back end runs between two reads of the library, as another thread does.
    const { host } = observed(() => memory?.fill(0x5a, 1))
    const service = createService({ backend: host })
    for (let i = 0; i < 5; i++) {
      const container = await nextCall()
      const shared = new Uint8Array(new SharedArrayBuffer(container.length))
      shared.set(container)
      memory = shared
      expect(verdict(service.authorizeSync(shared))).toBe('allowed')
    }
  })

  it('may have any offset, class and room around them', async () => {
    const service = createService()
    for (let i = 0; i < 4; i++) {
      const container = await nextCall()
      const room = new Uint8Array(container.length + 40).fill(0x40)
      room.set(container, 17)
      for (const view of [room.subarray(17, 17 + container.length), Buffer.from(room.buffer, 17, container.length)]) {
        const decision = verdict(service.authorizeSync(view))
        expect(decision).toBe(view instanceof Buffer ? 'replayed at 2 RPL-01' : 'allowed')
      }
    }
  })

  it('are those of the call when the class of the container gives another memory each time', async () => {
    class Liar extends Uint8Array {
      reads = 0
      override get buffer(): ArrayBuffer {
        return this.reads++ === 0 ? (super.buffer as ArrayBuffer) : new ArrayBuffer(this.length)
      }
    }
    let given: Uint8Array | undefined
    const verify: CryptoBackend['verify'] = async (...args) => {
      given?.fill(0x5a)
      return backend.verify(...args)
    }
    const service = createService({ backend: { ...backend, verify } })
    for (let i = 0; i < 4; i++) {
      const container = new Liar(await nextCall())
      given = container
      expect(verdict(await service.authorize(container))).toBe('allowed')
    }
  })
})
