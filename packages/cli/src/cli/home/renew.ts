// node only: reads and writes files
import { join } from 'node:path'
import { type Delegation, type Did, never, systemClock } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import { quote } from '#support/quote.ts'
import { isScoped } from '../../gateway/agent-side/is-scoped.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { wordsOf } from '../gateway/agent-authority.ts'
import type { Host } from '../host.ts'
import { inOwnWords } from '../terminal/own-words.ts'
import { readDuration, showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { type GatewayFile, readGatewayFile } from './gateway-file.ts'
import { held, isOf } from './issue.ts'
import {
  didsOfOthers,
  dropRestored,
  issuedTo,
  noteIssued,
  recordedAgents,
  renewableOf,
  restoredAgents,
  restoredOf,
} from './issued.ts'
import { finishExchanges, type Replaced, replaceDelegations, type Terms } from './replace-delegations.ts'
import { countOf, stillValid } from './revoke-agent.ts'
import { revokedDelegations } from './revoked-delegations.ts'
import { checkIssuer, inHome, openWrapHome, type WrapHome } from './wrap-home.ts'

/** Seconds for which a delegation is issued where nobody knows for how long the former one was. */
const usualSeconds = 30 * 86_400

/** The part of its time for which a delegation has to be valid to need no renewal. */
const freshPart = 0.9

/** The delegations of an agent after a renewal. */
interface RenewedAgent {
  readonly name: string
  readonly made: readonly Delegation[]
  /** Those that need no renewal yet. */
  readonly fresh: readonly Delegation[]
  readonly messages: readonly string[]
  readonly isWhole: boolean
}

/**
 * `procura renew [AGENT…]`: issues the delegations of agents again, with a new end. WRP-58
 *
 * @returns 1 when something could not be renewed, or there is nothing to renew.
 */
export async function renew(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const given = textOf(flags, 'expires-in')
  const expiresIn = given === undefined ? undefined : readDuration('expires-in', given)
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  const there = await namesInFolder(join(home, 'agents'))
  const unknown = words.find((name) => !there.includes(name))
  if (unknown !== undefined)
    throw new UsageError(`the agent ${quote(unknown)} does not exist; \`procura agent list\` lists the agents`)
  return inHome(home, async (lock) => {
    const opened = await openWrapHome(home, flags, host, lock)
    checkIssuer(opened)
    for (const message of await finishExchanges(opened)) host.complain(message)
    const recorded = recordedAgents(opened).filter((name) => there.includes(name))
    const names = words.length > 0 ? [...new Set(words)] : recorded
    const results: RenewedAgent[] = []
    for (const name of names) {
      try {
        results.push(await renewAgent(opened, gateway, name, words.length > 0, expiresIn))
      } catch (error) {
        const fault = error instanceof Error ? inOwnWords(error.message) : 'unknown error'
        results.push({ name, made: [], fresh: [], messages: [`the agent ${name}: ${fault}`], isWhole: false })
      }
    }
    const before = words.length > 0 ? [] : restoredAgents(opened).filter((name) => there.includes(name))
    for (const name of before)
      host.complain(
        `the agent ${name} had more before its home folder was restored from a backup; \`procura renew ${name}\` issues it again, also what was revoked after the backup was made`,
      )
    return report(results, before.length > 0, flags, host)
  })
}

async function renewAgent(
  home: WrapHome,
  gateway: GatewayFile,
  name: string,
  isNamed: boolean,
  expiresIn: number | undefined,
): Promise<RenewedAgent> {
  const folder = join(home.path, 'agents', name)
  const did = await presentDid(home, folder, name)
  const store = await home.stores(folder)
  const inFile = await held(store)
  const { groups, lengths, withdrawn, restored } = await renewableGroups(home, gateway, name, isNamed, inFile)
  const { signer } = home.owner
  const [fresh, past, next]: [Delegation[], Delegation[], Terms[]] = [[], [], []]
  for (const group of groups) {
    const last = group.at(-1) as Delegation
    const seconds = expiresIn ?? lengths.get(idOf(last)) ?? usualSeconds
    const present = group.findLast((one) => one.audience === did && one.issuer === signer.did && lasts(one, seconds))
    const { command, policy } = last
    if (present !== undefined) fresh.push(present)
    else next.push({ audience: did, command, policy, expiration: systemClock.now() + seconds, seconds })
    past.push(...group.filter((one) => one !== present && !restored.has(idOf(one))))
  }
  const former = groups.length === 0 ? [] : await toFormerKeys(home, name, did)
  const nothing: Replaced = { made: [], done: [], taken: [], left: [], messages: [] }
  const isNeeded = next.length + former.length > 0
  const { made, done, left, messages } = isNeeded ? await replaceDelegations(home, name, former, next) : nothing
  // What was renewed is not renewed again: after a revocation of the new one it would be a way around it.
  await noteIssued(home, name, [], { withdrawn: past })
  const known = new Set((await held(store)).map(idOf))
  const missing = fresh.filter((one) => !known.has(idOf(one)))
  const gone = groups.length === 0 ? [] : [...withdrawn, ...restored, ...past.map(idOf)]
  const remove = gone.filter((cid) => known.has(cid))
  if (missing.length + remove.length > 0)
    await store.change({ add: new Map(missing.map((one) => [idOf(one), one.bytes])), remove }, {})
  if (isNamed) await dropRestored(home, name, () => true)
  const said = done.length === 0 ? [] : [`revoked ${countOf(done)} to the former key of the agent ${name}`]
  const others = inFile.filter(
    (one) => home.owner.dids.has(one.issuer) && one.audience === did && !isScoped(one) && !remove.includes(idOf(one)),
  )
  const foreign = others.filter((one) => ![...made, ...fresh].some((other) => idOf(other) === idOf(one)))
  return {
    ...{ name, made, fresh, isWhole: left.length === 0 },
    messages: [...said, ...messages, ...stillValid(left), ...notRenewed(name, foreign)],
  }
}

/**
 * The DID of the key that an agent has now. It could replace its key file by one with the DID of another agent. WRP-59
 */
async function presentDid(home: WrapHome, folder: string, name: string): Promise<Did> {
  const { keys } = await describeSignerFile({ path: join(folder, 'agent.key') })
  const did = keys[0]?.did as Did
  if ((await didsOfOthers(home, name)).has(did))
    throw new UsageError(
      `its key file has the DID of another agent, ${did}; restore ${quote(join(folder, 'agent.key'), 256)}`,
    )
  return did
}

interface RenewableGroups {
  /** Delegations that say the same, the last end last. */
  readonly groups: readonly (readonly Delegation[])[]
  readonly lengths: ReadonlyMap<string, number>
  readonly withdrawn: ReadonlySet<string>
  /** The CIDs of those of before a backup was restored. */
  readonly restored: ReadonlySet<string>
}

/**
 * The delegations that can be issued again: of the owner, on record, for a server or an API of the gateway, and neither
 * revoked nor replaced. An agent can put copies of others into its file.
 */
async function renewableGroups(
  home: WrapHome,
  gateway: GatewayFile,
  name: string,
  isNamed: boolean,
  inFile: readonly Delegation[],
): Promise<RenewableGroups> {
  const issued = await renewableOf(home, name)
  const before = isNamed ? await restoredOf(home, name) : undefined
  const delegations = [...(before?.delegations ?? []), ...issued.delegations]
  const lengths = new Map([...(before?.lengths ?? []), ...issued.lengths])
  const places = [...gateway.servers.keys(), ...Object.keys(Object(gateway.content['apis']))]
  const present = new Set(inFile.map(idOf))
  const wanted = delegations.filter(
    (one) =>
      one.expiration !== never &&
      // An approval with a scope ends when the person said so.
      !isScoped(one) &&
      home.owner.dids.has(one.issuer) &&
      places.some((place) => isOf(one, place)) &&
      // Before lengths were on record, those that were replaced were not marked.
      (lengths.has(idOf(one)) || present.has(idOf(one))),
  )
  const revoked = await revokedDelegations(home.path, gateway, wanted)
  const groups = new Map<string, Delegation[]>()
  for (const one of wanted) {
    const terms = JSON.stringify([one.command, one.policy])
    groups.set(terms, [...(groups.get(terms) ?? []), one])
  }
  // An earlier one that says the same as a revoked one is not a way around the revocation.
  const open = [...groups.values()].filter((group) => !group.some((one) => revoked.has(idOf(one))))
  const sorted = open.map((group) => group.sort((one, other) => endOf(one) - endOf(other)))
  const restored = new Set(before?.delegations.map(idOf))
  return { groups: sorted, lengths, withdrawn: issued.withdrawn, restored }
}

/** The valid delegations on record to a former key of an agent. Nobody but a thief of that key needs them. */
async function toFormerKeys(home: WrapHome, name: string, did: Did): Promise<readonly Delegation[]> {
  const now = systemClock.now()
  const issued = await issuedTo(home, name)
  return issued.filter((one) => one.audience !== did && home.owner.dids.has(one.issuer) && endOf(one) >= now)
}

function notRenewed(name: string, { length }: readonly Delegation[]): readonly string[] {
  if (length === 0) return []
  const which = length === 1 ? '1 delegation' : `${length} delegations`
  return [
    `${which} in the file of the agent ${name} cannot be renewed, because \`wrap\` and \`api add\` did not issue them, or they were revoked; \`procura doctor\` prints the command for each that has ended`,
  ]
}

function report(results: readonly RenewedAgent[], isKnown: boolean, flags: Flags, host: Host): number {
  if (flags['json'] === true)
    host.print(
      JSON.stringify({
        renewed: results.flatMap(({ name: agent, made }) =>
          made.map(({ cid, command, expiration }) => ({ agent, delegation: cid.toString(), command, expiration })),
        ),
      }),
    )
  else
    for (const { name, made } of results)
      for (const { command, policy, expiration } of made) {
        const [first = '', ...rest] = wordsOf(command, policy)
        host.print(`renewed until ${showDate(expiration as number)}: the agent ${name} ${first}`)
        for (const line of rest) host.print(`  ${line}`)
      }
  for (const { name, fresh } of results)
    for (const { command, expiration } of fresh)
      host.complain(
        `the delegation of the agent ${name} for ${command} ends ${showDate(expiration as number)}; nothing to renew`,
      )
  for (const message of new Set(results.flatMap(({ messages }) => messages))) host.complain(message)
  const empty = results.filter(({ made, fresh, isWhole }) => isWhole && made.length + fresh.length === 0)
  for (const { name } of empty)
    host.complain(
      `the agent ${name} has no delegation that can be renewed: none is on record that is valid or ended within 90 days and was not revoked; \`procura doctor\` prints the command for each that is missing`,
    )
  if (results.length === 0 && !isKnown)
    host.complain('no agent has a delegation on record; `procura wrap` and `procura api add` issue them')
  if (results.some(({ made }) => made.length > 0)) host.complain(nextSteps)
  return results.length === 0 || empty.length > 0 || results.some(({ isWhole }) => !isWhole) ? 1 : 0
}

/** What the agents notice. */
const nextSteps =
  'an agent in a session uses them with its next call; restart a client that shows no tools, and give sub-agents new ones with `procura attenuate`'

function lasts({ expiration }: Delegation, seconds: number): boolean {
  return expiration !== never && expiration >= systemClock.now() + seconds * freshPart
}

function endOf({ expiration }: Delegation): number {
  return expiration === never ? Number.POSITIVE_INFINITY : expiration
}

function idOf({ cid }: Delegation): string {
  return cid.toString()
}
