import { describe, expect, it } from 'vitest'
import { readContainer, readRest } from '../../src/http/read-container.ts'
import { inCi } from '../property/runs.ts'
import { oneByteChunks } from '../support/one-byte-chunks.ts'

const type = 'application/x-ucan-container'
const count = inCi ? 349_000 : 87_000

describe('the memory of a body', () => {
  it('HTP-07 grows with its bytes and not with its chunks, from Node [attack 84]', async () => {
    const { iterator, grown } = oneByteChunks(count)
    const reading = await readContainer({ rawHeaders: ['content-type', type], [Symbol.asyncIterator]: () => iterator })
    expect(reading).toMatchObject({ found: true, container: 'C'.repeat(count) })
    expect(grown()).toBeLessThan(5_000_000)
  })

  it('HTP-07 grows with its bytes and not with its chunks, from the web [attack 84]', async () => {
    const { stream, grown } = oneByteChunks(count)
    const init = { method: 'POST', headers: { 'content-type': type }, body: stream, duplex: 'half' } as RequestInit
    const reading = await readContainer(new Request('https://a.example', init))
    expect(reading).toMatchObject({ found: true, container: 'C'.repeat(count) })
    expect(grown()).toBeLessThan(5_000_000)
  })

  it('HTP-07 is proportional to the bytes, in chunks of any length, also empty ones and strings', async () => {
    const sent = [0, 1, 255, 256, 257, 0, 4_096, 70_000, 3, 0].map((length, at) => 'BCEF'[at % 4]?.repeat(length) ?? '')
    async function* source(): AsyncGenerator<Uint8Array | string, void> {
      for (const [at, chunk] of sent.entries()) yield at % 2 === 0 ? new TextEncoder().encode(chunk) : chunk
    }
    const request = { rawHeaders: ['content-type', type], [Symbol.asyncIterator]: () => source() }
    const { length } = sent.join('')
    expect(await readContainer(request, { bodyBytes: length })).toMatchObject({ found: true, container: sent.join('') })
    const again = { ...request, [Symbol.asyncIterator]: () => source() }
    expect(await readContainer(again, { bodyBytes: length - 1 })).toMatchObject({ found: false, status: 413 })
  })

  it('is limited in bytes also when a parser has read it, and missing when it has made text of it', async () => {
    const request = { rawHeaders: [], readableDidRead: true, [Symbol.asyncIterator]: () => oneByteChunks(0).iterator }
    await expect(readRest(request, 9, '€€€')).resolves.toBeUndefined()
    await expect(readRest(request, 9, new Uint8Array(9))).resolves.toHaveLength(9)
    await expect(readRest(request, 8, new Uint8Array(9))).resolves.toBe('too long')
  })
})
