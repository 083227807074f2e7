import { describe, expect, it } from 'vitest'
import { callBackend, parseAnswer } from '../../src/vault/stores/http-backend.ts'
import { inCi } from '../property/runs.ts'
import { oneByteChunks } from '../support/one-byte-chunks.ts'
import { vaultError } from './support.ts'

/** Returns the parsed response of a backend that answers with this body. */
function ask(body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>, status = 200) {
  const fetch = async (): Promise<Response> => new Response(body, { status })
  return callBackend({ backend: 'the store', url: new URL('https://store.example'), method: 'GET', headers: {}, fetch })
}

describe('a request to a store', () => {
  it('calls `fetch` without `this`, because platforms require the global object or undefined', async () => {
    const selves: unknown[] = []
    async function fetch(this: unknown): Promise<Response> {
      selves.push(this)
      return new Response('{}')
    }
    await callBackend({ backend: 'the store', url: new URL('https://a.example'), method: 'GET', headers: {}, fetch })
    expect(selves).toEqual([undefined])
  })
})

describe('the response of a store', () => {
  it('SEC-06 uses memory in proportion to its bytes, not to its chunks', async () => {
    const count = inCi ? 500_000 : 125_000
    const { stream, grown } = oneByteChunks(count)
    expect((await ask(stream)).text).toBe('C'.repeat(count))
    expect(grown()).toBeLessThan(5_000_000)
  })

  it('SEC-06 is at most 1 MiB', async () => {
    expect((await ask(new Uint8Array(1_048_576).fill(0x61))).text).toHaveLength(1_048_576)
    const refused = expect.objectContaining(vaultError('ERR_VAULT_INTEGRITY'))
    await expect(ask(new Uint8Array(1_048_577))).rejects.toThrow(refused)
  })

  it('SEC-06 must be UTF-8, so that no secret in it is decoded as another one', async () => {
    const bytes = Uint8Array.from([...'{"secret":"canary-'].map((c) => c.charCodeAt(0)).concat(0xff, 0x22, 0x7d))
    const error = await ask(bytes).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ ...vaultError('ERR_VAULT_INTEGRITY'), message: expect.stringContaining('not UTF-8') })
    expect(String(error)).not.toContain('canary')
    // An unavailable server is asked again, whatever its body contains.
    await expect(ask(bytes, 503)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(parseAnswer(await ask(new TextEncoder().encode('{"secret":"ü"}')), 'the store').get('secret')).toBe('ü')
  })
})
