import { ArgumentError } from '../../errors.ts'
import { maybe, nonEmptyString, readOptions, withDefault } from '../../support/options.ts'
import type { Processor } from '../processor.ts'
import { kindOfHeader } from '../request/headers.ts'
import { type FieldParameter, optional, textOf } from './field.ts'

/** Parameters of {@link header}. */
export interface HeaderParameters extends FieldParameter {
  /** The name of the header, for example `X-Api-Key`. */
  readonly name: string
  /** The value of the header, with `{secret}` once. Default `{secret}`. Example: `Token {secret}`. */
  readonly format?: string
}

/**
 * Sends the secret in a header of its own.
 *
 * @throws ArgumentError when the name is invalid, or the format does not have `{secret}` exactly once.
 */
export function header(parameters: HeaderParameters): Processor {
  const { name, format, field } = readOptions('header', parameters, {
    name: nonEmptyString,
    format: withDefault(nonEmptyString, '{secret}'),
    field: maybe(nonEmptyString),
  })
  const [before, after, ...more] = format.split('{secret}')
  if (before === undefined || after === undefined || more.length > 0 || !/^[\x20-\x7e]*$/.test(format)) {
    throw new ArgumentError('header: `format` must contain `{secret}` exactly once, and only visible ASCII')
  }
  const lower = headerName('header: `name`', name)
  return Object.freeze({
    description: { type: 'header', name: lower, format, ...optional('field', field) },
    headers: [lower],
    parameters: [],
    apply: (request, secret) => {
      const headers = new Headers(request.headers)
      headers.set(lower, `${before}${textOf(secret, field)}${after}`)
      return { ...request, headers }
    },
  } satisfies Processor)
}

/**
 * Reads the name of a header that a processor writes, and returns it in lower case. A name that frames or reroutes a
 * request is refused: such headers of a caller are dropped, and a processor must not restore them.
 *
 * @param option - the option with the name, for the message.
 * @throws ArgumentError when it is invalid.
 */
export function headerName(option: string, name: string): string {
  const lower = name.toLowerCase()
  const kind = kindOfHeader(lower)
  // ORG-16
  if (!/^[a-z0-9!#$&'*+.^_`|~-]+$/.test(lower) || kind === 'framing' || kind === 'rerouting') {
    throw new ArgumentError(`${option} must be the name of a header that can carry a credential, such as x-api-key`)
  }
  return lower
}
