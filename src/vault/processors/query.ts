import { ArgumentError } from '../../errors.ts'
import { maybe, nonEmptyString, readOptions } from '../../support/options.ts'
import type { Processor } from '../processor.ts'
import { withParameter } from '../request/query-text.ts'
import { type FieldParameter, optional } from './field.ts'

/** Parameters of {@link query}. */
export interface QueryParameters extends FieldParameter {
  /** The name of the query parameter, for example `api_key`. */
  readonly name: string
}

/**
 * Sends the secret as a query parameter. Use it only for upstreams that accept nothing else: URLs are logged in many
 * places.
 *
 * @throws ArgumentError when the name is invalid.
 */
export function query(parameters: QueryParameters): Processor {
  const { name, field } = readOptions('query', parameters, { name: nonEmptyString, field: maybe(nonEmptyString) })
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(name)) {
    throw new ArgumentError('query: `name` must be 1 to 64 of A-Z a-z 0-9 _ . -')
  }
  if (/^_method$|method.override$/i.test(name)) {
    throw new ArgumentError('query: `name` must not be a parameter that servers interpret as the method')
  }
  return Object.freeze({
    description: { type: 'query', name, ...optional('field', field) },
    headers: [],
    parameters: [name],
    apply: (request, secret) => {
      const value = field === undefined ? secret.reveal() : secret.revealField(field)
      return { ...request, url: withParameter(request.url, name, value) }
    },
  } satisfies Processor)
}
