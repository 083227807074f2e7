// node only: works with parts that use files
import { type Delegation, never, systemClock } from 'procura'
import { decodeDelegation } from 'procura/token'
import { type FileKey, type FileVault, openFileVault } from 'procura/vault/file'
import { UsageError } from '../usage-error.ts'
import { recordOptions } from '../wrap/wrap-record.ts'
import { exists } from './home-files.ts'
import { revealAll } from './wrap-home.ts'

/** The vault of a gateway with its current secrets. */
export interface IssuedPlace {
  readonly vault: Pick<FileVault, 'put' | 'remove'>
  readonly secrets: Map<string, string>
}

/** The names of the records begin with it. */
const prefix = 'procura-wrap/issued-'

/** Opens the vault of a gateway for the records. A vault that is missing has none. */
export async function openIssued(path: string, key: FileKey): Promise<IssuedPlace> {
  if (!(await exists(path))) return { vault: { put: nothing, remove: nothing }, secrets: new Map() }
  return { vault: await openFileVault({ path, key }), secrets: await revealAll(path, key) }
}

async function nothing(): Promise<never> {
  throw new UsageError('the vault of the gateway is missing; restore it from a backup')
}

/** Seconds for which a delegation is kept after its end, because clocks differ. */
const keepFor = 300

/**
 * The delegations that were issued to an agent and are valid. An agent can change the file of its delegations, and keep
 * a copy of one; the record is sealed in the vault. WRP-32
 */
export async function issuedTo(
  { secrets }: Pick<IssuedPlace, 'secrets'>,
  agent: string,
): Promise<readonly Delegation[]> {
  const { delegations } = recordOf(secrets, agent)
  const all = await Promise.all(delegations.map((one) => decodeDelegation(Buffer.from(one, 'base64url'))))
  return all.filter(isValid)
}

/** The record of an agent, as the vault has it. */
interface IssuedRecord {
  readonly version: 1
  /** The delegations in base64url. */
  readonly delegations: readonly string[]
  /** The exchange that a process has begun, by CIDs: the delegations that end, and those in their place. */
  readonly exchange?: { readonly ended: readonly string[]; readonly made: readonly string[] }
}

function recordOf(secrets: IssuedPlace['secrets'], agent: string): IssuedRecord {
  const text = secrets.get(`${prefix}${agent}`)
  if (text === undefined) return { version: 1, delegations: [] }
  const record = JSON.parse(text) as IssuedRecord
  if (record.version !== 1)
    throw new UsageError('the record of the delegations is of a later version of procura; update procura')
  return record
}

/** Delegations that end, and those in their place. */
export interface Exchange {
  readonly ended: readonly Delegation[]
  readonly made: readonly Delegation[]
}

/** Records an exchange before its first step: both its sides, and that it has to be finished, in one write. */
export async function beginExchange(place: IssuedPlace, agent: string, { ended, made }: Exchange): Promise<void> {
  const all = allOf(await issuedTo(place, agent), ended, made)
  await write(place, agent, all, { ended: ended.map(idOf), made: made.map(idOf) })
}

/**
 * The exchange of an agent that was begun and not finished. A delegation that was revoked since is on neither side.
 */
export async function openExchange(place: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<Exchange | undefined> {
  const { exchange } = recordOf(place.secrets, agent)
  if (exchange === undefined) return undefined
  const issued = await issuedTo(place, agent)
  const those = (cids: readonly string[]): readonly Delegation[] => issued.filter((one) => cids.includes(idOf(one)))
  return { ended: those(exchange.ended), made: those(exchange.made) }
}

/** Ends an exchange, and removes the delegations from the record whose revocation was taken. */
export async function endExchange(place: IssuedPlace, agent: string, taken: readonly Delegation[]): Promise<void> {
  const gone = new Set(taken.map(idOf))
  const rest = (await issuedTo(place, agent)).filter((one) => !gone.has(idOf(one)))
  await write(place, agent, rest, undefined)
}

function idOf({ cid }: Delegation): string {
  return cid.toString()
}

/** The agents that have a record. */
export function recordedAgents({ secrets }: Pick<IssuedPlace, 'secrets'>): readonly string[] {
  return [...secrets.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
}

/** The DIDs to which delegations of other agents are recorded. */
export async function didsOfOthers(place: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<ReadonlySet<string>> {
  const others = recordedAgents(place).filter((name) => name !== agent)
  const issued = await Promise.all(others.map((name) => issuedTo(place, name)))
  return new Set(issued.flat().map(({ audience }) => audience))
}

/** Adds delegations to the record of an agent, before the agent gets them. */
export async function noteIssued(place: IssuedPlace, agent: string, made: readonly Delegation[]): Promise<void> {
  if (made.length > 0) await change(place, agent, allOf(await issuedTo(place, agent), made))
}

/** Removes delegations that were revoked from the record of an agent. */
export async function forgetIssued(place: IssuedPlace, agent: string, revoked: readonly Delegation[]): Promise<void> {
  if (!place.secrets.has(`${prefix}${agent}`)) return
  const gone = new Set(revoked.map(idOf))
  const rest = (await issuedTo(place, agent)).filter((one) => !gone.has(idOf(one)))
  await change(place, agent, rest)
}

/** Each delegation of several lists once. */
export function allOf(...lists: readonly (readonly Delegation[])[]): readonly Delegation[] {
  return [...new Map(lists.flat().map((one) => [idOf(one), one] as const)).values()]
}

/** Writes the delegations of an agent. An exchange that was begun stays. */
function change(place: IssuedPlace, agent: string, all: readonly Delegation[]): Promise<void> {
  return write(place, agent, all, recordOf(place.secrets, agent).exchange)
}

async function write(
  { vault, secrets }: IssuedPlace,
  agent: string,
  all: readonly Delegation[],
  exchange: IssuedRecord['exchange'] | undefined,
): Promise<void> {
  const name = `${prefix}${agent}`
  if (all.length === 0) {
    await vault.remove(name)
    secrets.delete(name)
    return
  }
  const delegations = all.map(({ bytes }) => Buffer.from(bytes).toString('base64url'))
  const record: IssuedRecord = { version: 1, delegations, ...(exchange !== undefined && { exchange }) }
  const secret = JSON.stringify(record)
  await vault.put(name, { secret, ...recordOptions })
  secrets.set(name, secret)
}

function isValid({ expiration }: Delegation): boolean {
  return expiration === never || expiration >= systemClock.now() - keepFor
}
