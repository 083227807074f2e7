/**
 * Takes a secret out of a response, in case the upstream echoes it: a second line of defence, stated as best effort.
 * An upstream that encrypts, reverses or splits what it was sent is not caught.
 *
 * @module
 */

import { unlessAborted } from '../abort.ts'
import { concatBytes } from '../ipld/concat.ts'

/** How many bytes of a body are searched. */
export const SCRUBBED_BYTES = 65_536

const MARKER = '[redacted]'

/** Headers that start a session with the authority of the credential, or that describe the body before it was read. */
const REMOVED: readonly string[] = ['set-cookie', 'set-cookie2', 'content-encoding', 'content-length']

/** Statuses whose responses have no body (Fetch Standard, "null body status"). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

/**
 * Returns a response like `response` with every form of the secret replaced, in the headers and in the first
 * {@link SCRUBBED_BYTES} bytes of the body. The body streams; no byte is held back that cannot begin a form.
 *
 * @param forms - from `encodedForms`, the longest first.
 * @param whenDone - called once, when the body has ended or was cancelled.
 * @param signal - breaks off the body, also where the host's own stream does not hear it.
 */
export function scrubResponse(
  response: Response,
  forms: readonly Uint8Array[],
  whenDone: () => void,
  signal?: AbortSignal,
): Response {
  const headers = scrubHeaders(response.headers, forms)
  const init = { status: response.status, headers }
  if (response.body === null || BODILESS.has(response.status)) {
    whenDone()
    return new Response(null, init)
  }
  return new Response(scrubBody(response.body, forms, whenDone, signal), init)
}

function scrubHeaders(given: Headers, forms: readonly Uint8Array[]): Headers {
  // header values are bytes, one a character
  const texts = forms.map((form) => Array.from(form, (byte) => String.fromCharCode(byte)).join(''))
  const headers = new Headers()
  for (const [name, value] of given) {
    // SEC-05
    if (REMOVED.includes(name)) continue
    if (texts.some((text) => name.includes(text.toLowerCase()))) continue
    headers.append(
      name,
      texts.reduce((scrubbed, text) => scrubbed.replaceAll(text, MARKER), value),
    )
  }
  return headers
}

/** Replaces the forms in a stream of bytes. */
export function scrubBody(
  body: ReadableStream<Uint8Array>,
  forms: readonly Uint8Array[],
  whenDone: () => void,
  signal?: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const scrubber = createScrubber(forms)
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        for (;;) {
          const { done, value } = await unlessAborted(() => reader.read(), signal)
          const bytes = done ? scrubber.end() : scrubber.push(value)
          if (bytes.length > 0) controller.enqueue(bytes)
          if (done) {
            controller.close()
            whenDone()
          }
          if (done || bytes.length > 0) return
        }
      } catch (error) {
        whenDone()
        if (signal?.aborted) reader.cancel(error).catch(() => undefined)
        throw error
      }
    },
    async cancel(reason) {
      whenDone()
      await reader.cancel(reason)
    },
  })
}

interface Scrubber {
  push(chunk: Uint8Array): Uint8Array
  end(): Uint8Array
}

function createScrubber(forms: readonly Uint8Array[]): Scrubber {
  const byFirst = new Map<number, Uint8Array[]>()
  for (const form of forms) {
    const first = form[0] ?? 0
    byFirst.set(first, [...(byFirst.get(first) ?? []), form])
  }
  const marker = new TextEncoder().encode(MARKER)
  let held: Uint8Array = new Uint8Array(0)
  let searched = 0

  function search(bytes: Uint8Array, last: boolean): Uint8Array {
    const out: Uint8Array[] = []
    let kept = 0
    let at = 0
    while (at < bytes.length && searched + at < SCRUBBED_BYTES) {
      const candidates = byFirst.get(bytes[at] ?? 0) ?? []
      const rest = bytes.length - at
      if (!last && candidates.some((form) => form.length > rest && matches(bytes, at, form) === rest)) break
      const found = candidates.find((form) => matches(bytes, at, form) === form.length)
      // SEC-04
      if (found !== undefined) {
        out.push(bytes.subarray(kept, at), marker)
        kept = at + found.length
      }
      at += found?.length ?? 1
    }
    const end = searched + at >= SCRUBBED_BYTES ? bytes.length : at
    out.push(bytes.subarray(kept, end))
    held = new Uint8Array(bytes.subarray(end))
    searched += end
    return concatBytes(out)
  }

  return {
    push: (chunk) => {
      if (searched >= SCRUBBED_BYTES) return chunk
      return search(held.length === 0 ? chunk : concatBytes([held, chunk]), false)
    },
    end: () => search(held, true),
  }
}

/** How many bytes of `form` stand at `at`, up to the end of `bytes`. */
function matches(bytes: Uint8Array, at: number, form: Uint8Array): number {
  let length = 0
  while (length < form.length && at + length < bytes.length && bytes[at + length] === form[length]) length += 1
  return length
}
