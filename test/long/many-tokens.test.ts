import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { createAuthorizer } from '../../src/authorization/authorize.ts'
import { encodeContainerBytes } from '../../src/container/container.ts'
import { invoke } from '../../src/invocation/invoke.ts'
import { signerOf } from '../../src/principal/signer.ts'
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
})
