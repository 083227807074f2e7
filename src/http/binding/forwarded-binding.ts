/**
 * Rebuilds the arguments of a call from the headers with which a proxy asks whether to forward a request.
 *
 * @module
 */

import {
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionChecks,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { splitTarget } from './request-arguments.ts'
import { type RequestBinding, schemesByHost, unbound } from './request-binding.ts'

/** Options of {@link bindToForwarded}. */
export interface BindToForwardedOptions {
  /** The origins that the proxy serves, such as `https://api.example.com`. */
  readonly origins: readonly string[]
  /**
   * The bodies of the requests that the proxy forwards. `none`, which is the default: the proxy forwards no bodies, and
   * a request that announces one is refused. `digest`: the proxy sends the digest of each body in `X-Forwarded-Digest`,
   * or `none` for a request without a body.
   */
  readonly bodies?: 'none' | 'digest'
}

/**
 * Binds calls to the requests that a proxy asks about: nginx with `auth_request`, Caddy with `forward_auth`, HAProxy
 * with a Lua action. The proxy sends the method, host and target of the request in `X-Forwarded-Method`,
 * `X-Forwarded-Host` and `X-Forwarded-Uri`, and replaces those headers of a client.
 *
 * The answer permits the request that those headers describe, and nothing else; so a client that asks by itself gains
 * nothing.
 *
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { bindToForwarded } from 'procura/http/forward-auth'
 * import { nodeHandler } from 'procura/http/node'
 *
 * const bind = bindToForwarded({ origins: ['https://legacy.example.com'] })
 * createServer(nodeHandler(mailService, { bind, statuses: 'auth_request' })).listen(9000, '127.0.0.1')
 * ```
 */
export function bindToForwarded(options: BindToForwardedOptions): RequestBinding {
  const { origins, bodies } = readOptions('bindToForwarded', options, checks)
  const schemes = schemesByHost('bindToForwarded', origins)
  return Object.freeze({
    asksForProxy: true,
    async read({ header, names }) {
      const one = (name: string): string | undefined => {
        const values = header(name)
        return values.length === 1 && !values[0]?.includes(',') ? values[0] : undefined
      }
      const [method, target] = [one('x-forwarded-method'), only(header('x-forwarded-uri'))]
      const host = one('x-forwarded-host')?.toLowerCase()
      // HTP-33: a missing header is a mistake in the configuration of the proxy, and not of the client.
      if (method === undefined || host === undefined || target === undefined)
        return unbound(400, 'the proxy must send X-Forwarded-Method, X-Forwarded-Host and X-Forwarded-Uri, each once')
      const scheme = schemes.get(host)
      if (scheme === undefined) return unbound(421, 'the service is not at this host')
      if (header('upgrade').length > 0) return unbound(400, 'the service does not upgrade connections')
      if (names().some((name) => rerouting.test(asRead(name))))
        return unbound(400, 'send the request without headers that name another method or URL')
      if (!target.startsWith('/')) return unbound(400, 'X-Forwarded-Uri must be a path')
      const digest = bodies === 'digest' ? one('x-forwarded-digest') : announcesBody(header) ? undefined : 'none'
      // HTP-34
      if (digest === undefined)
        return unbound(400, 'the request has a body that the proxy does not describe; send it without a body')
      const { path, query } = splitTarget(target)
      const args = { method, scheme, host, path, query, digest: digest === 'none' ? undefined : digest }
      return { bound: true, args, body: undefined }
    },
  } satisfies RequestBinding)
}

const checks: OptionChecks<BindToForwardedOptions> & { readonly bodies: ReturnType<typeof withDefault> } =
  Object.freeze({
    origins: nonEmptyArrayOf(nonEmptyString),
    bodies: withDefault(oneOfStrings('none', 'digest'), 'none'),
  })

/** Names by which a service behind the proxy can take the request for another one: of its method, or of its target. */
const rerouting =
  /(?:^|-)(?:override|rewrite|middleware|destination|(?:http|request)-method|(?:original|request)-(?:host|method|path|proto|scheme|ur[il]))(?:-|$)|^x-(?:method|path|ur[il]|forwarded-(?:path|prefix))$/

/** Servers with an interface like CGI read a hyphen, an underscore and a dot as the same character. */
function asRead(name: string): string {
  return name.replaceAll(/[^a-z0-9]/g, '-')
}

/** A target may contain commas. */
function only(values: readonly string[]): string | undefined {
  return values.length === 1 ? values[0] : undefined
}

/** Whether a header of the request, or its copy by the proxy, announces a body. */
function announcesBody(header: (name: string) => readonly string[]): boolean {
  const lengths = [...header('content-length'), ...header('x-forwarded-content-length')]
  const encodings = [...header('transfer-encoding'), ...header('x-forwarded-transfer-encoding')]
  return lengths.some((length) => !/^0*$/.test(length)) || encodings.some((encoding) => encoding !== '')
}
