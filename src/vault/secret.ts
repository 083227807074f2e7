/**
 * Secrets in memory: they are read by a named method, and never by anything that prints.
 *
 * @module
 */

import { ArgumentError, VaultError } from '../errors.ts'
import { type OptionCheck, objectValue, readOptions } from '../support/options.ts'
import { ownBytes } from '../support/own-bytes.ts'

/** The text that every way of printing shows. */
const redacted = 'Secret(redacted)'

/**
 * A secret: bytes, usually text, sometimes several named fields as a JSON object of strings.
 *
 * The value is in a private field. Printing, string templates, `JSON.stringify`, `util.inspect`, `structuredClone` and
 * enumeration do not show it. {@link Secret.reveal} and its two siblings return it, so a search for their names finds
 * the places where a program uses a secret. `dispose` overwrites the bytes. A string that was revealed before cannot be
 * overwritten.
 */
export class Secret {
  static {
    // Node prints an object by the method of this name; other hosts do not know it.
    const inspect = Symbol.for('nodejs.util.inspect.custom')
    Object.defineProperty(Secret.prototype, inspect, { value: () => redacted })
  }

  readonly #bytes: Uint8Array
  #disposed = false

  /**
   * @param value - the secret as a string or bytes; bytes are copied.
   * @throws ArgumentError when it is empty, or neither a string nor bytes.
   */
  constructor(value: string | Uint8Array) {
    // Any other value would become bytes as well, usually zeros or no bytes. A proxy of bytes is not a view.
    if (typeof value !== 'string' && !(ArrayBuffer.isView(value) && value instanceof Uint8Array)) {
      throw new ArgumentError('a secret must be a string or a Uint8Array')
    }
    this.#bytes = typeof value === 'string' ? new TextEncoder().encode(value) : (ownBytes(value) as Uint8Array)
    if (this.#bytes.length === 0) throw new ArgumentError('a secret must not be empty')
    Object.freeze(this)
  }

  /** Makes a secret of named fields, for example `{ username, password }`. */
  static ofFields(fields: Readonly<Record<string, string>>): Secret {
    return new Secret(JSON.stringify(fields))
  }

  /** Whether `value` was made by this class. */
  static is(value: unknown): value is Secret {
    return typeof value === 'object' && value !== null && #bytes in value
  }

  /** Whether it was disposed of. */
  get disposed(): boolean {
    return this.#disposed
  }

  /**
   * Returns the secret as text.
   *
   * @throws VaultError `ERR_VAULT_REVOKED` after `dispose`, `ERR_VAULT_INTEGRITY` when it is not UTF-8.
   */
  reveal(): string {
    const bytes = this.#live()
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      throw new VaultError('ERR_VAULT_INTEGRITY', 'the secret is not valid UTF-8; read it with revealBytes')
    }
  }

  /** Returns a copy of the bytes. Throws as {@link Secret.reveal} does after `dispose`. */
  revealBytes(): Uint8Array {
    return Uint8Array.from(this.#live())
  }

  /**
   * Returns one named field.
   *
   * @throws VaultError `ERR_VAULT_INTEGRITY` when the secret has no such field, or the field is not a string.
   */
  revealField(name: string): string {
    const value = this.#fields()?.get(name)
    if (value === undefined) throw new VaultError('ERR_VAULT_INTEGRITY', `the secret has no field \`${name}\``)
    return value
  }

  /** Makes a secret of one field. Throws as {@link Secret.revealField} does, and when the field is empty. */
  part(name: string): Secret {
    const value = this.revealField(name)
    if (value === '') throw new VaultError('ERR_VAULT_INTEGRITY', `the field \`${name}\` of the secret is empty`)
    return new Secret(value)
  }

  /** Returns the names of the fields; an empty array when the secret is not a JSON object of strings. */
  fieldNames(): readonly string[] {
    return [...(this.#fields()?.keys() ?? [])]
  }

  /** Makes an independent copy, for an owner that disposes of it at another time. */
  copy(): Secret {
    return new Secret(this.#live())
  }

  /** Overwrites the bytes. The secret cannot be read afterwards. A second call changes nothing. */
  dispose(): void {
    // SEC-02
    this.#bytes.fill(0)
    this.#disposed = true
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  // SEC-01: the methods by which platforms print an object.
  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  get [Symbol.toStringTag](): string {
    return 'Secret'
  }

  #live(): Uint8Array {
    if (this.#disposed) throw new VaultError('ERR_VAULT_REVOKED', 'the secret was disposed of and cannot be read')
    return this.#bytes
  }

  #fields(): ReadonlyMap<string, string> | undefined {
    const bytes = this.#live()
    if (bytes[0] !== 0x7b) return undefined
    let parsed: unknown
    try {
      parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    } catch {
      return undefined
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
    const fields = new Map<string, string>()
    for (const [name, value] of Object.entries(parsed)) {
      if (typeof value !== 'string') return undefined
      fields.set(name, value)
    }
    return fields
  }
}

/** A secret as a program has it: a string, bytes, named fields, or a {@link Secret}. */
export type SecretValue = string | Uint8Array | Secret | Readonly<Record<string, string>>

/** The check of a {@link SecretValue}. */
export const secretValue: OptionCheck = (value) => {
  if (Secret.is(value) || (typeof value === 'string' && value !== '')) return undefined
  if (ArrayBuffer.isView(value) && value instanceof Uint8Array && value.length > 0) return undefined
  const fault = 'must be a secret: a non-empty string, non-empty bytes, or an object of strings'
  if (value === undefined) return `${fault} (got undefined; a variable of the environment may not be set)`
  if (objectValue(value) !== undefined || value instanceof Uint8Array) return fault
  const fields = Object.values(value as object)
  return fields.length > 0 && fields.every((field) => typeof field === 'string') ? undefined : fault
}

/**
 * Makes a {@link Secret}; one that exists already is copied.
 *
 * @param of - the function that takes the secret, for the message.
 * @throws ArgumentError when it is empty, or of another type.
 */
export function toSecret(value: SecretValue, of: string): Secret {
  readOptions(of, { secret: value }, { secret: secretValue })
  if (Secret.is(value)) return value.copy()
  return typeof value === 'string' || value instanceof Uint8Array ? new Secret(value) : Secret.ofFields(value)
}

/** Runs a task, and disposes of the secrets that it needed when it has ended or failed. */
export async function disposeAfter<T>(secrets: readonly (Secret | undefined)[], task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } finally {
    for (const secret of secrets) secret?.dispose()
  }
}
