import { ArgumentError } from '../../errors.ts'
import { objectValue, readOptions } from '../../support/options.ts'
import type { Processor } from '../processor.ts'
import { textOf } from './field.ts'
import { headerName } from './header.ts'

/** Parameters of {@link headers}. */
export interface HeadersParameters {
  /** The field of the secret for each header, for example `{ Authorization: 'token', 'X-Api-Key': 'key' }`. */
  readonly fields: Readonly<Record<string, string>>
}

/**
 * Sends the fields of a secret in headers, for an upstream that needs more than one. The secret is an object of strings
 * (`Secret.ofFields`).
 *
 * @throws ArgumentError when `fields` is empty, or contains a header that cannot carry a credential, or a header twice.
 *
 * @example
 * ```ts
 * import { headers } from 'procura/vault/processors'
 *
 * const processor = headers({ fields: { Authorization: 'token', 'X-Api-Key': 'key' } })
 * ```
 */
export function headers(parameters: HeadersParameters): Processor {
  const given = readOptions('headers', parameters, { fields: objectValue })
  const fields = new Map<string, string>()
  for (const [name, field] of Object.entries(given.fields)) {
    const lower = headerName('headers: each name in `fields`', name)
    if (typeof field !== 'string' || field === '')
      throw new ArgumentError('headers: each value in `fields` must be the name of a field, a non-empty string')
    if (fields.has(lower)) throw new ArgumentError(`headers: \`fields\` contains the header ${lower} twice`)
    fields.set(lower, field)
  }
  if (fields.size === 0) throw new ArgumentError('headers: `fields` must contain at least one header')
  return Object.freeze({
    description: { type: 'headers', fields: Object.fromEntries(fields) },
    headers: [...fields.keys()],
    parameters: [],
    apply: (request, secret) => {
      const sent = new Headers(request.headers)
      for (const [name, field] of fields) sent.set(name, textOf(secret, field))
      return { ...request, headers: sent }
    },
  } satisfies Processor)
}
