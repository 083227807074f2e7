import type { AllowedRequests } from '../../gateway/configuration/passing-methods.ts'

/** A server of `gateway.json`. Its secret variables or headers name credentials of the vault. */
export type GatewayServer = (
  | {
      readonly type: 'stdio'
      readonly command: string
      readonly args?: readonly string[]
      readonly cwd?: string
      readonly env?: Readonly<Record<string, string>>
      readonly secretEnv?: Readonly<Record<string, string>>
    }
  | {
      readonly type: 'http'
      readonly url: string
      readonly transport?: 'sse'
      readonly headers?: Readonly<Record<string, string>>
      readonly secretHeaders?: Readonly<Record<string, string>>
      /** The credential that `procura login` stores. */
      readonly login?: string
    }
) & {
  /** The arguments of its tools that are paths. */
  readonly paths?: readonly string[]
  /** The types of the arguments of its tools. */
  readonly types?: Readonly<Record<string, string>>
  /** The only arguments of calls, by the name of the tool. */
  readonly only?: Readonly<Record<string, readonly string[]>>
  /** The arguments that the log has in clear, by the name of the tool. */
  readonly show?: Readonly<Record<string, readonly string[]>>
  /** The tools whose every call needs an approval. */
  readonly approvals?: Readonly<Record<string, object>>
  /** The ways between the server and its client, beside the tools, that pass. */
  readonly allow?: readonly AllowedRequests[]
  /** Whether a new title or description of an accepted tool is accepted by itself. */
  readonly acceptDescriptions?: true
}

/** The name of a server in the gateway, made of its name in the client. */
export function gatewayName(name: string, isTaken: (name: string) => boolean): string {
  const base =
    name
      .toLowerCase()
      .replace(/[^a-z0-9_-]/g, '-')
      .replace(/^[^a-z0-9]{1,1000}/, '')
      .slice(0, 28) || 'server'
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? base : `${base}-${number}`
    if (!isTaken(candidate)) return candidate
  }
}

/** The credential of a variable or header of a server. */
export function credentialName(server: string, name: string): string {
  return `${server}.${name}`
}

/** The credential of a server with a login. */
export function loginName(server: string): string {
  return credentialName(server, 'login')
}

/** The definition with the names of its credentials. */
export function withCredentials(
  definition: GatewayServer,
  server: string,
  secrets: readonly { readonly name: string }[],
): GatewayServer {
  if (definition.type === 'http' && definition.login !== undefined) return { ...definition, login: loginName(server) }
  if (secrets.length === 0) return definition
  const shared = isShared(definition, secrets) ? credentialName(server, sharedName) : undefined
  const names = Object.fromEntries(secrets.map(({ name }) => [name, shared ?? credentialName(server, name)]))
  return definition.type === 'stdio' ? { ...definition, secretEnv: names } : { ...definition, secretHeaders: names }
}

/** The credential of several secret headers: a call has one. */
const sharedName = 'headers'

function isShared({ type }: GatewayServer, secrets: readonly unknown[]): boolean {
  return type === 'http' && secrets.length > 1
}

/** The secrets of a server as the vault stores them. */
export function credentialsFor(
  definition: GatewayServer,
  server: string,
  secrets: readonly { readonly name: string; readonly value: string }[],
): ReadonlyMap<string, string> {
  if (!isShared(definition, secrets))
    return new Map(secrets.map(({ name, value }) => [credentialName(server, name), value] as const))
  const fields = Object.fromEntries(secrets.map(({ name, value }) => [name, value]))
  return new Map([[credentialName(server, sharedName), JSON.stringify(sorted(fields))]])
}

/**
 * A text that two definitions have in common if they are the same server with the same secrets. Limits that an owner
 * has set, such as approvals, make no other server.
 */
export function identityOf(definition: GatewayServer, secretOf: (credential: string) => string | undefined): string {
  const references = definition.type === 'stdio' ? definition.secretEnv : definition.secretHeaders
  const secrets = Object.entries(references ?? {}).map(([name, credential]) => [name, secretOf(credential) ?? ''])
  const plain = definition.type === 'stdio' ? [definition.cwd, definition.env ?? {}] : [definition.headers ?? {}]
  return JSON.stringify([programOf(definition), sorted(plain), secrets.sort()])
}

/** A text that two definitions have in common if they have the same program or address, and the same secrets. */
export function alikeOf(definition: GatewayServer, secrets: readonly string[]): string {
  return JSON.stringify([programOf(definition), [...secrets].sort()])
}

function programOf(definition: GatewayServer): unknown {
  return definition.type === 'stdio' ? [definition.command, definition.args ?? []] : [definition.url]
}

/** The definition with the limits that its owner has set for the same server before. None of them is lifted. */
export function withLimits(definition: GatewayServer, known: GatewayServer | undefined): GatewayServer {
  if (known === undefined) return definition
  const paths = [...new Set([...(known.paths ?? []), ...(definition.paths ?? [])])]
  const approvals = { ...definition.approvals, ...known.approvals }
  const [types, only] = [
    { ...definition.types, ...known.types },
    { ...definition.only, ...known.only },
  ]
  return {
    ...known,
    ...definition,
    ...(paths.length > 0 && { paths }),
    ...(Object.keys(types).length > 0 && { types }),
    ...(Object.keys(only).length > 0 && { only }),
    ...(Object.keys(approvals).length > 0 && { approvals }),
  } as GatewayServer
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  )
}
