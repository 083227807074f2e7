// node only: reads and writes files
import { join } from 'node:path'
import type { Delegation } from 'procura'
import type { CredentialOptions } from 'procura/vault'
import type { SecretHeaders } from '../../gateway/configuration/read-gateway-config.ts'
import { credentialRulesOf } from '../../gateway/serve/upstream/credential-rules.ts'
import type { Client } from '../clients/client.ts'
import type { ConfigDocument, ServerEntry } from '../clients/config-document.ts'
import { type ConfigFile, hashOf, replaceConfigFile } from '../clients/config-file.ts'
import { applyEdits, textOfSpan } from '../clients/text-edit.ts'
import { checkGatewayContent, writeGatewayFile } from '../home/gateway-file.ts'
import {
  credentialsFor,
  type GatewayServer,
  gatewayName,
  identityOf,
  withCredentials,
  withLimits,
} from '../home/gateway-server.ts'
import { ensureFolder } from '../home/home-files.ts'
import { type SignedGrants, signGrants, storeGrants } from '../home/issue.ts'
import type { WrapHome } from '../home/wrap-home.ts'
import { UsageError } from '../usage-error.ts'
import { connectLine } from './connect-line.ts'
import type { Grant } from './grants.ts'
import { emptyFolder } from './plan-stdio.ts'
import type { ServerPlan } from './planned.ts'
import { isPresent, restore } from './restore.ts'
import { writeIndex } from './wrap-index.ts'
import { parseWrapRecord, recordReference, storeRecord, type WrapLayer, type WrapRecord } from './wrap-record.ts'

/** A plan with the name of its server in the gateway. */
export interface NamedPlan extends ServerPlan {
  readonly server: string
}

/**
 * Chooses the names of the servers in the gateway. The same server with the same secrets has one name for all clients.
 *
 * @param others - the names of APIs, which no server has.
 */
export function namePlans(
  plans: readonly ServerPlan[],
  servers: ReadonlyMap<string, GatewayServer>,
  secrets: ReadonlyMap<string, string>,
  others: Iterable<string> = [],
): readonly NamedPlan[] {
  const known = new Map(
    [...servers].map(([name, one]) => [identityOf(one, (credential) => secrets.get(credential)), name] as const),
  )
  const taken = new Set([...servers.keys(), ...others])
  return plans.map((plan) => {
    const values = credentialsFor(plan.definition, '', plan.secrets)
    const identity = identityOf(withCredentials(plan.definition, '', plan.secrets), (one) => values.get(one))
    const server = known.get(identity) ?? gatewayName(plan.entry.name, (name) => taken.has(name))
    known.set(identity, server)
    taken.add(server)
    return { ...plan, server, definition: withLimits(plan.definition, servers.get(server)) }
  })
}

/** The text of a configuration in which the planned servers run `connect`. */
export function wrappedText(
  text: string,
  plans: readonly NamedPlan[],
  program: readonly string[],
  target: { readonly agent: string; readonly home: string },
): string {
  return applyEdits(
    text,
    plans.flatMap(({ entry, server }) => {
      const texts = entry.running(connectLine(program, server, target))
      return entry.segments.map((segment, at) => ({ ...segment, text: texts[at] ?? '' }))
    }),
  )
}

/**
 * Checks that a new text has the planned servers as they should be, and every other server as it was. WRP-07
 *
 * @throws Error when it does not, so that nothing is written.
 */
export function checkWrapped(
  before: ConfigDocument,
  after: ConfigDocument,
  plans: readonly NamedPlan[],
  program: readonly string[],
  target: { readonly agent: string; readonly home: string },
): void {
  const wanted = new Map(plans.map(({ entry, server }) => [JSON.stringify(entry.place), server] as const))
  const isRight =
    before.servers.length === after.servers.length &&
    before.servers.every((old, at) => {
      const now = after.servers[at] as ServerEntry
      const server = wanted.get(JSON.stringify(old.place))
      if (JSON.stringify(old.place) !== JSON.stringify(now.place)) return false
      if (server === undefined) return JSON.stringify(old.value) === JSON.stringify(now.value)
      const line = connectLine(program, server, target)
      const { command, args } = now.value
      return command === line.command && JSON.stringify(args) === JSON.stringify(line.args)
    })
  if (!isRight) throw new Error('the configuration cannot be edited safely; nothing is written')
}

/** Checks that `unwrap` will give back the text, byte for byte. */
export function checkRestored(
  file: Pick<ConfigFile, 'text' | 'hash'>,
  client: Client,
  plans: readonly NamedPlan[],
  next: string,
): void {
  const record = {
    version: 1,
    path: '',
    client: client.name,
    agent: '',
    layers: [layerOf(file, client, plans, next)],
  } as const
  if (restore(next, record, client).text !== file.text)
    throw new Error('the configuration could not be put back later; nothing is written')
}

