// node only: reads and writes files
import { realpath, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Delegation, never, systemClock } from 'procura'
import { decodeDelegation } from 'procura/token'
import { syncFolder } from '#support/durable-file.ts'
import { quote } from '#support/quote.ts'
import { isScoped } from '../../gateway/agent-side/is-scoped.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { type ClientName, clientOf } from '../clients/client.ts'
import type { ConfigDocument } from '../clients/config-document.ts'
import { type ConfigFile, checkUnchanged, hashOf, readConfigFile, replaceConfigFile } from '../clients/config-file.ts'
import { textOfSpan } from '../clients/text-edit.ts'
import { findIssued, lastOf } from '../home/find-issued.ts'
import { gatewayPath, readGatewayFile, writeGatewayFile } from '../home/gateway-file.ts'
import { exists } from '../home/home-files.ts'
import { held, isOf } from '../home/issue.ts'
import { allOf, didsOfOthers, forgetIssued, issuedTo, noteIssued, renewableOf, withdrawIssued } from '../home/issued.ts'
import { finishExchanges } from '../home/replace-delegations.ts'
import { agentDids, countOf, ignored, stillValid, unknownDid } from '../home/revoke-agent.ts'
import { type Revoked, revokeAll } from '../home/revoke-issued.ts'
import { revokedDelegations } from '../home/revoked-delegations.ts'
import { checkAgent, inHome, openWrapHome, type WrapHome } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf } from '../verb.ts'
import { connectionOf } from './connect-line.ts'
import { describeDelegations } from './earlier-authority.ts'
import { movedRecord } from './moved-record.ts'
import { presentOf, withPresentSecrets } from './present-secrets.ts'
import { isPresent, type Restored, restore } from './restore.ts'
import { readDocument } from './wrap.ts'
import { readIndex, readIndexes, type WrapIndex, writeIndex } from './wrap-index.ts'
import { parseWrapRecord, recordId, recordReference, storeRecord, type WrapRecord } from './wrap-record.ts'

/** `procura unwrap CONFIG`: puts the servers of a client back as they were. */
export async function unwrap(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const given = operandOf(words, 'the configuration file of a client')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  await checkGone(given, home)
  const file = await readConfigFile(given)
  if (!(await exists(gatewayPath(home))) || (await readIndex(home, recordId(file.path))) === undefined)
    return notWrapped(file, home, flags, host)
  return inHome(home, async (lock) => {
    // Another `wrap` may have changed the file in the meantime.
    await checkUnchanged(file)
    const opened = await openWrapHome(home, flags, host, lock)
    if (flags['dry-run'] !== true) for (const message of await finishExchanges(opened)) host.complain(message)
    const sealed = opened.secrets.get(recordReference(file.path))
    if (sealed === undefined) {
      await finish(opened, file.path, [], undefined, true)
      return notWrapped(file, home, flags, host)
    }
    const stored = parseWrapRecord(sealed)
    await checkAgent(opened, stored.agent)
    const client = clientOf(stored.client as ClientName)
    if (textOf(flags, 'client') !== undefined && textOf(flags, 'client') !== client.name)
      throw new UsageError(`${quote(file.path, 256)} was wrapped as a file of ${client.name}; leave out --client`)
    const { document } = readDocument(file, client.name)
    const restoredBy = (record: WrapRecord): Restored =>
      restore(file.text, { ...record, layers: record.layers.filter((one) => isPresent(one, document)) }, client)
    const isOriginal = hashOf(restoredBy(stored).text) === stored.layers[0]?.before
    const { record, messages: rotated, left } = withPresentSecrets(stored, file.text, client, opened)
    for (const message of rotated) host.complain(message)
    const result = restoredBy(record)
    const isRotated = record !== stored
    const [exact, values] = [isOriginal && !isRotated, isOriginal && isRotated]
    if (flags['dry-run'] === true) return report(file, { ...result, exact }, values, flags, host)
    // A run that is killed goes on with the texts that it writes now.
    if (isRotated) await storeRecord(opened.vault, record)
    if (result.text !== file.text) await replaceConfigFile(file, result.text)
    const { done, gone, open } = sortEntries(record, result.text, client.read(result.text), result.restored)
    const revokes = flags['keep-delegations'] !== true
    const servers = flags['keep-vault'] === true ? [] : done
    const { isRevoked, messages } = await finish(
      opened,
      file.path,
      servers,
      open,
      revokes,
      removableOf(opened, record, left),
    )
    for (const message of messages) host.complain(message)
    if (flags['keep-vault'] === true)
      host.complain('the servers stay in gateway.json, and their credentials in the vault')
    const code = report(file, { ...result, exact, kept: [...result.kept, ...gone] }, values, flags, host)
    return isRevoked || !revokes ? code : 1
  })
}

