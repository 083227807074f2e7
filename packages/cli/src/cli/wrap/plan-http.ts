// node only: works with parts that use files
import { isConfidential } from '#support/loopback.ts'
import { isProtocolHeader } from '../../support/protocol-headers.ts'
import { type Data, type DataObject, isObject } from '../clients/config-document.ts'
import type { GatewayServer } from '../home/gateway-server.ts'
import type { Answer, PlannedSecret, ServerContext, SortedValue } from './planned.ts'
import { refersTo } from './references.ts'
import { secretInUrl } from './secrets-in-words.ts'
import { sortValue } from './sort-value.ts'

/**
 * Plans a server that the client reaches over HTTP.
 *
 * @param isNamed - whether the user chose it by its name.
 */
export function planHttpServer(value: DataObject, context: ServerContext, isNamed: boolean): Answer {
  const type = value['type'] ?? value['transport']
  if (![undefined, 'http', 'streamable-http', 'streamableHttp', 'streamable_http', 'sse'].includes(type as string))
    return { refusal: 'it uses another transport than stdio, Streamable HTTP and SSE, which the gateway supports' }
  const own = ['headersHelper', 'oauth', 'auth', 'scopes', 'oauth_resource'].find((name) => value[name] !== undefined)
  if (own !== undefined)
    return {
      refusal: `\`${own}\` makes the client log in by itself, which the gateway cannot do; leave it, or use a token in a header`,
    }
  const url = context.expand(String(value['url']))
  if (url.missing.length > 0) return { refusal: refersTo(url.missing, '`url`') }
  if (!URL.canParse(url.text)) return { refusal: '`url` is not a URL' }
  const { username, password, hash } = new URL(url.text)
  if (username !== '' || password !== '')
    return { refusal: '`url` contains user information; write it as the header Authorization' }
  if (hash !== '') return { refusal: '`url` contains a fragment; remove it' }
  if (!isConfidential(new URL(url.text)))
    return { refusal: '`url` is not encrypted; use https, or a server on this machine' }
  const found = secretInUrl(url.text)
  if ((found !== undefined || url.filled) && !context.keepsArgs)
    return {
      refusal: `\`url\` contains ${found ?? 'an environment variable or an input'}, which would be in the clear in gateway.json; pass it in a header if the server has one, or pass --keep-args`,
    }
  const headers = headersOf(value, context)
  if (typeof headers === 'string') return { refusal: headers }
  const { plain, secrets, sorted, notes } = headers
  const all = sorted.map(({ name }) => name.toLowerCase())
  const twice = all.find((name, at) => all.indexOf(name) < at)
  if (twice !== undefined) return { refusal: `it has the header ${twice} twice; remove one of the two` }
  if (secrets.length === 0) context.logins.open.set(url.text, plain)
  const takesLogin = secrets.length === 0 && context.logins.found.has(url.text)
  if (secrets.length === 0 && !isNamed && !takesLogin)
    return { left: 'it has no secret header; name it with --server to put it behind the gateway nevertheless' }
  const definition: GatewayServer = {
    type: 'http',
    url: url.text,
    // Without a type, a client tries both; the address of such a server ends so by convention.
    ...((type ?? new URL(url.text).pathname.split('/').at(-1)) === 'sse' && { transport: 'sse' as const }),
    ...(Object.keys(plain).length > 0 && { headers: plain }),
    // Its name follows from the one of the server.
    ...(takesLogin && { login: '' }),
  }
  const kept = found === undefined ? [] : [`${found} stays in the clear, in gateway.json`]
  return { plan: { definition, secrets, sorted, notes: [...notes, ...kept] } }
}

interface Headers {
  readonly plain: Record<string, string>
  readonly secrets: readonly PlannedSecret[]
  readonly sorted: readonly SortedValue[]
  readonly notes: readonly string[]
}

function headersOf(value: DataObject, context: ServerContext): Headers | string {
  const given = givenHeaders(value, context)
  if (typeof given === 'string') return given
  const plain: Record<string, string> = Object.create(null)
  const secrets: PlannedSecret[] = []
  const sorted: SortedValue[] = []
  for (const { name, text } of given.found) {
    if (!/^[A-Za-z0-9-]{1,64}$/.test(name)) return 'a name in its headers is not a valid header name'
    const lower = name.toLowerCase()
    if (lower === 'accept' || lower === 'content-type' || lower === 'mcp-protocol-version') continue
    if (isProtocolHeader(name)) return `the gateway sets the header ${name} itself; remove it`
    if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,100000}[\x21-\x7e])?$/.test(text))
      return `the header ${name} is empty or not visible ASCII`
    const sorting = sortValue(name, text, context.named)
    sorted.push({ name, ...sorting })
    if (sorting.secret) secrets.push({ name, value: text })
    else plain[name] = text
  }
  return { plain, secrets, sorted, notes: given.notes }
}

interface Header {
  readonly name: string
  readonly text: string
}

function givenHeaders(
  value: DataObject,
  context: ServerContext,
): string | { readonly found: readonly Header[]; readonly notes: readonly string[] } {
  const found: Header[] = []
  const notes: string[] = []
  for (const table of ['headers', 'http_headers']) {
    const headers: Data | undefined = value[table]
    if (headers === undefined || headers === null) continue
    if (!isObject(headers)) return `\`${table}\` is not an object`
    for (const [name, one] of Object.entries(headers)) {
      if (typeof one !== 'string') return `the header ${name} is not a string`
      const { text, missing } = context.expand(one)
      if (missing.length > 0) return refersTo(missing, `the header ${name}`)
      found.push({ name, text })
    }
  }
  // Codex: a token, and headers whose values are in the environment.
  const token = value['bearer_token']
  if (typeof token === 'string') found.push({ name: 'Authorization', text: `Bearer ${token}` })
  const variables: (readonly [string, string, string])[] = []
  const variable = value['bearer_token_env_var']
  if (typeof variable === 'string') variables.push(['Authorization', variable, 'Bearer '])
  const table = value['env_http_headers']
  for (const [name, one] of isObject(table) ? Object.entries(table) : []) variables.push([name, String(one), ''])
  for (const [name, from, prefix] of variables) {
    const content = context.values.env?.[from]
    if (context.values.env === undefined)
      return `the header ${name} comes from the environment variable ${from}; pass --from-env to take its value from the environment of this command`
    if (content === undefined || content === '')
      return `the environment variable ${from} for the header ${name} is not set; set it, and run this again`
    found.push({ name, text: `${prefix}${content}` })
    notes.push(`the variable ${from} is also in the environment of the agent; remove it there`)
  }
  return { found, notes }
}
