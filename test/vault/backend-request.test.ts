import { describe, expect, it } from 'vitest'
import { callBackend, parseAnswer } from '../../src/vault/stores/http-backend.ts'
import { oneByteChunks } from '../support/one-byte-chunks.ts'
import { vaultError } from './support.ts'

/** What a backend that answers so is read as. */
function ask(body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>, status = 200) {
  const fetch = async (): Promise<Response> => new Response(body, { status })
  return callBackend({ backend: 'the store', url: new URL('https://store.example'), method: 'GET', headers: {}, fetch })
}

describe('a request to a store', () => {
  it('calls `fetch` without `this`, as platforms require whose `fetch` is a method of the global object', async () => {
    const selves: unknown[] = []
    async function fetch(this: unknown): Promise<Response> {
      selves.push(this)
      return new Response('{}')
    }
    await callBackend({ backend: 'the store', url: new URL('https://a.example'), method: 'GET', headers: {}, fetch })
    expect(selves).toEqual([undefined])
  })
})

describe('the answer of a store', () => {
  it('SEC-06 takes memory for its bytes and not for its chunks', async () => {
    const { stream, grown } = oneByteChunks(500_000)
    expect((await ask(stream)).text).toBe('C'.repeat(500_000))
    expect(grown()).toBeLessThan(5_000_000)
  })

  it('SEC-06 has at most 1 MiB', async () => {
    expect((await ask(new Uint8Array(1_048_576).fill(0x61))).text).toHaveLength(1_048_576)
    const refused = expect.objectContaining(vaultError('ERR_VAULT_INTEGRITY'))
    await expect(ask(new Uint8Array(1_048_577))).rejects.toThrow(refused)
  })

  it('SEC-06 is UTF-8, or a secret in it would be read as another one', async () => {
    const bytes = Uint8Array.from([...'{"secret":"canary-'].map((c) => c.charCodeAt(0)).concat(0xff, 0x22, 0x7d))
    const error = await ask(bytes).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ ...vaultError('ERR_VAULT_INTEGRITY'), message: expect.stringContaining('not UTF-8') })
    expect(String(error)).not.toContain('canary')
    // a server that cannot answer now is asked again, whatever it says
    await expect(ask(bytes, 503)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(parseAnswer(await ask(new TextEncoder().encode('{"secret":"ü"}')), 'the store').get('secret')).toBe('ü')
  })
})
