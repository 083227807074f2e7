import { type OptionCheck, withMethod } from '../../support/options.ts'

/**
 * A transport of MCP messages, of either SDK or of another library.
 *
 * - `onmessage` receives each message, parsed. A transport that waits for the promise that it returns has
 *   back-pressure.
 * - `send` resolves when the other side has taken the message, or when its buffer has room. It rejects when the message
 *   cannot be sent.
 * - `onclose` is called once, when no message comes any more, also if the other side has ended.
 */
export interface RelayTransport {
  start(): Promise<void>
  send(message: never, options?: never): Promise<void>
  close(): Promise<void>
  onmessage?: unknown
  onclose?: unknown
  onerror?: unknown
}

/** The same, with the types by which a relay uses it. */
export interface OpenTransport {
  start(): Promise<void>
  send(message: unknown, options?: unknown): Promise<void>
  close(): Promise<void>
  onmessage?: ((message: unknown) => unknown) | undefined
  onclose?: (() => void) | undefined
  onerror?: ((error: unknown) => void) | undefined
}

/** Checks an option that is a transport. */
export const transportCheck: OptionCheck = (value) =>
  [withMethod('start'), withMethod('send'), withMethod('close')].every((check) => check(value) === undefined)
    ? undefined
    : 'must be a transport of MCP, with `start`, `send` and `close`'
