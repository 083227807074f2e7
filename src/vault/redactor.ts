import { isBytes } from '../core/ipld/value.ts'
import { ArgumentError } from '../errors.ts'
import { type DefaultCheck, integerFrom, type OptionChecks, readOptions, withDefault } from '../support/options.ts'
import { encodedForms } from './request/encoded-forms.ts'
import { createScrubber } from './request/scrubber.ts'
import { Secret } from './secret.ts'

/** Options of {@link createRedactor}. */
export interface RedactorOptions {
  /** The fewest bytes of a secret, or of a field or credential in it, that is searched for. Default 1. */
  readonly minBytes?: number
}

const checks: OptionChecks<RedactorOptions> & { readonly minBytes: DefaultCheck } = Object.freeze({
  minBytes: withDefault(integerFrom(1), 1),
})

/** Replaces secrets in bytes that arrive in parts. */
export interface Redactor {
  /** Returns the redacted bytes. It holds back the last ones that can begin a secret, until more arrive. */
  push(bytes: Uint8Array): Uint8Array
  /** Returns the bytes that it holds. Bytes that come afterwards are another text. */
  end(): Uint8Array
  /** Overwrites what it searches for. Afterwards it finds nothing. */
  dispose(): void
}

/**
 * Makes a redactor: each of the secrets becomes `[redacted]`, in the encodings in which a vault searches a response for
 * them, such as base64 and the escapes of JSON. For what a program with a secret prints, for example. Secrets of fewer
 * than four bytes, and fields of fewer than eight, are not found. A secret that is reversed, encrypted or split is not
 * found either.
 *
 * @param secrets - may be disposed of afterwards.
 * @throws ArgumentError when it is not a list of secrets, or an option is invalid; VaultError when one was disposed of.
 *
 * @example
 * ```ts
 * import { createRedactor, Secret } from 'procura/vault'
 *
 * const redactor = createRedactor([new Secret('sk-live-7f3a')])
 * const text = new TextDecoder().decode(redactor.push(new TextEncoder().encode('invalid key sk-live-7f3a.')))
 * console.log(text)
 * // invalid key [redacted].
 * ```
 */
export function createRedactor(secrets: readonly Secret[], options: RedactorOptions = {}): Redactor {
  if (!Array.isArray(secrets) || !secrets.every((secret) => Secret.is(secret)))
    throw new ArgumentError('createRedactor takes a list of secrets: [new Secret(text)]')
  const { minBytes } = readOptions<RedactorOptions, typeof checks>('createRedactor', options, checks)
  const forms = encodedForms(secrets, minBytes)
  const scrubber = createScrubber(forms)
  return Object.freeze({
    push(bytes: Uint8Array) {
      if (!isBytes(bytes)) throw new ArgumentError('a redactor takes bytes: a Uint8Array')
      return scrubber.push(bytes)
    },
    end: () => scrubber.end(),
    dispose() {
      scrubber.forget()
      for (const form of forms) form.fill(0)
    },
  })
}