/**
 * The servers that are as they were, and the parts of the record that are still needed. The credentials of a server
 * that the user has removed or replaced stay in the vault: it may have the only copy. WRP-15
 */
function sortEntries(
  record: WrapRecord,
  text: string,
  { servers }: ConfigDocument,
  restored: readonly string[],
): { readonly done: readonly string[]; readonly gone: Restored['kept']; readonly open: WrapRecord | undefined } {
  const used = new Set(servers.flatMap(({ value }) => connectionOf(value)?.server ?? []))
  const done: string[] = []
  const gone: { name: string; reason: string }[] = []
  for (const { place, server, originals } of record.layers.flatMap(({ entries }) => entries)) {
    if (used.has(server)) continue
    const entry = servers.find((one) => JSON.stringify(one.place) === JSON.stringify(place))
    // A run that was killed has put the server back.
    const isOriginal = originals.every(({ text: original }, at) => {
      const segment = entry?.segments[at]
      return segment !== undefined && textOfSpan(text, segment) === original
    })
    if (isOriginal || restored.includes(JSON.stringify(place))) done.push(server)
    else {
      const change = entry === undefined ? 'it was removed from the file' : 'it runs another command now'
      const rest = `its credentials stay in the vault, and \`procura connect ${server}\` still reaches it`
      gone.push({ name: place.at(-1) ?? '', reason: `${change}; ${rest}` })
    }
  }
  const layers = record.layers
    .map((layer) => ({ ...layer, entries: layer.entries.filter(({ server }) => used.has(server)) }))
    .filter(({ entries }) => entries.length > 0)
  return {
    done: [...new Set(done)],
    gone,
    open: layers.length === 0 ? undefined : { ...record, layers },
  }
}

/** A wrapped configuration that was deleted: its text is not in the record, but its lines contain no secret. */
async function checkGone(given: string, home: string): Promise<void> {
  const folder = await realpath(dirname(given)).catch(() => undefined)
  if (folder === undefined || (await exists(given))) return
  const path = join(folder, basename(given))
  const index = await readIndex(home, recordId(path)).catch(() => undefined)
  if (index === undefined) return
  const lines = index.servers.map((server) => `\`procura connect ${server}\``).join(', ')
  throw new UsageError(
    `${quote(path, 256)} was wrapped, and does not exist any more; restore it from a backup, with its servers that run ${lines}, and run this again`,
  )
}

/** A file without a record: there is nothing to do, unless it has servers behind another gateway. */
async function notWrapped(file: ConfigFile, home: string, flags: Flags, host: Host): Promise<number> {
  const { client, document } = readDocument(file, textOf(flags, 'client') as ClientName | undefined)
  const moved = await movedRecord(home, file, client, document)
  if (moved !== undefined)
    throw new UsageError(
      `${quote(file.path, 256)} was ${quote(moved.path, 256)} when it was wrapped; run \`procura wrap ${shellQuoted(file.path)}\`, which takes its record along, and run this again`,
    )
  const foreign = document.servers.filter(({ value }) => connectionOf(value) !== undefined)
  if (foreign.length > 0) {
    const names = foreign.map(({ name }) => name).join(', ')
    const homes = foreign
      .map(({ value }) => connectionOf(value)?.home)
      .filter((one) => one !== undefined && one !== home)
    const others = [...new Set(homes)].map((one) => quote(String(one), 256))
    const which = others.length === 0 ? 'the home folder that has it' : `their home folder ${others.join(' or ')}`
    throw new UsageError(
      `${quote(home, 256)} has no record of ${quote(file.path, 256)}, whose servers ${names} are behind another gateway; name ${which} with --home`,
    )
  }
  if (flags['json'] === true) host.print(JSON.stringify({ path: file.path, restored: [], kept: [], exact: true }))
  host.complain('nothing to unwrap; no file is changed')
  return 0
}

/** @param isOtherwiseExact - whether the file has its original bytes but for rotated secrets. */
function report(
  file: ConfigFile,
  { exact, restored, kept }: Restored,
  isOtherwiseExact: boolean,
  flags: Flags,
  host: Host,
): number {
  if (flags['json'] === true)
    host.print(JSON.stringify({ path: file.path, restored: restored.map((place) => JSON.parse(place)), kept, exact }))
  for (const { name, reason } of kept) host.complain(`${name} stays: ${reason}`)
  const original = isOtherwiseExact
    ? 'the file has its original bytes, with the present values of its rotated secrets'
    : 'the file was changed since; the other changes stay'
  const how = exact ? 'the file has its original bytes' : original
  if (flags['json'] !== true)
    host.print(
      `${flags['dry-run'] === true ? 'would restore' : 'restored'} ${restored.length} ${restored.length === 1 ? 'server' : 'servers'} of ${file.path}; ${how}`,
    )
  return kept.some(({ reason }) => reason.includes('undo')) ? 1 : 0
}

