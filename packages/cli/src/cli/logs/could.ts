// node only: reads logs
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { never, systemClock } from 'procura'
import type { AuditRecord } from 'procura/audit'
import { type AuthorityReport, findAuthority } from 'procura/audit/ledger'
import { describePolicy } from 'procura/policy'
import { quote } from '#support/quote.ts'
import type { PrincipalNames } from '../../gateway/configuration/principal-names.ts'
import type { Host } from '../host.ts'
import { readMoment, showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, neededOf, textsOf } from '../verb.ts'
import { logDirectories } from './home-log.ts'
import { logNames, principalsNamed } from './log-names.ts'
import { type LogSource, logSources, noRecordIn } from './log-source.ts'
import { readArchives } from './read-archives.ts'

/**
 * `procura log could [DIR…] --agent DID --at TIME`: what an agent could do at a moment, by the delegations on record.
 *
 * @throws UsageError when the agent has made calls by other delegations alone: it could do more than is on record.
 *   LOG-23
 * @returns 1 when it could do nothing.
 */
export async function could(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const given = neededOf(flags, 'agent', 'the DID of the agent, or its name')
  const names = await logNames(flags, host)
  const [agent] = (await principalsNamed('agent', given, names, flags, host)) as [string]
  const at = readMoment(
    'at',
    neededOf(flags, 'at', 'the moment, such as 2026-11-24T12:00:00Z, or now'),
    systemClock.now(),
  )
  const named = textsOf(flags, 'archive')
  for (const directory of named) await checkArchive(directory)
  const directories = await logDirectories(words, flags, host, true)
  const sources = await logSources(directories, flags, host)
  try {
    const archive = await readArchives(
      named.length > 0 ? named : directories.map((directory) => join(directory, 'delegations')),
    )
    const used = new Set<string>()
    const records = withUses(recordsOf(sources, flags), agent, at, used)
    const report = await findAuthority({ records, archive, agent, at })
    const unknown = await namesWithout(used, archive.get)
    if (report.authority.length === 0 && unknown.length > 0)
      throw new UsageError(
        `the agent has made calls by ${unknown.length} of its delegations that no ledger has, such as ${unknown[0]}, so its authority is unknown; pass the ledger of its issuer too, or its delegations with --archive`,
      )
    if (flags['json'] === true) {
      host.print(JSON.stringify({ agent, at, ...report, authority: report.authority.map(jsonAuthority) }))
    } else {
      for (const line of report.authority.flatMap((one) => linesOf(one, at, names.all))) host.print(line)
      if (report.authority.length === 0) host.print('nothing, by the delegations on record')
    }
    for (const cid of unknown)
      host.complain(`warning: the agent has made calls by ${cid}, which no ledger has; its authority is not listed`)
    for (const cid of report.missing) host.complain(`warning: ${cid} is on record, and is not in the archive`)
    for (const cid of report.unresolved)
      host.complain(`warning: the chain of ${cid} has a DID that is not a did:key; its authority is not listed`)
    if (report.isCut) host.complain('warning: there are more chains than were examined')
    return report.authority.length === 0 ? 1 : 0
  } finally {
    for (const source of sources) await source.close()
  }
}

/** Without its archive, an agent would seem to have had no authority. */
async function checkArchive(directory: string): Promise<void> {
  const status = await stat(directory).catch(() => undefined)
  if (status?.isDirectory() !== true)
    throw new UsageError(`--archive ${quote(directory, 256)} is not a directory; it is \`delegations\` in a ledger`)
}

async function* recordsOf(sources: readonly LogSource[], flags: Flags): AsyncGenerator<AuditRecord, void> {
  let found = false
  for (const source of sources) {
    for await (const record of source.next()) {
      found = true
      yield record
    }
  }
  if (!found) throw noRecordIn(sources, flags)
}

/** Collects the delegations of the calls that an agent had made by a moment. */
async function* withUses(
  records: AsyncIterable<AuditRecord>,
  agent: string,
  at: number,
  used: Set<string>,
): AsyncGenerator<AuditRecord, void> {
  for await (const record of records) {
    const { event } = record
    const isUse = event.kind === 'intent' && event.invoker === agent && event.time <= at && used.size < mostUses
    // One that is on record can be below one that is not, and permits more there.
    if (isUse && Array.isArray(event.chain) && !isApproved(event))
      for (const cid of event.chain as readonly unknown[]) if (typeof cid === 'string') used.add(cid)
    yield record
  }
}

/** Most delegations of calls that are looked for. */
const mostUses = 10_000

/** An approval is a delegation for one call, which no ledger has. */
function isApproved({ approvers }: { readonly approvers?: unknown }): boolean {
  return approvers !== undefined
}

async function namesWithout(
  cids: Iterable<string>,
  get: (cid: string) => Promise<Uint8Array | undefined>,
): Promise<readonly string[]> {
  const unknown: string[] = []
  for (const cid of cids) if (/^b[a-z2-7]{20,100}$/.test(cid) && (await get(cid)) === undefined) unknown.push(cid)
  return unknown
}

function jsonAuthority({ policy, expiration, ...rest }: AuthorityReport['authority'][number]): object {
  return { ...rest, policy: describePolicy(policy), expiration: expiration === never ? null : expiration }
}

function linesOf(
  { subject, command, policy, expiration, chain, recorded }: AuthorityReport['authority'][number],
  at: number,
  names: PrincipalNames,
): readonly string[] {
  return [
    `${command} for ${Object.hasOwn(names, subject) ? names[subject] : subject}`,
    ...describePolicy(policy).map((words) => `  where ${words}`),
    `  until ${expiration === never ? 'for ever' : showDate(expiration)}`,
    `  by ${chain.join(' ')}`,
    `  on record since ${showDate(recorded)}${recorded > at ? ', which is later: it may have been made later as well' : ''}`,
  ]
}
