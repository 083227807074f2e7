/**
 * Redacts a secret in a response, in case the upstream echoes it. This is a second line of defence, on a best-effort
 * basis: it does not detect an upstream that encrypts, reverses or splits the secret.
 *
 * @module
 */

import { VaultError } from '../../errors.ts'
import { concatBytes } from '../../ipld/bytes.ts'
import { startBackgroundTimer } from '../../support/background-timer.ts'
import { createFormStarts } from './form-starts.ts'

const redactionMarker = '[redacted]'

/**
 * Headers that open a session with the authority of the credential, or that describe the body before it was decoded.
 */
const removed: readonly string[] = ['set-cookie', 'set-cookie2', 'content-encoding', 'content-length']

/**
 * Headers that a server in front of the service obeys: it sends a file or another resource, or caches. The service may
 * pass the response on. `X-Accel-Buffering` only keeps a stream from waiting.
 */
const ofServers = /^(?:x-accel-|x-sendfile|x-lighttpd-send|x-reproxy-)/

/** Statuses of responses without a body (Fetch Standard, "null body status"). */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

/** Limits at which a body is broken off. */
export interface BodyLimits {
  /** Breaks the body off when it fires. */
  readonly signal: AbortSignal
  /** Milliseconds without a reader after which the body is broken off. */
  readonly unreadMs: number
}

/**
 * Returns a copy of a response in which each form of the secret is replaced, in the headers and in the body. The body
 * streams; only bytes that can begin a form are held back.
 *
 * @param forms - from `encodedForms`, the longest first.
 * @param whenDone - called once, when the body has ended, was cancelled or was broken off.
 */
export function scrubResponse(
  response: Response,
  forms: readonly Uint8Array[],
  whenDone: () => void,
  limits: BodyLimits,
): Response {
  const headers = scrubHeaders(response.headers, forms)
  const init = { status: response.status, headers }
  const isEmpty = bodiless.has(response.status) || response.headers.get('content-length') === '0'
  if (response.body === null || isEmpty) {
    whenDone()
    response.body?.cancel().catch(() => undefined)
    return new Response(null, init)
  }
  return new Response(scrubBody(response.body, forms, whenDone, limits), init)
}

function scrubHeaders(given: Headers, forms: readonly Uint8Array[]): Headers {
  // Each character of a header value is one byte.
  const texts = forms.map((form) => Array.from(form, (byte) => String.fromCharCode(byte)).join(''))
  const headers = new Headers()
  for (const [name, value] of given) {
    // SEC-05
    if (removed.includes(name) || (ofServers.test(name) && name !== 'x-accel-buffering')) continue
    if (texts.some((text) => name.includes(text.toLowerCase()))) continue
    headers.append(
      name,
      texts.reduce((scrubbed, text) => scrubbed.replaceAll(text, redactionMarker), value),
    )
  }
  return headers
}

/** Replaces the forms in a stream of bytes. */
export function scrubBody(
  body: ReadableStream<Uint8Array>,
  forms: readonly Uint8Array[],
  whenDone: () => void,
  { signal, unreadMs }: BodyLimits,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const scrubber = createScrubber(forms)
  let controller: ReadableStreamDefaultController<Uint8Array>
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOpen = true

  function end(): void {
    isOpen = false
    scrubber.forget()
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    whenDone()
  }

  // Works also when nobody reads, or the stream of the platform ignores the signal.
  function breakOff(reason: unknown): void {
    if (!isOpen) return
    end()
    controller.error(reason)
    reader.cancel(reason).catch(() => undefined)
  }

  function onAbort(): void {
    breakOff(signal.reason)
  }

  function waitForReader(): void {
    const unread = (): void =>
      breakOff(
        new VaultError(
          'ERR_VAULT_UPSTREAM',
          `nobody read from the body of the response for ${unreadMs} ms; read it, cancel it, or raise \`bodyTimeoutMs\``,
        ),
      )
    timer = startBackgroundTimer(unread, unreadMs)
  }

  const source: UnderlyingDefaultSource<Uint8Array> = {
    start(given) {
      controller = given
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      waitForReader()
    },
    async pull() {
      clearTimeout(timer)
      try {
        for (;;) {
          const { done, value } = await reader.read()
          if (!isOpen) return
          const bytes = done ? scrubber.end() : scrubber.push(value)
          if (bytes.length > 0) controller.enqueue(bytes)
          if (done) {
            end()
            controller.close()
          } else if (bytes.length > 0) waitForReader()
          if (done || bytes.length > 0) return
        }
      } catch (error) {
        breakOff(error)
      }
    },
    async cancel(reason) {
      if (isOpen) end()
      await reader.cancel(reason)
    },
  }
  // Nothing is read ahead, so each pull has a reader.
  return new ReadableStream(source, { highWaterMark: 0 })
}

