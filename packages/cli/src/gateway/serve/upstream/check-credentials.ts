// node only: works with parts that use files
import { ArgumentError } from 'procura/errors'
import type { FileVault } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { shellQuoted } from '../../../support/shell-quoted.ts'
import type {
  ApiConfig,
  GatewayConfig,
  HttpServerConfig,
  StdioServerConfig,
} from '../../configuration/read-gateway-config.ts'
import { credentialRulesOf } from './credential-rules.ts'

/**
 * Compares the credentials that a configuration names with the vault, so that a mistake is found before a call. The
 * vault itself enforces the rules.
 *
 * @throws ArgumentError when one is missing, or its rules do not permit its use.
 */
export async function checkCredentials(config: GatewayConfig, vault: Pick<FileVault, 'list'>): Promise<void> {
  const stored = new Map((await vault.list()).filter(({ present }) => present).map((one) => [one.name, one]))
  for (const [server, found] of [...config.servers, ...config.apis]) {
    for (const name of credentialsOf(found)) checkOne(config, server, found, name, stored.get(name))
  }
}

function credentialsOf(server: StdioServerConfig | HttpServerConfig | ApiConfig): readonly string[] {
  if (server.type === 'stdio') return Object.values(server.secretEnv)
  return server.secretHeaders === undefined ? [] : [server.secretHeaders.credential]
}

function checkOne(
  { path, vault }: GatewayConfig,
  server: string,
  config: StdioServerConfig | HttpServerConfig | ApiConfig,
  name: string,
  stored: Awaited<ReturnType<FileVault['list']>>[number] | undefined,
): void {
  const of = `${path}: the credential ${quote(name)} of the ${config.type === 'api' ? 'API' : 'server'} ${quote(server)}`
  const isLogin = config.type === 'http' && config.login === true
  const put = isLogin ? `\`procura login ${server}\`` : putCommand(vault, server, config, name)
  // A server that needs a login does not keep the others from their start.
  if (stored === undefined && isLogin) return
  if (stored === undefined)
    throw new ArgumentError(`${of} is not in the vault; store it with ${put}, or correct its name`)
  const { rules } = stored
  if (config.type === 'stdio') {
    if (rules.leasable === true) return
    throw new ArgumentError(`${of} is not \`leasable\`, so that no program can get it; store it again with ${put}`)
  }
  const origin = config.type === 'api' ? config.origin : new URL(config.url).origin
  const again = `store it again with ${put}`
  if (rules.origins?.includes(origin) !== true) throw new ArgumentError(`${of} may not be sent to ${origin}; ${again}`)
  if (config.type !== 'api') return
  const { methods = ['GET', 'HEAD'], processor } = rules
  const method = config.methods.find((one) => !methods.includes(one))
  if (method !== undefined)
    throw new ArgumentError(`${of} may not be sent with ${method}; name fewer \`methods\`, or ${again}`)
  const written = new Set(processor?.headers)
  const header = config.secretHeaders.names.find((one) => !written.has(one.toLowerCase()))
  if (header !== undefined)
    throw new ArgumentError(`${of} is not sent in the header ${header}; correct \`secretHeaders\`, or ${again}`)
}

/** The command, in backticks, that stores a credential for a server or an API, and for nothing else. */
function putCommand(
  { file, keyFile }: GatewayConfig['vault'],
  server: string,
  config: StdioServerConfig | HttpServerConfig | ApiConfig,
  name: string,
): string {
  const { leasable, origins = [], methods = [], headers = [], commands = [] } = credentialRulesOf(server, config)
  const names = config.type === 'stdio' ? [] : (config.secretHeaders?.names ?? [])
  const each = (option: string, values: readonly string[]): readonly string[] => values.flatMap((one) => [option, one])
  const words = [
    ...['vault', 'put', name, '--file', file, ...(keyFile === undefined ? [] : ['--key-file', keyFile])],
    ...(leasable === true ? ['--leasable'] : []),
    ...[...each('--origin', origins), ...each('--header', names), ...each('--method', methods)],
    ...[...each('--allow-header', headers), ...each('--command', commands)],
  ]
  return `\`procura ${words.map(shellQuoted).join(' ')}\``
}
