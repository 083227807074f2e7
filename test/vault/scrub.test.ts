import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodedForms } from '../../src/vault/encoded-forms.ts'
import { SCRUBBED_BYTES, scrubBody, scrubResponse } from '../../src/vault/scrub.ts'
import { Secret } from '../../src/vault/secret.ts'

const value = 'Sk/7+_live "q&a=1"'

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

async function scrubbed(text: string | Uint8Array, secrets: readonly Secret[], size = 1_000_000): Promise<string> {
  const bytes = Buffer.from(text)
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(Uint8Array.from(bytes.subarray(at, at + size)))
  return new Response(scrubBody(streamOf(chunks), encodedForms(secrets), () => undefined)).text()
}

describe('scrubbing', () => {
  const forms: readonly (readonly [string, string])[] = [
    ['as it is', value],
    ['base64', Buffer.from(value).toString('base64')],
    ['base64 after one byte', Buffer.from(`u${value}`).toString('base64')],
    ['base64 after two bytes', Buffer.from(`u:${value}`).toString('base64')],
    ['base64 with something after it', Buffer.from(`${value}:more text`).toString('base64')],
    ['base64url', Buffer.from(`user:${value}`).toString('base64url')],
    ['hexadecimal', Buffer.from(value).toString('hex')],
    ['upper-case hexadecimal', Buffer.from(value).toString('hex').toUpperCase()],
    ['percent-encoding', encodeURIComponent(value)],
    ['lower-case percent-encoding', encodeURIComponent(value).replace(/%../g, (t) => t.toLowerCase())],
    ['form encoding', new URLSearchParams({ a: value }).toString()],
    ['JSON', JSON.stringify({ a: value })],
    ['JSON with escaped slashes', JSON.stringify({ a: value }).replaceAll('/', '\\/')],
  ]
  for (const [what, text] of forms) {
    for (const size of [1, 2, 7, 1_000]) {
      it(`SEC-04 finds ${what}, in chunks of ${size} [attack 77]`, async () => {
        const out = await scrubbed(`before ${text} after ${text}.`, [new Secret(value)], size)
        expect(out).toMatch(/^before .*\[redacted\].* after .*\[redacted\]/)
        // no eight characters in a row of the secret's own part are left
        for (const run of text.match(/[A-Za-z0-9%+/_-]{14,}/g) ?? []) expect(out).not.toContain(run.slice(4, 14))
      })
    }
  }

  it('SEC-04 finds each field of a secret of several', async () => {
    const secret = Secret.ofFields({ username: 'svc-account', password: 'pass-word-1' })
    expect(await scrubbed('svc-account/pass-word-1', [secret])).toBe('[redacted]/[redacted]')
  })

  it('SEC-04 searches the first 64 KiB, and lets the rest through as it is', async () => {
    const secret = new Secret('canary-77')
    const out = await scrubbed(`canary-77${'x'.repeat(SCRUBBED_BYTES)}canary-77`, [secret], 1_000)
    expect(out).toBe(`[redacted]${'x'.repeat(SCRUBBED_BYTES)}canary-77`)
    expect(await scrubbed(`${'x'.repeat(SCRUBBED_BYTES - 1)}canary-77`, [secret], 999)).toMatch(/x\[redacted\]$/)
  })

  it('changes nothing else, whatever the chunks are', async () => {
    const secret = new Secret('abcabd')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'ab', 'abcab', 'abcabd'), { maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        async (words, size) => {
          const text = words.join('')
          expect(await scrubbed(text, [secret], size)).toBe(text.replaceAll('abcabd', '[redacted]'))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('holds no byte back that cannot begin a form', async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('data: event\n\n')),
    })
    const reader = scrubBody(body, encodedForms([new Secret('canary-77')]), () => undefined).getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: event\n\n')
    await reader.cancel()
  })

  it('does not look for forms of fewer than four bytes', async () => {
    expect(await scrubbed('abc', [new Secret('abc')])).toBe('abc')
  })

  it('SEC-05 takes sessions, and every trace of the secret, out of the headers', async () => {
    const headers = new Headers({
      'x-echo': 'Bearer canary-77 canary-77',
      'x-canary-77': '1',
      'content-length': '5',
      'content-encoding': 'gzip',
      etag: '"1"',
    })
    headers.append('set-cookie', 'session=1')
    const out = scrubResponse(
      new Response('hello', { status: 201, headers }),
      encodedForms([new Secret('canary-77')]),
      () => undefined,
    )
    expect(out.status).toBe(201)
    expect([...out.headers]).toEqual([
      ['content-type', 'text/plain;charset=UTF-8'],
      ['etag', '"1"'],
      ['x-echo', 'Bearer [redacted] [redacted]'],
    ])
    expect(await out.text()).toBe('hello')
  })

  it('tells the upstream that nobody reads on: when it is cancelled, and when the signal of the call fires', async () => {
    const reasons: unknown[] = []
    const endless = (): ReadableStream<Uint8Array> =>
      new ReadableStream({ pull: () => new Promise(() => undefined), cancel: (reason) => void reasons.push(reason) })
    await scrubBody(endless(), [], () => undefined).cancel('enough')
    const leaving = new AbortController()
    const reading = new Response(scrubBody(endless(), [], () => undefined, leaving.signal)).text()
    leaving.abort('gone')
    await expect(reading).rejects.toBe('gone')
    expect(reasons).toEqual(['enough', 'gone'])
  })

  it('gives an answer without a body as it is, whatever its status', () => {
    let done = 0
    const response = scrubResponse(new Response(null, { status: 200 }), [], () => void done++)
    expect([response.status, response.body, done]).toEqual([200, null, 1])
  })

  it('tells once when the body is done, cancelled, broken or absent', async () => {
    let done = 0
    const count = (): void => {
      done += 1
    }
    await new Response(scrubBody(streamOf([]), [], count)).text()
    await scrubBody(streamOf([new Uint8Array(3)]), [], count).cancel()
    scrubResponse(new Response(null, { status: 204 }), [], count)
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('reset')) })
    await expect(new Response(scrubBody(broken, [], count)).text()).rejects.toThrow('reset')
    expect(done).toBe(4)
  })
})