/** The parts of a run of `wrap`. */
export interface WrapRun {
  readonly file: ConfigFile
  readonly client: Client
  readonly agent: string
  readonly plans: readonly NamedPlan[]
  readonly grants: readonly Grant[]
  readonly expiresIn: number
  readonly next: string
}

/**
 * Carries out a plan. Each step adds something or replaces a file whole, and the configuration comes last: a process
 * that is killed leaves the old arrangement or the new one, and the next run goes on. WRP-08
 */
export async function applyWrap(home: WrapHome, run: WrapRun): Promise<readonly Delegation[]> {
  const { file, agent, plans, next } = run
  const content = contentAfter(home.gateway, plans)
  await checkGatewayContent(home.path, content)
  for (const { server, secrets, definition } of plans) {
    for (const [credential, secret] of credentialsFor(definition, server, secrets)) {
      if (home.secrets.get(credential) === secret) continue
      const names = secrets.map(({ name }) => name)
      await home.vault.put(credential, { ...rulesFor(server, definition, { credential, names }), secret })
      home.secrets.set(credential, secret)
    }
  }
  const signed = await signGrants(home, agent, run.grants, run.expiresIn)
  const record = recordOf(home, run, signed)
  await storeRecord(home.vault, record)
  await ensureFolder(join(home.path, 'wrapped'))
  await writeIndex(home, record)
  const work = emptyFolder(home.path)
  if (plans.some(({ definition }) => definition.type === 'stdio' && definition.cwd === work)) await ensureFolder(work)
  await writeGatewayFile(home.path, content, home.lock)
  await storeGrants(home, agent, signed)
  await replaceConfigFile(file, next).catch((error: unknown) => {
    // The next run finds everything else, and finishes the work.
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`${error.message}; the home folder is prepared, so the next run finishes the work`)
  })
  return [...signed.kept, ...signed.made]
}

/** The content of `gateway.json` with the servers of a run. */
export function contentAfter(
  { servers, content }: Pick<WrapHome['gateway'], 'servers' | 'content'>,
  plans: readonly NamedPlan[],
): Readonly<Record<string, unknown>> {
  const added = plans.map((one) => [one.server, withCredentials(one.definition, one.server, one.secrets)] as const)
  return { ...content, servers: Object.fromEntries([...servers, ...added]) }
}

function rulesFor(server: string, definition: GatewayServer, secretHeaders: SecretHeaders): CredentialOptions {
  if (definition.type === 'stdio') return credentialRulesOf(server, { type: 'stdio' })
  const { url, headers = {} } = definition
  return credentialRulesOf(server, { type: 'http', url, headers, secretHeaders })
}

/**
 * The record with the original texts. A layer whose servers are no longer in the file was never finished, or was
 * undone.
 */
function recordOf(home: WrapHome, { file, client, agent, plans, next }: WrapRun, signed: SignedGrants): WrapRecord {
  const sealed = home.secrets.get(recordReference(file.path))
  const earlier = sealed === undefined ? [] : parseWrapRecord(sealed).layers
  const before = client.read(file.text)
  const stays = earlier.filter((layer) => isPresent(layer, before))
  const unfinished = earlier.filter((layer) => !stays.includes(layer))
  const layer = { ...layerOf(file, client, plans, next), ...exchangeOf(signed, unfinished) }
  return { version: 1, path: file.path, client: client.name, agent, layers: [...stays, layer] }
}

/** The delegations of a run, and those that they replace. It goes on with a run that was killed. */
function exchangeOf({ made, kept, replaced }: SignedGrants, unfinished: readonly WrapLayer[]): Partial<WrapLayer> {
  const cids = kept.map(({ cid }) => cid.toString())
  const own = unfinished.filter((layer) => layer.made?.some((cid) => cids.includes(cid)))
  const before = [
    ...replaced.map(({ bytes }) => Buffer.from(bytes).toString('base64url')),
    ...own.flatMap((layer) => layer.replaced ?? []),
  ]
  if (before.length === 0) return {}
  return { made: [...made.map(({ cid }) => cid.toString()), ...(own.length > 0 ? cids : [])], replaced: before }
}

/** The record of one run: the texts of the servers before it, and their values after it. */
export function layerOf(
  file: Pick<ConfigFile, 'text' | 'hash'>,
  client: Client,
  plans: readonly NamedPlan[],
  next: string,
): WrapLayer {
  const after = new Map(client.read(next).servers.map((entry) => [JSON.stringify(entry.place), entry] as const))
  const entries = plans.map(({ entry, server, secrets }) => {
    const now = after.get(JSON.stringify(entry.place)) as ServerEntry
    const originals = entry.segments.map((segment, at) => ({
      id: now.segments[at]?.id ?? '',
      text: textOfSpan(file.text, segment),
    }))
    return { place: entry.place, server, wrapped: now.value, originals, secrets }
  })
  return { before: file.hash, after: hashOf(next), entries }
}
