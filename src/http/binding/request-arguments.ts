/**
 * The arguments that bind a call to one HTTP request.
 *
 * @module
 */

import { oneOf, optional } from '../../core/capability/argument-types/basic.ts'
import { url } from '../../core/capability/argument-types/url.ts'
import type { OptionalSchema } from '../../core/capability/definition.ts'
import type { StandardSchema } from '../../core/capability/standard-schema.ts'
import { ArgumentError } from '../../errors.ts'
import { contentDigest } from '../../support/digest.ts'
import { type OptionChecks, readOptions } from '../../support/options.ts'

/** The parts of a request that a call is bound to. */
export interface RequestParts {
  /** In upper case, such as `POST`. */
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** The host, with its port unless it is the default one of the scheme. */
  readonly host: string
  /** The path in the canonical form of `url` of `procura/arguments`: `/repos/acme/site`. */
  readonly path: string
  /** The text after the question mark; absent without one. */
  readonly query?: string
  /** The digest of the body as in `Content-Digest` (RFC 9530), `sha-256=:…:`; absent without a body. */
  readonly digest?: string
}

/** Whether a text is a URL in canonical form. */
export function isCanonical(href: string): boolean {
  const { value } = url({ schemes: ['http', 'https'], maxLength: 8_192 })['~standard'].validate(href) as {
    readonly value?: string
  }
  return value === href
}

/**
 * Makes the schemas of the arguments that bind a call to a request, for the definition of a command. All have one form
 * for one request: a policy with `like('.path', '/repos/acme/*')` limits calls to that place.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { requestArguments } from 'procura/http/binding'
 *
 * const request = defineCommand({ command: '/http/request', args: requestArguments() })
 * ```
 */
export function requestArguments(): {
  readonly method: StandardSchema<string>
  readonly scheme: StandardSchema<'http' | 'https'>
  readonly host: StandardSchema<string>
  readonly path: StandardSchema<string>
  readonly query: OptionalSchema<string>
  readonly digest: OptionalSchema<string>
} {
  return Object.freeze({
    method: schemaOf('a method in upper case', (method) => /^[A-Z]{1,32}$/.test(method)),
    scheme: oneOf(['http', 'https']),
    // HTP-31
    host: schemaOf('a host in canonical form', (host) => !/[/?#@\\]/.test(host) && isCanonical(`https://${host}/`)),
    path: schemaOf(
      'a path in canonical form',
      (path) => /^\/[^?#]*$/.test(path) && isCanonical(`https://a.example${path}`),
    ),
    query: optional(
      schemaOf(
        'a query in canonical form',
        (query) => /^[^#]+$/.test(query) && isCanonical(`https://a.example/?${query}`),
      ),
    ),
    digest: optional(
      schemaOf('a SHA-256 digest of RFC 9530', (digest) => /^sha-256=:[A-Za-z0-9+/]{43}=:$/.test(digest)),
    ),
  })
}

function schemaOf(what: string, isValid: (value: string) => boolean): StandardSchema<string> {
  const validate = (
    value: unknown,
  ): { readonly value: string } | { readonly issues: readonly { readonly message: string }[] } =>
    typeof value === 'string' && isValid(value) ? { value } : { issues: [{ message: `is not ${what}` }] }
  return Object.freeze({ '~standard': Object.freeze({ version: 1, vendor: 'procura', validate }) })
}

/** Options of {@link bindRequest}. */
export interface BindRequestOptions {
  /** Absolute URL, as it is requested. */
  readonly url: string | URL
  /** Default `GET`. */
  readonly method?: string
  /** The body as it is sent; a string is UTF-8. An empty body counts as no body. Default: no body. */
  readonly body?: string | Uint8Array
}

/**
 * Returns the arguments of a call for one request, for the agent that signs it. Send exactly this request, with the
 * container in a header.
 *
 * @throws ArgumentError when an option is invalid, or the URL is not in canonical form: a server could read it as that
 *   of another resource.
 *
 * @example
 * ```ts
 * import { bindRequest } from 'procura/http/binding'
 *
 * const args = await bindRequest({ url: 'https://api.example.com/repos/acme/site', method: 'DELETE' })
 * ```
 */
export async function bindRequest(options: BindRequestOptions): Promise<RequestParts> {
  const given = readOptions('bindRequest', options, bindChecks)
  const { method = 'GET', body } = given
  const href = String(given.url)
  if (!isCanonical(href)) {
    throw new ArgumentError(
      'bindRequest: `url` must be an http or https URL in canonical form, without user, fragment, dot segments or needless percent-encoding',
    )
  }
  const { protocol, host } = new URL(href)
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  return Object.freeze({
    method,
    scheme: protocol === 'https:' ? 'https' : 'http',
    host,
    ...splitTarget(href.slice(`${protocol}//${host}`.length)),
    ...(bytes !== undefined && bytes.length > 0 && { digest: await contentDigest(bytes) }),
  })
}

const bindChecks: OptionChecks<BindRequestOptions> = Object.freeze({
  url: (value) => (typeof value === 'string' || value instanceof URL ? undefined : 'must be a URL'),
  method: (value) =>
    value === undefined || (typeof value === 'string' && /^[A-Z]{1,32}$/.test(value))
      ? undefined
      : 'must be a method in upper case, such as POST',
  body: (value) =>
    value === undefined || typeof value === 'string' || value instanceof Uint8Array
      ? undefined
      : 'must be a string or a Uint8Array',
})

/** The path and query of a request target. */
export function splitTarget(target: string): Pick<RequestParts, 'path' | 'query'> {
  const at = target.indexOf('?')
  return at < 0 ? { path: target } : { path: target.slice(0, at), query: target.slice(at + 1) }
}
