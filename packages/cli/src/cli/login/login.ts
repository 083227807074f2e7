// node only: reads and writes files
import type { CredentialOptions } from 'procura/vault'
import { type FileKey, openFileVault } from 'procura/vault/file'
import { refreshToken } from 'procura/vault/processors'
import { startDeadline } from '#support/deadline.ts'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { checkNotMoved } from '../../gateway/configuration/moved.ts'
import { type HttpServerConfig, readGatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { credentialRulesOf } from '../../gateway/serve/upstream/credential-rules.ts'
import { controlGateway } from '../gateway/control.ts'
import { checkGatewayContent, gatewayPath, readGatewayFile, writeGatewayFile } from '../home/gateway-file.ts'
import { loginName } from '../home/gateway-server.ts'
import { exists } from '../home/home-files.ts'
import { placeGiven, vaultKey } from '../home/vault-key.ts'
import { inHome } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf } from '../verb.ts'
import { LoginFault } from './login-fetch.ts'
import { type GrantOptions, type LoginGrant, obtainGrant } from './obtain-grant.ts'

/** Milliseconds for the person in the browser. */
const patienceMs = 600_000

/** Seconds for which an access token is used whose end the authorization server does not name. */
const lifetime = 300

/** Longest secret of a client, in bytes. */
const mostBytes = 4_096

/** `procura login SERVER`: gets tokens for a server with OAuth, and stores the refresh token in the vault. LGN-08 */
export async function login(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const name = operandOf(words, 'the name of the server')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const server = await serverIn(home, name)
  const vault = (await readGatewayFile(home))?.vault
  if (vault === undefined || !(await exists(vault.file)))
    throw new UsageError(`the vault of ${quote(home, 256)} is missing; restore it from a backup`)
  const key = await vaultKey(placeGiven(vault, flags), host, false)
  // A wrong passphrase is found before a person logs in.
  await openFileVault({ path: vault.file, key })
  const grant = await loggedIn(name, server, await clientOf(flags, host), host)
  const credential = await inHome(home, (lock) => store(home, name, { file: vault.file, key }, server, grant, lock))
  const { issuer, resource, scope } = grant
  const renews = grant.refreshToken !== undefined
  if (flags['json'] === true) host.print(JSON.stringify({ server: name, credential, issuer, resource, scope, renews }))
  else host.print(`logged in to ${name} at ${issuer}${scope === '' ? '' : `, for ${quote(scope, 256)}`}`)
  if (!renews)
    host.complain(
      `${issuer} gave no refresh token: when the token of ${name} ends, run \`procura login ${name}\` again`,
    )
  host.complain(await nextStep(home, name))
  return 0
}

/** The server of that name, which is reached over HTTP and has no key. */
async function serverIn(home: string, name: string): Promise<HttpServerConfig> {
  const { servers, path, moved } = await readGatewayConfig(gatewayPath(home))
  checkNotMoved(path, moved)
  const found = servers.get(name)
  if (found === undefined) {
    const known = [...servers].filter(([, { type }]) => type === 'http').map(([one]) => quote(one))
    throw new UsageError(
      `the gateway has no server ${quote(name)}; it reaches over HTTP: ${known.join(', ') || 'none'}`,
    )
  }
  if (found.type === 'stdio') throw new UsageError(`${quote(name)} is a program, which has no login`)
  if (found.secretHeaders !== undefined && found.login !== true)
    throw new UsageError(
      `${quote(name)} has a key in its headers; remove \`secretHeaders\` from it in gateway.json first`,
    )
  return found
}

/** The client of `--client-id`. Its secret is never a word of the command line. LGN-09 */
async function clientOf(flags: Flags, host: Host): Promise<GrantOptions['client']> {
  const id = textOf(flags, 'client-id')
  if (id === undefined) return undefined
  const given = host.isTerminal
    ? await host.askHidden(`secret of the client ${id} (nothing if it has none; it is not shown): `)
    : await host.readInput(mostBytes)
  if (given === undefined) throw new UsageError('the input was interrupted, or is too long; nothing is stored')
  const secret = new TextDecoder().decode(given).replace(/\r?\n$/, '')
  given.fill(0)
  return { id, ...(secret !== '' && { secret }) }
}

