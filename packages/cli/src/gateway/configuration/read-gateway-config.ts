// node only: reads a file
import { basename, dirname, resolve } from 'node:path'
import { type Did, parseDid } from 'procura'
import { ArgumentError } from 'procura/errors'
import { nonEmptyString, readOptions } from '#support/options.ts'
import { readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import type { ArgumentTypeName } from '../../support/argument-type-names.ts'
import { gatewayShape } from './gateway-shape.ts'
import type { MovedGateway } from './moved.ts'
import type { AllowedRequests } from './passing-methods.ts'
import { readShape } from './read-shape.ts'
import { type RawUnlock, unlockOf, type VaultUnlock } from './vault-unlock.ts'

/** Rules for the arguments of the tools of a server. */
export interface ArgumentConfig {
  /** The type of each argument with this name, in every tool and at every depth; those of `paths` are paths. */
  readonly types?: Readonly<Record<string, ArgumentTypeName>>
  /** The only arguments of a call, by the name of the tool; `*` is every tool without a list of its own. */
  readonly only?: Readonly<Record<string, readonly string[]>>
  /** The arguments of a call that the log has in clear, by the name of the tool; `*` is every tool. */
  readonly show?: Readonly<Record<string, readonly string[]>>
}

/** An MCP server that the gateway starts. Paths are absolute. */
export interface StdioServerConfig extends ArgumentConfig {
  readonly type: 'stdio'
  /** A path, or a name that is looked up in `PATH`. */
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Variables that are not secret. */
  readonly env: Readonly<Record<string, string>>
  /** The name of a credential, for each secret variable. */
  readonly secretEnv: Readonly<Record<string, string>>
  /** The requests that pass unguarded. Default: none. */
  readonly allow?: readonly AllowedRequests[]
  /** Whether a new title or description of an accepted tool is accepted by itself. */
  readonly acceptDescriptions?: true
  /** The file of its standard error; without a file, it is discarded. */
  readonly stderr?: string
  /** The rules for the tools whose every call needs approvals, by name; `*` is every other tool. */
  readonly approvals?: ToolApprovals
}

/** Secret headers, and the credential that contains their values. */
export interface SecretHeaders {
  /**
   * The name of the credential. With one header, the secret is the value of that header. With several, it is an object
   * of strings: the value of each header under its name.
   */
  readonly credential: string
  /** The names of the headers. */
  readonly names: readonly string[]
}

/** The approvals that calls of tools need. */
export type ToolApprovals = Readonly<
  Record<
    string,
    {
      readonly approvers: readonly string[]
      readonly threshold: number
      /** Whether the file does not name the approvers, so that they are the default ones. */
      readonly usual?: true
    }
  >
>

/** An MCP server that is reached over Streamable HTTP. */
export interface HttpServerConfig extends ArgumentConfig {
  /** The rules for the tools whose every call needs approvals, by name; `*` is every other tool. */
  readonly approvals?: ToolApprovals
  readonly type: 'http'
  readonly url: string
  /** The former transport HTTP+SSE. Default: Streamable HTTP. */
  readonly transport?: 'sse'
  /** Headers that are not secret. */
  readonly headers: Readonly<Record<string, string>>
  /** The secret headers. Default: none. */
  readonly secretHeaders?: SecretHeaders
  /** Whether `procura login` stores the credential of `secretHeaders`. */
  readonly login?: true
  /** The requests that pass unguarded. Default: none. */
  readonly allow?: readonly AllowedRequests[]
  /** Whether a new title or description of an accepted tool is accepted by itself. */
  readonly acceptDescriptions?: true
}

/** An HTTP API. Its credential is put into the requests that agents sign. */
export interface ApiConfig {
  readonly type: 'api'
  /** Its origin, such as `https://api.example.com`. */
  readonly origin: string
  readonly secretHeaders: SecretHeaders
  /** The methods of requests. */
  readonly methods: readonly string[]
  /** The paths of requests, each with all paths below it. Default: every path. */
  readonly paths?: readonly string[]
  /** The headers of an agent that are sent to it. Default: those of `proxyTo`. */
  readonly headers?: readonly string[]
}

/** A place at which the gateway listens: a Unix socket, or a loopback address. */
export type ListenPlace = { readonly socket: string } | { readonly host: string; readonly port: number }

/** The configuration of a gateway, as read from `gateway.json`. Paths are absolute. */
export interface GatewayConfig {
  /** The path of the file. */
  readonly path: string
  readonly listen: ListenPlace
  readonly service: { readonly key: string }
  readonly subjects: readonly Did[]
  readonly vault: { readonly file: string; readonly keyFile?: string; readonly unlock?: VaultUnlock }
  readonly audit: { readonly directory: string }
  readonly state: { readonly file: string }
  /** The folder of the accepted tools, beside the file. */
  readonly toolsFolder: string
  /** The folder of the requests for approvals and their answers, beside the file. */
  readonly approvalsFolder: string
  /** The page for approvals, and approvers beside the subjects. */
  readonly approvals?: {
    readonly page?: { readonly host: string; readonly port: number }
    readonly approvers?: readonly Did[]
    /** No notification on the desktop for a request. */
    readonly notify?: false
  }
  readonly tools: 'first-use' | 'reviewed'
  readonly servers: ReadonlyMap<string, StdioServerConfig | HttpServerConfig>
  readonly apis: ReadonlyMap<string, ApiConfig>
  readonly admin?: { readonly host: string; readonly port: number }
  /** Where the gateway is now. `openGateway` refuses a configuration with it. */
  readonly moved?: MovedGateway
}

/** The file as its shape describes it. */
interface RawConfig {
  readonly listen: { readonly socket?: string; readonly address?: string }
  readonly service: { readonly key: string }
  readonly subjects: readonly string[]
  readonly vault: { readonly file: string; readonly keyFile?: string; readonly unlock?: RawUnlock }
  readonly audit: { readonly directory: string }
  readonly state: { readonly file: string }
  readonly tools?: 'first-use' | 'reviewed'
  readonly servers: Readonly<Record<string, RawServer & { readonly approvals?: RawApprovals }>>
  readonly approvals?: { readonly page?: string; readonly approvers?: readonly string[]; readonly notify?: false }
  readonly apis?: Readonly<Record<string, RawApi>>
  readonly admin?: { readonly address: string }
  readonly moved?: MovedGateway
}

interface RawApi extends Omit<ApiConfig, 'methods' | 'secretHeaders' | 'type'> {
  readonly methods?: readonly string[]
  readonly secretHeaders: Readonly<Record<string, string>>
}

type RawApprovals = Readonly<Record<string, { readonly approvers?: readonly string[]; readonly threshold?: number }>>

type RawServer = ArgumentConfig & { readonly paths?: readonly string[] } & (RawStdio | RawHttp)

type RawStdio = { readonly type: 'stdio'; readonly command: string } & {
  readonly [Name in
    | 'acceptDescriptions'
    | 'allow'
    | 'args'
    | 'cwd'
    | 'env'
    | 'secretEnv'
    | 'stderr']?: StdioServerConfig[Name]
}

interface RawHttp {
  readonly type: 'http'
  readonly url: string
  readonly transport?: 'sse'
  readonly headers?: Readonly<Record<string, string>>
  readonly secretHeaders?: Readonly<Record<string, string>>
  readonly login?: string
  readonly allow?: readonly AllowedRequests[]
  readonly acceptDescriptions?: true
}

/** Milliseconds for reading the file. */
const readTimeoutMs = 10_000

/**
 * Reads the configuration of a gateway. Unknown names, duplicate names, comments and invalid values are refused; the
 * error names the file, the line and the column of the first fault. `schema/gateway.schema.json` of the package
 * describes the file for editors.
 *
 * @param path - of the file, which only its owner may read: it decides which programs are started.
 * @throws ArgumentError when the file does not exist or has a fault. VaultError `ERR_VAULT_CONFIGURATION` when other
 *   users have access to it.
 *
 * @example
 * ```ts
 * import { readGatewayConfig } from 'procura-cli'
 *
 * const { servers } = await readGatewayConfig('/home/ada/.config/procura/gateway.json')
 * ```
 */
export async function readGatewayConfig(path: string): Promise<GatewayConfig> {
  readOptions('readGatewayConfig', { path }, { path: nonEmptyString })
  const whole = resolve(path)
  // GTW-02: it decides which programs are started.
  const file = await readPrivateFile(whole, { timeoutMs: readTimeoutMs })
  if (file === undefined || file === 'unchanged') {
    const written = '`procura wrap` or `procura api add` writes it'
    // The verbs that make a gateway write no file of another name.
    const next = basename(whole) === 'gateway.json' ? written : 'pass the path of a configuration of the gateway'
    throw new ArgumentError(`${quote(whole, 256)} does not exist; ${next}`)
  }
  return parseGatewayConfig(file.bytes, whole)
}

/**
 * Reads the bytes of a configuration file.
 *
 * @param path - the absolute path of the file, from which its relative paths start.
 * @throws ArgumentError with the place of the first fault.
 */
export function parseGatewayConfig(bytes: Uint8Array, path: string): GatewayConfig {
  const read = readShape(textOf(bytes, path), gatewayShape)
  if ('value' in read) return completeConfig(read.value as RawConfig, path)
  const [first, ...more] = read.faults
  const rest = more.length === 0 ? '' : ` (and ${more.length} further ${more.length === 1 ? 'fault' : 'faults'})`
  throw new ArgumentError(`${path}:${first?.line}:${first?.column}: ${first?.message}${rest}`)
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ArgumentError(`${path}:1:1: the file is not valid UTF-8`)
  }
}

