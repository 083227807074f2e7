import { VaultError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import type { Processor } from '../processor.ts'
import { atRunTime } from '../release/failure.ts'
import { canonicalJson } from '../rules/canonical-json.ts'
import { basic } from './basic.ts'
import { bearer } from './bearer.ts'
import { clientCredentials } from './client-credentials.ts'
import { header } from './header.ts'
import { hmac, type SignedPart } from './hmac.ts'
import { query } from './query.ts'
import { refreshToken } from './refresh-token.ts'
import { sigV4 } from './sigv4.ts'

/**
 * Makes the processor of a description that was kept beside a secret.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when the type is unknown, a parameter is missing or of another type, or
 *   there are parameters that this version does not know: they may be what narrows the use.
 */
export function parseProcessor(description: unknown): Processor {
  const fields = read(description)
  const processor = atRunTime(() => make(fields))
  // What the processor says of itself is what was kept, or something was not understood.
  if (canonicalJson(processor.description) !== canonicalJson(Object.fromEntries(fields.entries))) {
    throw new VaultError('ERR_VAULT_CONFIGURATION', 'the description of a processor has parameters that are not known')
  }
  return processor
}

interface Fields {
  readonly entries: ReadonlyMap<string, unknown>
  text(name: string): string
  optional(name: string): { readonly [name: string]: string }
  oneOf<T extends string>(name: string, choices: readonly T[]): T
}

function make(fields: Fields): Processor {
  const type = fields.text('type')
  const field = fields.optional('field')
  const scopes = fields.entries.get('scopes')
  const scoped = scopes === undefined ? {} : { scopes: textMap(scopes) }
  const endpoint = (): { tokenEndpoint: string; clientId: string } => ({
    tokenEndpoint: fields.text('tokenEndpoint'),
    clientId: fields.text('clientId'),
  })
  switch (type) {
    case 'bearer':
      return bearer(field)
    case 'header':
      return header({ name: fields.text('name'), format: fields.text('format'), ...field })
    case 'basic':
      return basic(fields.optional('username'))
    case 'query':
      return query({ name: fields.text('name'), ...field })
    case 'hmac':
      return hmac({
        header: fields.text('header'),
        format: fields.text('format'),
        covers: textList(fields.entries.get('covers')) as readonly SignedPart[],
        separator: fields.text('separator'),
        hash: fields.oneOf('hash', ['SHA-256', 'SHA-512']),
        encoding: fields.oneOf('encoding', ['hex', 'base64']),
        ...fields.optional('timestampHeader'),
        ...field,
      })
    case 'sigv4':
      return sigV4({ region: fields.text('region'), service: fields.text('service') })
    case 'client-credentials': {
      const authentication = fields.oneOf('authentication', ['basic', 'post'])
      return clientCredentials({ ...endpoint(), authentication, ...scoped, ...fields.optional('resource'), ...field })
    }
    case 'refresh-token': {
      const authentication = fields.oneOf('authentication', ['basic', 'post', 'none'])
      return refreshToken({ ...endpoint(), authentication, ...scoped })
    }
    default:
      throw new VaultError('ERR_VAULT_CONFIGURATION', 'the description of a processor has a `type` that is not known')
  }
}

function read(description: unknown): Fields {
  if (typeof description !== 'object' || description === null || Array.isArray(description)) throw unreadable('type')
  const entries = new Map<string, unknown>(Object.entries(description))
  return {
    entries,
    text: (name) => {
      const value = entries.get(name)
      if (typeof value !== 'string') throw unreadable(name)
      return value
    },
    optional: (name) => {
      const value = entries.get(name)
      if (value === undefined) return {}
      if (typeof value !== 'string') throw unreadable(name)
      return { [name]: value }
    },
    oneOf: (name, choices) => {
      const found = choices.find((choice) => choice === entries.get(name))
      if (found === undefined) throw unreadable(name)
      return found
    },
  }
}

function textList(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) throw unreadable('covers')
  return value as readonly string[]
}

function textMap(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable('scopes')
  if (Object.values(value).some((item) => typeof item !== 'string')) throw unreadable('scopes')
  return value as Readonly<Record<string, string>>
}

function unreadable(name: string): VaultError {
  return new VaultError(
    'ERR_VAULT_CONFIGURATION',
    `the description of a processor is not of its form at ${quote(name)}`,
  )
}
