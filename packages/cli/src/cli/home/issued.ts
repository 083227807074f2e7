// node only: works with parts that use files
import { type Delegation, never, systemClock } from 'procura'
import { decodeDelegation } from 'procura/token'
import { type FileKey, type FileVault, openFileVault } from 'procura/vault/file'
import { renewableSeconds } from '../../gateway/agent-side/ending-soon.ts'
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

/** The record of an agent, as the vault has it. */
interface IssuedRecord {
  readonly version: 1
  /** The delegations in base64url. */
  readonly delegations: readonly string[]
  /** The CIDs of those that are not issued again: they were revoked, replaced or renewed. */
  readonly withdrawn?: readonly string[]
  /** The seconds for which each was issued, by CID. */
  readonly lengths?: Readonly<Record<string, number>>
  /** The exchange that a process has begun, by CIDs: the delegations that end, and those in their place. */
  readonly exchange?: { readonly ended: readonly string[]; readonly made: readonly string[] }
}

/** A record whose delegations were read. */
interface Issued {
  /** Those that are valid, and those that ended and can be renewed. */
  readonly all: readonly Delegation[]
  readonly withdrawn: ReadonlySet<string>
  readonly lengths: ReadonlyMap<string, number>
  readonly exchange?: IssuedRecord['exchange']
}

