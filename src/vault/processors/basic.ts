import { encodeBase64 } from '../../core/ipld/base.ts'
import { ArgumentError, VaultError } from '../../errors.ts'
import { maybe, nonEmptyString, readOptions } from '../../support/options.ts'
import type { Processor } from '../processor.ts'

/** Parameters of {@link basic}. */
export interface BasicParameters {
  /** The user name. Default: the secret has the fields `username` and `password`. */
  readonly username?: string
}

/**
 * Sends a user name and the secret as `Authorization: Basic …` (RFC 7617), in UTF-8.
 *
 * @throws ArgumentError when the user name has a colon or control characters.
 */
export function basic(parameters: BasicParameters = {}): Processor {
  const { username } = readOptions('basic', parameters, { username: maybe(nonEmptyString) })
  if (username !== undefined && !isUserName(username)) {
    throw new ArgumentError(
      'basic: `username` must not contain a colon or control characters; the secret is the password',
    )
  }
  return Object.freeze({
    description: { type: 'basic', ...(username !== undefined && { username }) },
    headers: ['authorization'],
    parameters: [],
    apply: (request, secret) => {
      const user = username ?? secret.revealField('username')
      const password = username === undefined ? secret.revealField('password') : secret.reveal()
      if (!isUserName(user) || control.test(password)) {
        throw new VaultError(
          'ERR_VAULT_INTEGRITY',
          'the user name or password has characters that `basic` cannot send: control characters, or a colon in the name',
        )
      }
      const headers = new Headers(request.headers)
      headers.set('authorization', `Basic ${encodeBase64(new TextEncoder().encode(`${user}:${password}`))}`)
      return { ...request, headers }
    },
  } satisfies Processor)
}

function isUserName(name: string): boolean {
  return !name.includes(':') && !control.test(name)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 forbids exactly these
const control = /[\u0000-\u001f\u007f]/
