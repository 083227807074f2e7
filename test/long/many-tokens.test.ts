import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { encodeContainerBytes } from '../../src/core/container/container.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { encodeBase58btc } from '../../src/core/ipld/base.ts'
import { signerOf } from '../../src/core/principal/signer.ts'
import { clock } from '../support/actors.ts'
import { service, serviceOptions } from '../support/service.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const perHalf = 50_000

/** Bytes in use, on the heap and in buffers. */
function used(): number {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** A call by an issuer of its own, with a false signature if asked for. */
async function callOf(isValid: boolean): Promise<Uint8Array> {
  const seed = crypto.getRandomValues(new Uint8Array(32))
  const issuer = signerOf('Ed25519', await backend.importKey('Ed25519', seed))
  const call = await invoke({ issuer, audience: service.did, command: '/mail/send', args: {}, clock })
  const bytes = encodeContainerBytes([call])
  if (!isValid) {
    // The signature comes before the payload that names the issuer.
    const at = Buffer.from(bytes).indexOf(Buffer.from([0x58, 0x40]))
    bytes[at + 10] = (bytes[at + 10] as number) ^ 1
  }
  return bytes
}

describe('a service that sees many strangers', () => {
  it('keeps at most 64 MB for 100,000 calls by 100,000 issuers, half of them forged, and no more for the second half', async () => {
    const authorizer = createAuthorizer(serviceOptions())
    const counts = { allowed: 0, refused: 0 }
    const send = async (count: number): Promise<number> => {
      for (let done = 0; done < count; done++) {
        const decision = authorizer.authorizeSync(await callOf(done % 2 === 0))
        counts[decision.allowed ? 'allowed' : 'refused'] += 1
        if (done % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      return used()
    }
    const start = await send(1_000)
    const half = await send(perHalf)
    const end = await send(perHalf)
    expect(counts).toEqual({ allowed: perHalf + 500, refused: perHalf + 500 })
    expect(end - start).toBeLessThan(64 * 2 ** 20)
    // Replay entries grow, at 40 bytes each; caches are full.
    expect(end - half).toBeLessThan(16 * 2 ** 20)
    // The service is alive until here.
    expect(authorizer.authorizeSync(await callOf(true)).allowed).toBe(true)
  }, 3_600_000)

  it('keeps no more memory for 1,000,000 DIDs than for 200,000, but for the calls that it accepted', async () => {
    const count = 1_000_000
    // Signatures are not verified: making them would take most of an hour. Keys are read as usual.
    let isBelieved = false
    const credulous = { ...backend, verify: () => isBelieved, verifySync: () => isBelieved }
    const authorizer = createAuthorizer(serviceOptions({ backend: credulous }))
    const issuer = signerOf('Ed25519', await backend.importKey('Ed25519', new Uint8Array(32)))
    const template = Buffer.from(
      encodeContainerBytes([await invoke({ issuer, audience: service.did, command: '/mail/send', args: {}, clock })]),
    )
    const places: number[] = []
    for (let at = template.indexOf(issuer.did); at >= 0; at = template.indexOf(issuer.did, at + 1)) places.push(at)
    expect(places.length).toBeGreaterThan(0)
    const multikey = crypto.getRandomValues(new Uint8Array(34))
    multikey.set([0xed, 0x01])
    const serial = new DataView(multikey.buffer)
    const counts = { allowed: 0, refused: 0 }
    const send = async (from: number, to: number): Promise<{ readonly kept: number; readonly resident: number }> => {
      for (let number = from; number < to; number++) {
        serial.setUint32(10, number)
        const did = `did:key:z${encodeBase58btc(multikey)}`
        for (const at of places) template.write(did, at, 'latin1')
        isBelieved = number % 2 === 0
        counts[authorizer.authorizeSync(new Uint8Array(template)).allowed ? 'allowed' : 'refused'] += 1
        if (number % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      return { kept: used(), resident: process.memoryUsage().rss }
    }
    const early = await send(0, count / 5)
    const end = await send(count / 5, count)
    expect(counts).toEqual({ allowed: count / 2, refused: count / 2 })
    const [kept, resident] = [end.kept - early.kept, end.resident - early.resident].map((bytes) => bytes / 2 ** 20)
    process.stdout.write(`800,000 more DIDs: ${kept?.toFixed(1)} MB kept, ${resident?.toFixed(1)} MB resident\n`)
    // 400,000 replay entries, at 40 bytes each.
    expect(kept).toBeLessThan(16)
    // Keys are outside the heap.
    expect(resident).toBeLessThan(96)
  }, 3_600_000)
})