async function read({ secrets }: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<Issued> {
  const text = secrets.get(`${prefix}${agent}`)
  if (text === undefined) return { all: [], withdrawn: new Set(), lengths: new Map() }
  const record = JSON.parse(text) as IssuedRecord
  if (record.version !== 1)
    throw new UsageError('the record of the delegations is of a later version of procura; update procura')
  const read = await Promise.all(record.delegations.map((one) => decodeDelegation(Buffer.from(one, 'base64url'))))
  const withdrawn = new Set(record.withdrawn)
  const all = read.filter((one) => isValid(one) || (!withdrawn.has(idOf(one)) && isRenewable(one)))
  const { lengths = {}, exchange } = record
  return { all, withdrawn, lengths: new Map(Object.entries(lengths)), ...(exchange !== undefined && { exchange }) }
}

/**
 * The delegations that were issued to an agent and are valid. An agent can change the file of its delegations, and keep
 * a copy of one; the record is sealed in the vault. WRP-32
 */
export async function issuedTo(place: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<readonly Delegation[]> {
  return (await read(place, agent)).all.filter(isValid)
}

/** The delegations of an agent that can be issued again. */
export interface Renewable {
  /** Valid, or ended within 90 days; neither revoked nor replaced by a verb of this program. */
  readonly delegations: readonly Delegation[]
  /** The CIDs of the others on record. */
  readonly withdrawn: ReadonlySet<string>
  /** The seconds for which each was issued, by CID, where it is known. */
  readonly lengths: ReadonlyMap<string, number>
}

/** Finds what an agent had or has, for its renewal. */
export async function renewableOf(place: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<Renewable> {
  const { all, withdrawn, lengths } = await read(place, agent)
  return { delegations: all.filter((one) => !withdrawn.has(idOf(one))), withdrawn, lengths }
}

/** Delegations that end, and those in their place. */
export interface Exchange {
  readonly ended: readonly Delegation[]
  readonly made: readonly Delegation[]
}

/**
 * Records an exchange before its first step: both its sides, and that it has to be finished, in one write.
 *
 * @param given - the seconds for which delegations are issued, by CID. Default: as long as a former one.
 */
export async function beginExchange(
  place: IssuedPlace,
  agent: string,
  { ended, made }: Exchange,
  given: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  const before = await read(place, agent)
  const seconds = ended.map((one) => before.lengths.get(idOf(one))).find((one) => one !== undefined)
  const lengths = seconds === undefined ? [] : made.map((one) => [idOf(one), seconds] as const)
  await write(place, agent, {
    all: allOf(before.all, ended, made),
    withdrawn: new Set([...before.withdrawn, ...ended.map(idOf)]),
    lengths: new Map([...before.lengths, ...lengths, ...given]),
    exchange: { ended: ended.map(idOf), made: made.map(idOf) },
  })
}

/**
 * The exchange of an agent that was begun and not finished. A delegation that was revoked since is on neither side.
 */
export async function openExchange(place: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<Exchange | undefined> {
  const { all, withdrawn, exchange } = await read(place, agent)
  if (exchange === undefined) return undefined
  const issued = all.filter(isValid)
  const those = (cids: readonly string[]): readonly Delegation[] => issued.filter((one) => cids.includes(idOf(one)))
  return { ended: those(exchange.ended), made: those(exchange.made).filter((one) => !withdrawn.has(idOf(one))) }
}

/** Ends an exchange, and removes the delegations from the record whose revocation was taken. */
export async function endExchange(place: IssuedPlace, agent: string, taken: readonly Delegation[]): Promise<void> {
  const gone = new Set(taken.map(idOf))
  const { all, withdrawn, lengths } = await read(place, agent)
  await write(place, agent, { all: all.filter((one) => !gone.has(idOf(one))), withdrawn, lengths })
}

/** The agents that have a record. */
export function recordedAgents({ secrets }: Pick<IssuedPlace, 'secrets'>): readonly string[] {
  return [...secrets.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
}

/** The DIDs to which delegations of other agents are recorded. */
export async function didsOfOthers(place: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<ReadonlySet<string>> {
  const others = recordedAgents(place).filter((name) => name !== agent)
  const issued = await Promise.all(others.map((name) => read(place, name)))
  return new Set(issued.flatMap(({ all }) => all).map(({ audience }) => audience))
}

/** Options of {@link noteIssued}. */
export interface NoteOptions {
  /** Delegations, on record or not, that are not issued again. */
  readonly withdrawn?: readonly Delegation[]
  /** The seconds for which delegations are issued, by CID. */
  readonly lengths?: ReadonlyMap<string, number>
}

/** Adds delegations to the record of an agent, before the agent gets them. */
export async function noteIssued(
  place: IssuedPlace,
  agent: string,
  made: readonly Delegation[],
  { withdrawn = [], lengths = new Map() }: NoteOptions = {},
): Promise<void> {
  if (made.length + withdrawn.length === 0) return
  const before = await read(place, agent)
  const gone = new Set([...before.withdrawn, ...withdrawn.map(idOf)])
  for (const one of made) gone.delete(idOf(one))
  await write(place, agent, {
    ...before,
    all: allOf(before.all, made, withdrawn),
    withdrawn: gone,
    lengths: new Map([...before.lengths, ...lengths]),
  })
}

/**
 * Notes that the delegations of an agent are not issued again, before they are revoked. WRP-57
 *
 * @param isWanted - selects those on record, also those that have ended.
 */
export async function withdrawIssued(
  place: IssuedPlace,
  agent: string,
  isWanted: (delegation: Delegation) => boolean,
): Promise<void> {
  const { delegations } = await renewableOf(place, agent)
  await noteIssued(place, agent, [], { withdrawn: delegations.filter(isWanted) })
  await dropRestored(place, agent, isWanted)
}

/** The delegations that an agent had when a backup was made. Nothing but `renew` with its name issues them again. */
export type Restored = Pick<Renewable, 'delegations' | 'lengths'>

/** The names of the records of {@link Restored} begin with it. */
const restoredPrefix = 'procura-wrap/restored-'

/** The agents that have delegations of before a backup was restored. CLI-58 */
export function restoredAgents({ secrets }: Pick<IssuedPlace, 'secrets'>): readonly string[] {
  return [...secrets.keys()]
    .filter((name) => name.startsWith(restoredPrefix))
    .map((name) => name.slice(restoredPrefix.length))
}

/** The agents under whose names delegations to a DID are on record, or were when a backup was made. */
export async function agentsRecordedWith(place: Pick<IssuedPlace, 'secrets'>, did: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of new Set([...recordedAgents(place), ...restoredAgents(place)])) {
    const all = allOf((await read(place, name)).all, (await restoredOf(place, name)).delegations)
    if (all.some(({ audience }) => audience === did)) found.push(name)
  }
  return found
}

/** What an agent had when a backup was made, as long as it can be renewed. */
export async function restoredOf({ secrets }: Pick<IssuedPlace, 'secrets'>, agent: string): Promise<Restored> {
  const text = secrets.get(`${restoredPrefix}${agent}`)
  if (text === undefined) return { delegations: [], lengths: new Map() }
  const { delegations, lengths = {} } = JSON.parse(text) as IssuedRecord
  const read = await Promise.all(delegations.map((one) => decodeDelegation(Buffer.from(one, 'base64url'))))
  return { delegations: read.filter(isRenewable), lengths: new Map(Object.entries(lengths)) }
}

/**
 * Puts the records of a backup aside, where `renew` with the name of an agent alone looks at them.
 *
 * @param revoked - the CIDs that were revoked when the backup was made.
 */
export async function setAsideIssued(place: IssuedPlace, revoked: ReadonlySet<string>): Promise<void> {
  for (const agent of new Set([...recordedAgents(place), ...restoredAgents(place)])) {
    const [issued, before] = [await renewableOf(place, agent), await restoredOf(place, agent)]
    const all = allOf(issued.delegations, before.delegations).filter((one) => !revoked.has(idOf(one)))
    await writeRestored(place, agent, { delegations: all, lengths: new Map([...before.lengths, ...issued.lengths]) })
    await place.vault.remove(`${prefix}${agent}`)
    place.secrets.delete(`${prefix}${agent}`)
  }
}

/** Removes delegations of before a backup for good: they were issued again, replaced or revoked. */
export async function dropRestored(
  place: IssuedPlace,
  agent: string,
  isGone: (delegation: Delegation) => boolean,
): Promise<void> {
  if (!place.secrets.has(`${restoredPrefix}${agent}`)) return
  const { delegations, lengths } = await restoredOf(place, agent)
  await writeRestored(place, agent, { delegations: delegations.filter((one) => !isGone(one)), lengths })
}

async function writeRestored({ vault, secrets }: IssuedPlace, agent: string, restored: Restored): Promise<void> {
  const name = `${restoredPrefix}${agent}`
  const { delegations, lengths } = restored
  if (delegations.length === 0) {
    await vault.remove(name)
    secrets.delete(name)
    return
  }
  const ids = new Set(delegations.map(idOf))
  const secret = JSON.stringify({
    version: 1,
    delegations: delegations.map(({ bytes }) => Buffer.from(bytes).toString('base64url')),
    lengths: Object.fromEntries([...lengths].filter(([cid]) => ids.has(cid))),
  } satisfies IssuedRecord)
  await vault.put(name, { secret, ...recordOptions })
  secrets.set(name, secret)
}

/** Removes delegations that were revoked from the record of an agent. */
export async function forgetIssued(place: IssuedPlace, agent: string, revoked: readonly Delegation[]): Promise<void> {
  if (!place.secrets.has(`${prefix}${agent}`)) return
  const gone = new Set(revoked.map(idOf))
  const before = await read(place, agent)
  await write(place, agent, { ...before, all: before.all.filter((one) => !gone.has(idOf(one))) })
}

/** Each delegation of several lists once. */
export function allOf(...lists: readonly (readonly Delegation[])[]): readonly Delegation[] {
  return [...new Map(lists.flat().map((one) => [idOf(one), one] as const)).values()]
}

async function write(
  { vault, secrets }: IssuedPlace,
  agent: string,
  { all, withdrawn, lengths, exchange }: Issued,
): Promise<void> {
  const name = `${prefix}${agent}`
  const kept = all.filter((one) => isValid(one) || !withdrawn.has(idOf(one)))
  if (kept.length === 0) {
    await vault.remove(name)
    secrets.delete(name)
    return
  }
  const ids = kept.map(idOf)
  const gone = ids.filter((cid) => withdrawn.has(cid))
  const known = ids.flatMap((cid) => (lengths.has(cid) ? [[cid, lengths.get(cid) as number] as const] : []))
  const secret = JSON.stringify({
    version: 1,
    delegations: kept.map(({ bytes }) => Buffer.from(bytes).toString('base64url')),
    ...(gone.length > 0 && { withdrawn: gone }),
    ...(known.length > 0 && { lengths: Object.fromEntries(known) }),
    ...(exchange !== undefined && { exchange }),
  } satisfies IssuedRecord)
  await vault.put(name, { secret, ...recordOptions })
  secrets.set(name, secret)
}

function idOf({ cid }: Delegation): string {
  return cid.toString()
}

function isValid({ expiration }: Delegation): boolean {
  return expiration === never || expiration >= systemClock.now() - keepFor
}

function isRenewable({ expiration }: Delegation): boolean {
  return expiration === never || expiration >= systemClock.now() - renewableSeconds
}