async function loggedIn(
  name: string,
  { url, headers }: HttpServerConfig,
  client: GrantOptions['client'],
  host: Host,
): Promise<LoginGrant> {
  const late = (): Error => new LoginFault(`nobody logged in within 10 minutes; run \`procura login ${name}\` again`)
  const deadline = startDeadline([host.signal], patienceMs, late)
  try {
    return await obtainGrant({
      ...{ server: new URL(url), headers, client, signal: deadline.signal },
      show: (page, issuer) => show(page, issuer, host),
      ...(host.isTerminal && { paste: (read, signal) => pasted(read, signal, host) }),
    })
  } finally {
    deadline.end()
  }
}

async function show(page: URL, issuer: string, host: Host): Promise<void> {
  const isOpen = (await host.openBrowser?.(page)) === true
  host.complain(isOpen ? `your browser shows the page of ${issuer}; if it does not, open:` : 'open in a browser:')
  host.complain(page.href)
}

/** Without a browser on this machine, its last address leads nowhere there, and has the answer. LGN-10 */
async function pasted(
  read: (address: string) => URLSearchParams | undefined,
  signal: AbortSignal,
  host: Host,
): Promise<URLSearchParams> {
  for (;;) {
    const typed = await host.askHidden('with a browser elsewhere, paste its last address (it is not shown): ', signal)
    if (signal.aborted) return new Promise(() => undefined)
    if (typed === undefined) throw new LoginFault('the login was interrupted; nothing is stored')
    const found = read(new TextDecoder().decode(typed).trim())
    typed.fill(0)
    if (found !== undefined) return found
    host.complain('that is not the address at which this login ends: it begins with http://127.0.0.1:')
  }
}

/** Stores the credential, and then names it in `gateway.json`. Returns its name. */
async function store(
  home: string,
  name: string,
  { file, key }: { readonly file: string; readonly key: FileKey },
  before: HttpServerConfig,
  grant: LoginGrant,
  lock: Parameters<typeof writeGatewayFile>[2],
): Promise<string> {
  const server = await serverIn(home, name)
  // The token is for the address that the person has seen.
  if (server.url !== before.url)
    throw new LoginFault(`the address of ${name} has changed during the login; nothing is stored`)
  const { content, servers } = (await readGatewayFile(home)) as NonNullable<Awaited<ReturnType<typeof readGatewayFile>>>
  const credential = server.secretHeaders?.credential ?? loginName(name)
  const next = {
    ...content,
    servers: { ...Object.fromEntries(servers), [name]: { ...servers.get(name), login: credential } },
  }
  if (server.login !== true) await checkGatewayContent(home, next)
  const vault = await openFileVault({ path: file, key })
  await vault.put(
    credential,
    credentialOf(name, { ...server, secretHeaders: { credential, names: ['Authorization'] } }, grant),
  )
  if (server.login !== true) await writeGatewayFile(home, next, lock)
  return credential
}

/**
 * A refresh token is sent to the token endpoint alone, and its access tokens to the origin of the server. LGN-11 The
 * gateways that share the vault take turns. LGN-14
 */
function credentialOf(
  name: string,
  server: HttpServerConfig,
  { tokenEndpoint, client, authentication, resource, refreshToken: token, accessToken }: LoginGrant,
): CredentialOptions & { readonly secret: string | Record<string, string> } {
  const rules = credentialRulesOf(name, server)
  if (token === undefined) return { ...rules, secret: `Bearer ${accessToken}` }
  const { id: clientId, secret } = client
  return {
    ...rules,
    processor: refreshToken({ tokenEndpoint, clientId, authentication, resource, lifetime }),
    secret: { refreshToken: token, ...(secret !== undefined && { clientSecret: secret }) },
  }
}

/** Lets a running gateway look at the server, and returns what comes next. */
async function nextStep(home: string, name: string): Promise<string> {
  const answer = await controlGateway(gatewayPath(home), 'reload')
  if (answer.state === 'down') return 'start the gateway with `procura start`'
  if (answer.state !== 'done') return `the gateway did not take it: ${answer.message}`
  const { tools = 0, fault } = answer.data.servers.find((server) => server.name === name) ?? {}
  return fault === undefined
    ? `the gateway has ${tools} ${tools === 1 ? 'tool' : 'tools'} of ${name}`
    : `the gateway cannot use ${name}: ${fault}`
}
