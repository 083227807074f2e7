// node only: streams
import { pipeline, type Readable, Transform } from 'node:stream'
import { createRedactor, type Redactor, Secret } from 'procura/vault'
import { quietly } from '#support/quietly.ts'
import type { McpTransport } from '../../wire/transport/mcp-transport.ts'

/** The fewest bytes of a value that is searched for. A shorter one could be a word of a message. */
const minBytes = 8

/**
 * Returns the transport of a program whose messages have `[redacted]` in the place of each of its secrets: an error
 * message of a server often has the key that was refused. The strings are searched after the message was parsed, so the
 * escapes of JSON hide nothing. GTW-73
 *
 * @param secrets - the values from the vault by the names of their variables.
 */
export function redactMessages(transport: McpTransport, secrets: Readonly<Record<string, string>>): McpTransport {
  const redactor = redactorOf(secrets)
  if (redactor === undefined) return transport
  let isOpen = true
  const wrapped: McpTransport = {
    start: () => transport.start(),
    send: (message, options) => transport.send(message, options),
    close: () => transport.close(),
  }
  transport.onmessage = (message) => (isOpen ? wrapped.onmessage?.(redacted(message, redactor)) : undefined)
  transport.onclose = () => {
    isOpen = false
    redactor.dispose()
    wrapped.onclose?.()
  }
  transport.onerror = (error) => wrapped.onerror?.(error)
  return wrapped
}

/** Returns a stream of bytes with `[redacted]` in the place of each of the secrets, such as standard error. GTW-73 */
export function redactStream(stream: Readable, secrets: Readonly<Record<string, string>>): Readable {
  const redactor = redactorOf(secrets)
  if (redactor === undefined) return stream
  const redacted = new Transform({
    transform: (chunk: Uint8Array, _encoding, done) => done(null, redactor.push(chunk)),
    flush: (done) => done(null, redactor.end()),
    destroy(error, done) {
      redactor.dispose()
      done(error)
    },
  })
  // The reader learns of the end of the program, and the program of the end of the reader.
  pipeline(stream, redacted, () => undefined)
  for (const one of [stream, redacted]) one.on('error', () => undefined)
  return redacted
}

function redactorOf(secrets: Readonly<Record<string, string>>): Redactor | undefined {
  const values = Object.values(secrets).flatMap((value) => [value, ...passwordsOf(value)])
  const found = values.filter((value) => Buffer.byteLength(value) >= minBytes).map((value) => new Secret(value))
  if (found.length === 0) return undefined
  const redactor = createRedactor(found, { minBytes })
  for (const secret of found) secret.dispose()
  return redactor
}

/** The password of a URL, as it is, encoded and decoded: a program shows the address of a database without the rest. */
function passwordsOf(value: string): readonly string[] {
  const password = quietly(() => new URL(value).password) ?? ''
  // The parser encodes some characters that the value may have as they are.
  const [, written = ''] = (password && /^[^:]*:\/\/[^:/?#]*:([^/?#]*)@/.exec(value)) || []
  return [written, password, quietly(() => decodeURIComponent(password)) ?? '']
}

/** Replaces the secrets in all strings and numbers of a message, and in the names of its fields. */
function redacted(message: unknown, redactor: Redactor): unknown {
  // No secret has a null character, so all of them can be searched at once.
  const all = textsIn(message).join('\0')
  if (shown(all, redactor) === all) return message
  const holder = [message]
  for (const object of objectsIn(holder)) {
    for (const [name, value] of Object.entries(object)) {
      const field = Array.isArray(object) ? name : shown(name, redactor)
      const text = textOf(value)
      const changed = text === undefined || shown(text, redactor) === text ? value : shown(text, redactor)
      if (field === name && changed === value) continue
      if (field !== name) Reflect.deleteProperty(object, name)
      // An assignment to `__proto__` would be lost.
      Object.defineProperty(object, field, { value: changed, configurable: true, enumerable: true, writable: true })
    }
  }
  return holder[0]
}

function textsIn(message: unknown): readonly string[] {
  const texts: string[] = []
  for (const object of objectsIn([message])) {
    for (const part of Array.isArray(object) ? object : Object.entries(object).flat()) {
      const text = textOf(part)
      if (text !== undefined) texts.push(text)
    }
  }
  return texts
}

/** A key of digits may be shown as a number. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

/** An object or a list, and those within it. Not a function that calls itself: JSON can be deep. */
function* objectsIn(top: object): Generator<object, void> {
  const open = [top]
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    yield one
    for (const value of Object.values(one)) if (typeof value === 'object' && value !== null) open.push(value)
  }
}

function shown(text: string, redactor: Redactor): string {
  const bytes = Buffer.from(text)
  const searched = Buffer.concat([redactor.push(bytes), redactor.end()])
  return searched.equals(bytes) ? text : searched.toString()
}