/**
 * Removes what only the unwrapped configuration needed. The configuration is already as it was, so that a process that
 * is killed here leaves a gateway with servers that nobody calls; the next run removes them.
 */
async function finish(
  home: WrapHome,
  path: string,
  servers: readonly string[],
  open: WrapRecord | undefined,
  revokes: boolean,
  removable: ReadonlySet<string> = new Set(),
): Promise<Dropped> {
  const others: WrapIndex[] = []
  // Without its record and its file, it is what a killed `wrap` left of one that was moved.
  for (const one of await readIndexes(home.path))
    if (one.path !== path && (home.secrets.has(recordReference(one.path)) || (await exists(one.path)))) others.push(one)
  const unused = servers.filter((server) => !others.some((one) => one.servers.includes(server)))
  const index = await readIndex(home.path, recordId(path))
  const gateway = await readGatewayFile(home.path)
  if (gateway !== undefined && unused.some((server) => gateway.servers.has(server))) {
    const rest = Object.fromEntries([...gateway.servers].filter(([name]) => !unused.includes(name)))
    await writeGatewayFile(home.path, { ...gateway.content, servers: rest }, home.lock)
  }
  const kept = new Set(others.filter((one) => one.agent === index?.agent).flatMap((one) => one.servers))
  const left = servers.filter((server) => !kept.has(server))
  const staying = servers.filter((server) => kept.has(server))
  const exchanged = index === undefined ? undefined : await exchangedFor(home, path, index.agent, staying)
  const dropped =
    index === undefined ? nothingDropped : await dropDelegations(home, index.agent, left, revokes, exchanged)
  for (const server of unused) await unlink(join(home.path, 'tools', `${server}.json`)).catch(() => undefined)
  const credentials = home.vault.references.filter((name) => unused.some((server) => name.startsWith(`${server}.`)))
  for (const name of credentials) if (removable.has(name)) await home.vault.remove(name)
  const only = credentials.filter((name) => !removable.has(name))
  if (open === undefined) {
    await home.vault.remove(recordReference(path))
    await unlink(join(home.path, 'wrapped', `${recordId(path)}.json`)).catch(() => undefined)
    await syncFolder(join(home.path, 'wrapped')).catch(() => undefined)
  } else {
    await storeRecord(home.vault, open)
    await writeIndex(home, open)
  }
  const stays = only.map((name) => `the credential ${name} stays in the vault, because the file does not have it`)
  return { ...dropped, messages: [...dropped.messages, ...stays] }
}

/** The credentials whose present values are in the restored file, or came from elsewhere. */
function removableOf(home: WrapHome, { layers }: WrapRecord, left: ReadonlySet<string>): ReadonlySet<string> {
  const names = layers.flatMap(({ entries }) =>
    entries.flatMap(({ server, secrets = [] }) => secrets.map(({ name }) => presentOf(home, server, name).credential)),
  )
  return new Set(names.filter((name) => !left.has(name)))
}

/** Delegations that were made in the place of others. */
interface Exchanged {
  readonly made: ReadonlySet<string>
  /** Those that the agent gets back. */
  readonly given: readonly Delegation[]
}

/**
 * The delegations that the runs of `wrap` of a configuration made for servers that stay, and those of before that the
 * agent gets back. A server whose delegations a later run has changed gets none.
 */
async function exchangedFor(
  home: WrapHome,
  path: string,
  agent: string,
  staying: readonly string[],
): Promise<Exchanged> {
  const sealed = home.secrets.get(recordReference(path))
  const layers = sealed === undefined ? [] : parseWrapRecord(sealed).layers
  const made = new Set(layers.flatMap((layer) => layer.made ?? []))
  const all = await Promise.all(
    layers.flatMap((layer) => layer.replaced ?? []).map((one) => decodeDelegation(Buffer.from(one, 'base64url'))),
  )
  const replaced = all.filter((one) => !made.has(idOf(one)) && staying.some((server) => isOf(one, server)))
  if (replaced.length === 0) return { made: new Set(), given: [] }
  // The record counts, and not the file: the agent can put copies of those that were made into it.
  const current = (await renewableOf(home, agent)).delegations.filter((one) => !isScoped(one))
  const [present, former] = [current, all].map((list) => new Set(list.map(idOf))) as [Set<string>, Set<string>]
  const isWhole = [...made].every((cid) => present.has(cid) || former.has(cid))
  const isUntouched = (server: string): boolean => {
    const own = current.filter((one) => isOf(one, server))
    return isWhole && own.length > 0 && own.every((one) => made.has(idOf(one)))
  }
  // One that is on record again was given back by a run that was killed.
  const given = replaced.filter((one) => present.has(idOf(one)) || isUntouched(serverOf(one)))
  return { made, given: await genuine(home, given) }
}

