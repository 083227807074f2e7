import type { buildConnector, Dispatcher } from 'undici'

/** Variables of an environment. */
type Env = Readonly<Record<string, string | undefined>>

/** Variables about the network that a program may have in lower case, too. */
const eitherCase = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const

/** The variables about proxies and certificates, which programs of the gateway and its service get. GTW-54 */
export const networkVariables: readonly string[] = Object.freeze([
  ...eitherCase.flatMap((name) => [name, name.toLowerCase()]),
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
])

/** Names that are reached without the proxy: a request there is not encrypted, and would show it the credential. */
const loopback = 'localhost,127.0.0.1,[::1]'

/** A proxy, and the variable that names it. */
interface Proxy {
  readonly variable: string
  readonly url: URL
}

/**
 * Sends requests through the proxy of the environment. Without one, the `fetch` that is given. GTW-52
 *
 * The client for it is loaded at the first request. Requests to this machine, and to the hosts of `NO_PROXY`, are sent
 * directly. A request that fails at the proxy rejects with a code such as `PROXY_ECONNREFUSED` or `PROXY_407`. If the
 * URL of the proxy is invalid, the request is not sent, and the code is `PROXY_INVALID`.
 */
export function fetchByProxy(env: Env, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  if (variableOf('HTTPS_PROXY', env) === undefined && variableOf('HTTP_PROXY', env) === undefined) return fetch
  let loading: Promise<Dispatcher> | undefined
  return async (input, init) => {
    loading ??= loadDispatcher(env)
    const dispatcher = await loading
    try {
      // The types of Node are those of another version of the same client.
      return await fetch(input, { ...init, dispatcher } as RequestInit)
    } catch (error) {
      throw faultIn(error) ?? error
    }
  }
}

/**
 * The proxy of requests to `https:` addresses.
 *
 * @throws Error which names the variable when its value is not the URL of a proxy. It does not show the value,
 *   which may have a password.
 */
export function proxyOf(env: Env): Proxy | undefined {
  return named('HTTPS_PROXY', env) ?? named('HTTP_PROXY', env)
}

/** The variables about the network for a file that others may read, and the names of those with a password. GTW-55 */
export function networkFor(env: Env): {
  readonly variables: Readonly<Record<string, string>>
  readonly left: string[]
} {
  const set = networkVariables.flatMap((name): [string, string][] => {
    const value = env[name]
    return value === undefined ? [] : [[name, value]]
  })
  // A value that is not a URL may have a password somewhere.
  const isOpen = ([name, value]: [string, string]): boolean =>
    value === '' || !/^https?_proxy$/i.test(name) || (URL.canParse(value) && /^https?:\/\/[^/@]+\/?$/.test(value))
  return {
    variables: Object.fromEntries(set.filter(isOpen)),
    left: set.filter((one) => !isOpen(one)).map(([name]) => name),
  }
}

/** The message of a request that failed at the proxy, or undefined. It has no secret. */
export function proxyReason(error: unknown): string | undefined {
  return faultIn(error)?.message
}

/** A proxy that cannot be used. */
class ProxyFault extends Error {
  readonly code: string

  constructor(reason: string, message = `the proxy cannot be used (${reason}); check HTTPS_PROXY and NO_PROXY`) {
    super(message)
    this.code = `PROXY_${reason}`
  }
}

function variableOf(name: (typeof eitherCase)[number], env: Env): string | undefined {
  // An empty variable in lower case means no proxy, as for curl.
  const variable = env[name.toLowerCase()] === undefined ? name : name.toLowerCase()
  return (env[variable] ?? '') === '' ? undefined : variable
}

function named(name: 'HTTP_PROXY' | 'HTTPS_PROXY', env: Env): Proxy | undefined {
  const variable = variableOf(name, env)
  if (variable === undefined) return undefined
  const text = env[variable] ?? ''
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !isProxy(url))
    throw new ProxyFault('INVALID', `${variable} is not the URL of a proxy, such as http://proxy.example.com:8080`)
  return { variable, url }
}

function isProxy({ protocol, username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password)
  } catch {
    return false
  }
  return protocol === 'http:' || protocol === 'https:'
}

async function loadDispatcher(env: Env): Promise<Dispatcher> {
  const faults = new Map<string, ProxyFault>()
  const hrefOf = (name: 'HTTP_PROXY' | 'HTTPS_PROXY'): string => {
    try {
      return named(name, env)?.url.href ?? ''
    } catch (error) {
      const host = `${name.toLowerCase().replace('_', '-')}.invalid`
      faults.set(host, error as ProxyFault)
      return `http://${host}`
    }
  }
  const noProxy = (env['no_proxy'] ?? env['NO_PROXY'] ?? '').trim()
  const { EnvHttpProxyAgent, Pool } = await import('undici')
  return new EnvHttpProxyAgent({
    httpProxy: hrefOf('HTTP_PROXY'),
    httpsProxy: hrefOf('HTTPS_PROXY'),
    noProxy: noProxy === '*' ? '*' : `${loopback},${noProxy}`,
    clientFactory(origin, options) {
      const { connect } = options as { readonly connect: buildConnector.connector }
      return new Pool(origin, {
        ...options,
        connect(to, done) {
          const fault = faults.get(to.hostname)
          if (fault !== undefined) return done(fault, null)
          connect(to, (...ended) => (ended[0] === null ? done(...ended) : done(faultOf(ended[0]), null)))
        },
      })
    },
  })
}

/** The connection to the proxy failed. */
function faultOf(error: Error): ProxyFault {
  const { code } = error as NodeJS.ErrnoException
  return new ProxyFault(typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,50}$/.test(code) ? code : 'FAILED')
}

/** The fault of the proxy in an error: no connection, or a refusal to connect, such as 407 without a password. */
function faultIn(error: unknown): ProxyFault | undefined {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth += 1) {
    if (one instanceof ProxyFault) return one
    const [, status] = /^Proxy response \((\d{3})\)/.exec(one.message) ?? []
    if (status !== undefined) return new ProxyFault(status)
  }
  return undefined
}