interface Scrubber {
  push(chunk: Uint8Array): Uint8Array
  end(): Uint8Array
  /** Overwrites what was derived from the forms. */
  forget(): void
}

function createScrubber(forms: readonly Uint8Array[]): Scrubber {
  const starts = createFormStarts(forms)
  const byFirst = new Map<number, Uint8Array[]>()
  for (const form of forms) {
    const first = form[0] ?? 0
    byFirst.set(first, [...(byFirst.get(first) ?? []), form])
  }
  const marker = new TextEncoder().encode(redactionMarker)
  const held = createQueue()
  // How much of each form the held bytes begin with, so that they are not compared again with the next chunk.
  const matched = new Map<Uint8Array, number>()

  /** Returns the scrubbed bytes; the last ones may be held. */
  function search(bytes: Uint8Array, last: boolean): Uint8Array {
    const out: Uint8Array[] = []
    let kept = 0
    let at = starts.next(bytes, 0)
    if (at > 0) matched.clear()
    const matchOf = (form: Uint8Array): number => matchLength(bytes, at, form, at === 0 ? (matched.get(form) ?? 0) : 0)
    while (at < bytes.length) {
      const candidates = byFirst.get(bytes[at] ?? 0) ?? []
      const rest = bytes.length - at
      if (!last && candidates.some((form) => form.length > rest && matchOf(form) === rest)) {
        for (const form of candidates) matched.set(form, matchOf(form))
        break
      }
      const found = candidates.find((form) => matchOf(form) === form.length)
      // SEC-04
      if (found !== undefined) {
        out.push(bytes.subarray(kept, at), marker)
        kept = at + found.length
      }
      at = starts.next(bytes, at + (found?.length ?? 1))
      matched.clear()
    }
    out.push(bytes.subarray(kept, at))
    // A copy: behind the memory of a chunk, the platform may have the rest of the response.
    const scrubbed = concatBytes(out)
    held.replace(bytes, at)
    return scrubbed
  }

  return {
    push: (chunk) => search(held.isEmpty() ? chunk : held.append(chunk), false),
    end: () => search(held.append(new Uint8Array(0)), true),
    forget: starts.forget,
  }
}

/** Bytes that are held until more arrive. */
interface Queue {
  isEmpty(): boolean
  /** Adds bytes, and returns all held bytes without a copy: the result is valid until the next call. */
  append(chunk: Uint8Array): Uint8Array
  /** Holds `bytes` from `start`. They are the result of `append`, or other bytes if nothing was held. */
  replace(bytes: Uint8Array, start: number): void
}

/** The buffer doubles when it is full, so that bytes that arrive one at a time are not copied each time. */
function createQueue(): Queue {
  let buffer = new Uint8Array(0)
  let first = 0
  let end = 0

  function append(chunk: Uint8Array): Uint8Array {
    if (buffer.length - end < chunk.length) {
      const grown = new Uint8Array(2 * (end - first + chunk.length))
      grown.set(buffer.subarray(first, end))
      end -= first
      first = 0
      buffer = grown
    }
    buffer.set(chunk, end)
    end += chunk.length
    return buffer.subarray(first, end)
  }

  return {
    isEmpty: () => first === end,
    append,
    replace(bytes, start) {
      if (first === end) append(bytes.subarray(start))
      else first += start
    },
  }
}

/** The number of bytes of `form` that `bytes` has at `at`, of which `known` need no comparison. */
function matchLength(bytes: Uint8Array, at: number, form: Uint8Array, known: number): number {
  let length = known
  while (length < form.length && at + length < bytes.length && bytes[at + length] === form[length]) length += 1
  return length
}
