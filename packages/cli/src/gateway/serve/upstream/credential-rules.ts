// node only: works with parts that use files
import { ArgumentError } from 'procura/errors'
import type { CredentialOptions, Processor } from 'procura/vault'
import { header, headers as severalHeaders } from 'procura/vault/processors'
import { sessionHeaders } from '../../../support/protocol-headers.ts'
import type {
  ApiConfig,
  HttpServerConfig,
  SecretHeaders,
  StdioServerConfig,
} from '../../configuration/read-gateway-config.ts'
import { toolCommand } from '../../wire/tool-command.ts'
import { apiCommand } from '../api/api-command.ts'

/** The command under which the gateway itself reads the secrets for a start of a server. GTW-11 */
export function startCommand(server: string): string {
  return `/gateway/start/${nameOf(server)}`
}

/** The command under which the gateway itself sends the requests of a session with a server of HTTP. */
export function sessionCommand(server: string): string {
  return `/gateway/session/${nameOf(server)}`
}

/** The command under which the gateway itself sends the requests of a dry run to an API. */
export function observeCommand(api: string): string {
  return `/gateway/http/${nameOf(api)}`
}

/** The parts of a configuration that determine how a credential is used. */
export type CredentialUser =
  | Pick<StdioServerConfig, 'type'>
  | Omit<HttpServerConfig, 'allow' | 'only' | 'types'>
  | Omit<ApiConfig, 'headers' | 'paths'>

/**
 * The rules under which a credential of a server is to be stored in the vault of a gateway, so that the gateway can use
 * it for this server or API, and for nothing else. A secret of a program can only be read for a start of that program.
 * A secret header is only sent to the origin of the server or API.
 *
 * @param server - the name of the server or API in `gateway.json`.
 * @param config - the server or API, as `readGatewayConfig` returns it.
 * @throws ArgumentError when the server is one of HTTP without a secret header.
 *
 * @example
 * ```ts
 * import { credentialRulesOf, readGatewayConfig } from 'procura-cli'
 * import { openFileVault } from 'procura/vault/file'
 *
 * const { servers, vault: place } = await readGatewayConfig('gateway.json')
 * const mail = servers.get('mail')
 * const vault = await openFileVault({ path: place.file, key: { keyFile: 'vault.key' }, create: true })
 * if (mail !== undefined) await vault.put('mail.MAIL_KEY', { ...credentialRulesOf('mail', mail), secret: 'sk-live' })
 * ```
 */
export function credentialRulesOf(server: string, config: CredentialUser): CredentialOptions {
  if (config.type === 'stdio') return { leasable: true, commands: [startCommand(server)] }
  if (config.type === 'api') {
    const { origin, methods, secretHeaders } = config
    const commands = [observeCommand(server), apiCommand(server)]
    return { origins: [origin], processor: processorOf(secretHeaders), methods, commands }
  }
  const { secretHeaders, url, headers } = config
  if (secretHeaders === undefined) {
    throw new ArgumentError('credentialRulesOf: `config` has no secret header; add `secretHeaders` to the server')
  }
  return {
    origins: [new URL(url).origin],
    processor: processorOf(secretHeaders),
    methods: ['GET', 'POST', 'DELETE'],
    // A list, because the vault drops headers whose names suggest authority, such as `Mcp-Session-Id`.
    headers: [...sessionHeaders, ...Object.keys(headers)],
    commands: [sessionCommand(server), toolCommand(server)],
  }
}

/** The way of a credential into requests: the whole secret in one header, or a field of it in each. */
function processorOf({ names }: SecretHeaders): Processor {
  const [name = '', ...more] = names
  return more.length === 0
    ? header({ name })
    : severalHeaders({ fields: Object.fromEntries(names.map((one) => [one, one])) })
}

/** The last segment of a command of a server, whose name is checked. */
function nameOf(server: string): string {
  return toolCommand(server).slice('/mcp/'.length)
}