/** Those that the owner has signed, and that were not revoked. The agent had them in its file, which it can fill. */
async function genuine(home: WrapHome, delegations: readonly Delegation[]): Promise<readonly Delegation[]> {
  const { chains } = await findIssued({
    ...{ owners: home.owner.dids, recorded: [], inFile: delegations, agent: undefined },
    isWanted: () => true,
  })
  const signed = chains.map(lastOf)
  const gateway = signed.length === 0 ? undefined : await readGatewayFile(home.path)
  if (gateway === undefined) return []
  const revoked = await revokedDelegations(home.path, gateway, signed)
  return signed.filter((one) => !revoked.has(idOf(one)))
}

/** The end of the delegations of an agent. */
interface Dropped {
  /** Whether each delegation of the owner is revoked. */
  readonly isRevoked: boolean
  /** Lines for people. */
  readonly messages: readonly string[]
}

const nothingDropped: Dropped = Object.freeze({ isRevoked: true, messages: [] })

/**
 * The delegations of an agent for servers that it no longer calls are revoked, and the agent forgets them. It may have
 * kept a copy, with which it could call a server of that name later. WRP-19
 *
 * @param exchanged - the delegations that the run of `wrap` made for servers that stay, and those that it gets back.
 */
async function dropDelegations(
  home: WrapHome,
  agent: string,
  servers: readonly string[],
  revokes: boolean,
  { made, given }: Exchanged = { made: new Set(), given: [] },
): Promise<Dropped> {
  const folder = join(home.path, 'agents', agent)
  const store = (await exists(folder)) ? await home.stores(folder) : undefined
  const recorded = await issuedTo(home, agent)
  const inFile = store === undefined ? [] : await held(store)
  const isWanted = (one: Delegation): boolean => servers.some((server) => isOf(one, server)) || made.has(idOf(one))
  const wanted = allOf(recorded, inFile).filter(isWanted)
  const now = systemClock.now()
  const back = given.filter(
    ({ expiration, issuer }) => issuer === home.owner.signer.did && (expiration === never || expiration > now),
  )
  // Before the others are withdrawn, so that a run that goes on finds them.
  await noteIssued(home, agent, back)
  await withdrawIssued(home, agent, isWanted)
  if (wanted.length === 0) return nothingDropped
  const dids = await agentDids(folder, recorded, await didsOfOthers(home, agent))
  const found = await findIssued({ owners: home.owner.dids, recorded, inFile, agent: dids, isWanted })
  const nothing: Revoked = { done: [], taken: [], messages: [] }
  const { done, taken, messages } = revokes ? await revokeAll(home.path, home.owner, found.chains) : nothing
  const left = found.chains.filter((chain) => !done.includes(lastOf(chain)))
  // WRP-34: before the agent forgets them. The record takes those of the owner; the file keeps the others with their
  // proofs.
  const direct = left.filter(({ length }) => length === 1).flat()
  await noteIssued(home, agent, [], { withdrawn: direct })
  const unknown = dids.size === 0 ? found.others : []
  const built = left.filter(({ length }) => length > 1).flat()
  const kept = new Set(revokes ? [...built, ...unknown].map(idOf) : [])
  await store?.change(
    {
      add: new Map(back.map((one) => [idOf(one), one.bytes])),
      remove: wanted.map(idOf).filter((cid) => !kept.has(cid)),
    },
    {},
  )
  await forgetIssued(home, agent, taken)
  const last = left.map(lastOf)
  const again = servers.filter((server) => last.some((one) => isOf(one, server)))
  return {
    isRevoked: left.length + unknown.length === 0,
    messages: [
      ...(done.length === 0 ? [] : [`revoked ${countOf(done)} of the agent ${agent}`]),
      ...messages,
      ...back.flatMap((one) =>
        describeDelegations([one]).map((line, at) =>
          at === 0 ? `the agent has its earlier delegation again: ${line}` : line,
        ),
      ),
      ...(back.length < given.length
        ? ['an earlier delegation of the agent has ended since; give it another one with `procura wrap`']
        : []),
      ...stillValid(last),
      ...again.map((server) => `to revoke it later, run \`procura revoke --agent ${agent} --server ${server}\``),
      ...(unknown.length === 0 ? [] : [`left ${countOf(unknown)} in its file: ${unknownDid(folder)}`]),
      ...ignored(found),
    ],
  }
}

function serverOf({ command }: Delegation): string {
  return command.split('/')[2] as string
}

function idOf({ cid }: Delegation): string {
  return cid.toString()
}
