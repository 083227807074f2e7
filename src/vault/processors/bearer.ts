import { maybe, nonEmptyString, readOptions } from '../../support/options.ts'
import type { Processor } from '../processor.ts'
import { type FieldParameter, optional, textOf } from './field.ts'

/**
 * Sends the secret as `Authorization: Bearer …` (RFC 6750, section 2.1).
 *
 * @throws ArgumentError when a parameter is invalid.
 */
export function bearer(parameters: FieldParameter = {}): Processor {
  const { field } = readOptions('bearer', parameters, { field: maybe(nonEmptyString) })
  return Object.freeze({
    description: { type: 'bearer', ...optional('field', field) },
    headers: ['authorization'],
    parameters: [],
    apply: (request, secret) => {
      const headers = new Headers(request.headers)
      headers.set('authorization', `Bearer ${textOf(secret, field)}`)
      return { ...request, headers }
    },
  } satisfies Processor)
}
