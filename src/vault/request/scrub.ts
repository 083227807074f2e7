/**
 * Redacts a secret in a response, in case the upstream echoes it. This is a second line of defence, on a best-effort
 * basis: it does not detect an upstream that encrypts, reverses or splits the secret.
 *
 * @module
 */

import { VaultError } from '../../errors.ts'
import { answerHeader } from '../../support/answer-mark.ts'
import { startBackgroundTimer } from '../../support/background-timer.ts'
import { isShared, privately } from '../../support/unshared.ts'
import { createScrubber } from './scrubber.ts'

/**
 * Headers that open a session with the authority of the credential, that describe the body before it was decoded, or
 * that only the service may send.
 */
const removed: readonly string[] = ['set-cookie', 'set-cookie2', 'content-encoding', 'content-length', answerHeader]

/**
 * Headers that a server in front of the service obeys: it sends a file or another resource, or caches. The service may
 * pass the response on. `X-Accel-Buffering` only keeps a stream from waiting. SEC-15
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
  const texts = forms.map(latin1)
  const headers = new Headers()
  for (const [name, value] of given) {
    // SEC-05
    if (removed.includes(name) || (ofServers.test(name) && name !== 'x-accel-buffering') || isShared(name)) continue
    if (texts.some((text) => name.includes(text.toLowerCase()))) continue
    headers.append(name, texts.some((text) => value.includes(text)) ? scrubText(value, forms) : value)
  }
  const cached = headers.get('cache-control')
  if (cached !== null) headers.set('cache-control', privately(cached))
  return headers
}

function scrubText(text: string, forms: readonly Uint8Array[]): string {
  const scrubber = createScrubber(forms)
  const scrubbed = [scrubber.push(Uint8Array.from(text, (character) => character.charCodeAt(0))), scrubber.end()]
  scrubber.forget()
  return scrubbed.map(latin1).join('')
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
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

  // VLT-50
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