function completeConfig(raw: RawConfig, path: string): GatewayConfig {
  const folder = dirname(path)
  const from = (name: string): string => resolve(folder, name)
  const { listen, service, vault, audit, state, admin, approvals } = raw
  return Object.freeze({
    path,
    listen: listen.socket === undefined ? addressOf(listen.address ?? '') : { socket: from(listen.socket) },
    service: { key: from(service.key) },
    subjects: raw.subjects.map((did) => parseDid(did)),
    vault: {
      file: from(vault.file),
      ...(vault.keyFile !== undefined && { keyFile: from(vault.keyFile) }),
      ...(vault.unlock !== undefined && { unlock: unlockOf(vault.unlock, folder, from(vault.file)) }),
    },
    audit: { directory: from(audit.directory) },
    state: { file: from(state.file) },
    toolsFolder: from('tools'),
    approvalsFolder: from('approvals'),
    tools: raw.tools ?? 'first-use',
    servers: new Map(
      Object.entries(raw.servers).map(([name, server]) => [
        name,
        Object.freeze({ ...completeServer(server, folder), ...approvalsOf(name, server.approvals, raw, path) }),
      ]),
    ),
    ...(approvals !== undefined && {
      approvals: {
        ...(approvals.page !== undefined && { page: addressOf(approvals.page) }),
        approvers: (approvals.approvers ?? []).map((did) => parseDid(did)),
        ...(approvals.notify !== undefined && { notify: approvals.notify }),
      },
    }),
    apis: new Map(Object.entries(raw.apis ?? {}).map(([name, api]) => [name, completeApi(api)])),
    ...(admin !== undefined && { admin: addressOf(admin.address) }),
    ...(raw.moved !== undefined && { moved: raw.moved }),
  } satisfies GatewayConfig)
}

