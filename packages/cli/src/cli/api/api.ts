// node only: reads and writes files
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Delegation, defineCommand, delegate, generateSigner, never } from 'procura'
import { requestArguments } from 'procura/http/binding'
import type { CredentialOptions } from 'procura/vault'
import { quote } from '#support/quote.ts'
import { agentFolder, gatewayHome } from '../../gateway/configuration/home.ts'
import type { ApiConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { apiCommand } from '../../gateway/serve/api/api-command.ts'
import { credentialRulesOf } from '../../gateway/serve/upstream/credential-rules.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { checkSocketPath } from '../../support/socket-path.ts'
import { checkNewName, newAgentLine } from '../home/agent-name.ts'
import { checkRules } from '../home/check-rules.ts'
import { findIssued, lastOf } from '../home/find-issued.ts'
import {
  checkGatewayContent,
  type GatewayFile,
  newGatewayContent,
  readGatewayFile,
  writeGatewayFile,
} from '../home/gateway-file.ts'
import { credentialName } from '../home/gateway-server.ts'
import { exists } from '../home/home-files.ts'
import { held, isOf, signGrants, storeGrants } from '../home/issue.ts'
import { forgetIssued, issuedTo, noteIssued, recordedAgents, withdrawIssued } from '../home/issued.ts'
import { finishExchanges } from '../home/replace-delegations.ts'
import { countOf, ignored, stillValid } from '../home/revoke-agent.ts'
import { revokeAll } from '../home/revoke-issued.ts'
import { checkAgent, checkIssuer, inHome, openWrapHome, type WrapHome } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { checkFields, readSecret } from '../terminal/read-secret.ts'
import { readDuration, showDate } from '../terminal/time-text.ts'
import { readPolicyTexts } from '../tokens/policy-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf, textsOf } from '../verb.ts'
import { describeGrant, type Grant } from '../wrap/grants.ts'
import { checkRequestPolicy } from './check-request-policy.ts'

const allMethods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/**
 * `procura api add NAME ORIGIN`: puts an HTTP API behind the gateway, its key into the vault, and lets an agent call
 * it. WRP-30
 */
export async function addApi(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [name = '', origin = '', ...more] = words
  if (origin === '' || more.length > 0)
    throw new UsageError('pass the name of the API and its origin, such as: crm https://api.example.com')
  apiCommand(name)
  const headers = headersOf(flags)
  const grant: Grant = {
    ...{ server: name, tool: undefined, command: apiCommand(name) },
    policy: readPolicyTexts(textsOf(flags, 'policy')),
  }
  await checkArguments(grant)
  const expiresIn = readDuration('expires-in', textOf(flags, 'expires-in') ?? '30d')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const known = await readGatewayFile(home)
  checkSocketPath(known === undefined ? join(home, 'gateway.sock') : (known.listen.socket ?? ''))
  const agent = await agentOf(home, flags)
  const credential = credentialName(name, headers.length === 1 ? (headers[0] as string) : 'headers')
  const { entry, rules } = partsOf(name, origin, headers, credential, flags)
  // Before a passphrase or the key is asked for, and before a new home folder gets a file.
  const draft = known?.content ?? newGatewayContent(home, 'did:web:owner.invalid', {})
  await checkGatewayContent(home, { ...draft, apis: { [name]: entry } }, tmpdir())
  checkRequestPolicy(grant.policy)
  checkRules(credential, rules)
  return inHome(home, async (lock) => {
    const opened = await openWrapHome(home, flags, host, lock)
    checkIssuer(opened)
    for (const message of await finishExchanges(opened)) host.complain(message)
    await checkAgent(opened, agent)
    const { content, servers } = opened.gateway
    const apis = Object(content['apis']) as Readonly<Record<string, unknown>>
    if (servers.has(name) || Object.hasOwn(apis, name))
      throw new UsageError(
        `the gateway has ${quote(name)} already; choose another name, or run \`procura api remove ${name}\``,
      )
    const next = { ...content, apis: { ...apis, [name]: entry } }
    await checkGatewayContent(home, next)
    await opened.vault.put(credential, {
      ...rules,
      secret: await secretOf(name, headers, flags['bearer'] === true, host),
    })
    await writeGatewayFile(home, next, lock)
    const isNew = !(await exists(join(home, 'agents', agent)))
    const signed = await signGrants(opened, agent, [grant], expiresIn)
    await storeGrants(opened, agent, signed)
    const [issued] = [...signed.kept, ...signed.made]
    const until =
      issued === undefined || issued.expiration === never
        ? ''
        : `; the delegation expires ${showDate(issued.expiration)}`
    if (flags['json'] === true) host.print(JSON.stringify({ name, origin, agent, delegation: issued?.cid.toString() }))
    else host.print(`the API ${name} at ${origin} is behind the gateway${until}`)
    if (isNew) host.complain(newAgentLine(home, agent))
    for (const line of describeGrant(grant, `send requests to ${name}`))
      host.complain(`delegation to the agent ${agent}: ${line}`)
    host.complain(
      `start the gateway with \`procura start\`, or let the running one take it with \`procura reload\`; then run \`procura connect --api ${name} --agent ${agent} --listen 127.0.0.1:8080\``,
    )
    return 0
  })
}

/** The entry of an API in `gateway.json`, and the rules of its credential. */
function partsOf(
  name: string,
  origin: string,
  headers: readonly string[],
  credential: string,
  flags: Flags,
): { readonly entry: object; readonly rules: CredentialOptions } {
  const [methods, paths] = [textsOf(flags, 'method'), textsOf(flags, 'path')]
  const config: ApiConfig = {
    ...{ type: 'api', origin, secretHeaders: { credential, names: headers } },
    methods: methods.length > 0 ? methods : allMethods,
  }
  const entry = {
    ...{ origin, secretHeaders: Object.fromEntries(headers.map((header) => [header, credential])) },
    ...(methods.length > 0 && { methods }),
    ...(paths.length > 0 && { paths }),
  }
  return { entry, rules: credentialRulesOf(name, config) }
}

/**
 * Refuses a condition on an argument that no request has: it would refuse every request.
 *
 * @throws ArgumentError that names the arguments of a request.
 */
async function checkArguments({ command, policy }: Grant): Promise<void> {
  const issuer = await generateSigner()
  const definition = defineCommand({ command, args: requestArguments() })
  // The delegation is discarded: only its check counts.
  await delegate({ issuer, audience: issuer.did, command: definition, policy })
}

/** `procura api remove NAME`: removes an API with its credentials, and revokes the delegations of all agents for it. */
export async function removeApi(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const name = operandOf(words, 'the name of the API')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const apisIn = (content: GatewayFile['content'] | undefined): Record<string, unknown> => {
    const { ...apis } = Object(content?.['apis']) as Record<string, unknown>
    if (!Object.hasOwn(apis, name)) throw new UsageError(`the gateway of ${quote(home, 256)} has no API ${quote(name)}`)
    return apis
  }
  // Nothing is made in a folder without it.
  apisIn((await readGatewayFile(home))?.content)
  return inHome(home, async (lock) => {
    const opened = await openWrapHome(home, flags, host, lock)
    for (const message of await finishExchanges(opened)) host.complain(message)
    // Another `api add` may have changed the file in the meantime.
    const { [name]: _, ...apis } = apisIn(opened.gateway.content)
    for (const agent of await agentsOf(home)) await checkAgent(opened, agent)
    const { isRevoked, messages } = await revokeFor(opened, name)
    for (const credential of opened.vault.references)
      if (credential.startsWith(`${name}.`)) await opened.vault.remove(credential)
    // The API comes last: a run that failed or was killed is repeated by its name.
    await writeGatewayFile(home, { ...opened.gateway.content, apis }, lock)
    host.print(
      flags['json'] === true ? JSON.stringify({ removed: name }) : `removed the API ${name} and its credentials`,
    )
    for (const message of messages) host.complain(message)
    return isRevoked ? 0 : 1
  })
}

function agentsOf(home: string): Promise<readonly string[]> {
  return namesInFolder(join(home, 'agents'))
}

/** Delegations that could not be revoked stay in the record, where `revoke --agent` finds them. */
async function revokeFor(
  home: WrapHome,
  name: string,
): Promise<{ readonly isRevoked: boolean; readonly messages: readonly string[] }> {
  const said = new Set<string>()
  let isRevoked = true
  for (const agent of new Set([...(await agentsOf(home.path)), ...recordedAgents(home)])) {
    const folder = join(home.path, 'agents', agent)
    const store = (await exists(folder)) ? await home.stores(folder) : undefined
    const recorded = await issuedTo(home, agent)
    const inFile = store === undefined ? [] : await held(store)
    // No agent needs one for the API any more, so those to others end too.
    const isWanted = (one: Delegation): boolean => isOf(one, name)
    await withdrawIssued(home, agent, isWanted)
    const found = await findIssued({ owners: home.owner.dids, recorded, inFile, agent: undefined, isWanted })
    const { done, taken, messages } = await revokeAll(home.path, home.owner, found.chains)
    await forgetIssued(home, agent, taken)
    if (done.length > 0) said.add(`revoked ${countOf(done)} of the agent ${agent}`)
    const open = found.chains.filter((chain) => !done.includes(lastOf(chain)))
    const left = stillValid(open.map(lastOf))
    const next = left.length === 0 ? [] : [`repeat it with \`procura revoke --agent ${agent} --server ${name}\``]
    for (const message of [...messages, ...left, ...next, ...ignored(found)]) said.add(message)
    if (left.length > 0) isRevoked = false
    // The record takes those of the owner, before the agent forgets them: it would choose one of them for a new API of
    // this name.
    const direct = open.filter(({ length }) => length === 1).flat()
    await noteIssued(home, agent, [], { withdrawn: direct })
    const remove = [...done, ...direct].map(({ cid }) => cid.toString())
    if (remove.length > 0) await store?.change({ add: new Map(), remove }, {})
  }
  return { isRevoked, messages: [...said] }
}

function headersOf(flags: Flags): readonly string[] {
  const names = textsOf(flags, 'header')
  if (flags['bearer'] === true && names.length > 0) throw new UsageError('pass --bearer or --header, not both')
  if (flags['bearer'] === true) return ['Authorization']
  if (names.length === 0) throw new UsageError('pass --bearer, or --header with the header of the key')
  return names
}

/** An agent that exists, or the name of a new one. */
async function agentOf(home: string, flags: Flags): Promise<string> {
  const given = textOf(flags, 'agent')
  const folder = await agentFolder(home, given, { choose: '--agent', make: 'pass --agent with the name of a new one' })
  if (given?.includes('/') === true) throw new UsageError('--agent is the name of an agent of this home folder')
  const name = folder.slice(folder.lastIndexOf('/') + 1)
  await checkNewName(home, name)
  return name
}

/** The value of the header, or an object with the value of each. At a terminal, each is asked for. */
async function secretOf(
  api: string,
  headers: readonly string[],
  isBearer: boolean,
  host: Host,
): Promise<string | Record<string, string>> {
  const text = (bytes: Uint8Array): string => {
    const value = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    bytes.fill(0)
    return value
  }
  if (headers.length > 1 && host.isTerminal) {
    const values: Record<string, string> = {}
    for (const header of headers) values[header] = text(await readSecret(`${api}, header ${header}`, false, host))
    return values
  }
  const bytes = await readSecret(api, false, host)
  checkFields(headers, bytes)
  const value = text(bytes)
  return isBearer ? `Bearer ${value}` : value
}