function completeServer(raw: RawServer, folder: string): StdioServerConfig | HttpServerConfig {
  if (raw.type === 'http') {
    return Object.freeze({
      type: 'http',
      url: raw.url,
      ...(raw.transport !== undefined && { transport: raw.transport }),
      headers: raw.headers ?? {},
      ...argumentRulesOf(raw),
      ...(raw.allow !== undefined && { allow: raw.allow }),
      ...(raw.acceptDescriptions && { acceptDescriptions: true }),
      ...secretHeadersOf(raw.login === undefined ? (raw.secretHeaders ?? {}) : { Authorization: raw.login }),
      ...(raw.login !== undefined && { login: true as const }),
    })
  }
  const { command, args = [], cwd, env = {}, secretEnv = {}, allow, acceptDescriptions, stderr } = raw
  return Object.freeze({
    type: 'stdio',
    // A name without a slash is looked up in PATH.
    command: command.includes('/') ? resolve(folder, command) : command,
    args,
    cwd: resolve(folder, cwd ?? '.'),
    env,
    secretEnv,
    ...argumentRulesOf(raw),
    ...(allow !== undefined && { allow }),
    ...(acceptDescriptions && { acceptDescriptions }),
    ...(stderr !== undefined && { stderr: resolve(folder, stderr) }),
  })
}

function argumentRulesOf({ types, paths, only, show }: RawServer): ArgumentConfig {
  const all = [...(paths ?? []).map((name) => [name, 'path'] as const), ...Object.entries(types ?? {})]
  return {
    ...(all.length > 0 && { types: Object.freeze(Object.fromEntries(all)) }),
    ...(only !== undefined && { only }),
    ...(show !== undefined && { show }),
  }
}

/** The methods of an API whose configuration names none. The delegations decide about them. */
const allMethods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

function completeApi({ origin, methods = allMethods, paths, headers, secretHeaders }: RawApi): ApiConfig {
  const [credential = ''] = Object.values(secretHeaders)
  return Object.freeze({
    ...{ type: 'api', origin, methods, secretHeaders: { credential, names: Object.keys(secretHeaders) } },
    ...(paths !== undefined && { paths }),
    ...(headers !== undefined && { headers }),
  } as const)
}

function secretHeadersOf(given: Readonly<Record<string, string>>): { readonly secretHeaders?: SecretHeaders } {
  const [credential] = Object.values(given)
  return credential === undefined ? {} : { secretHeaders: { credential, names: Object.keys(given) } }
}

function addressOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

/** The rules of a server, with their defaults. A rule that no call could meet is a mistake. */
function approvalsOf(
  server: string,
  given: RawApprovals | undefined,
  { subjects, approvals }: RawConfig,
  path: string,
): { readonly approvals?: ToolApprovals } {
  if (given === undefined) return {}
  const rules = Object.entries(given).map(([tool, { approvers, threshold = 1 }]) => {
    const of = `${path}: the rule for ${quote(tool)} in \`servers.${server}.approvals\``
    if (approvers === undefined && subjects.length > 1)
      throw new ArgumentError(`${of} must have \`approvers\`, because the gateway has several subjects`)
    const all = [...new Set((approvers ?? [...subjects, ...(approvals?.approvers ?? [])]).map((did) => parseDid(did)))]
    if (all.length < threshold)
      throw new ArgumentError(`${of} needs ${threshold} approvals and has ${all.length} approvers; add approvers`)
    return [tool, { approvers: all, threshold, ...(approvers === undefined && { usual: true as const }) }] as const
  })
  return { approvals: Object.fromEntries(rules) }
}
