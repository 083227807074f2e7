// node only: reads logs
import { anyCommand, never, parseCommand, systemClock } from 'procura'
import { type AuditEvent, type AuditRecord, toOcsf } from 'procura/audit'
import { ArgumentError } from 'procura/errors'
import { readRevocationEntry } from 'procura/revocation'
import { isPseudonym } from '../../gateway/configuration/principal-names.ts'
import type { Host } from '../host.ts'
import { readDuration, readMoment } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { follow } from './follow.ts'
import { logDirectories } from './home-log.ts'
import { type LogNames, logNames, principalsNamed } from './log-names.ts'
import type { LogRow } from './log-row.ts'
import { type LogSource, logSources, noRecordIn } from './log-source.ts'
import { asJson, logText } from './log-text.ts'
import { passesThrough } from './passes-through.ts'

/**
 * `procura log [DIR…]`: who did what, one line for each event. The records are shown as they are; `procura audit
 * verify` verifies them. CLI-10
 *
 * @returns 1 when no record matches.
 */
export async function log(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const names = await logNames(flags, host)
  // An option that selects nothing must not look like a log without such events.
  const view = {
    matches: await filterOf(names, flags, host),
    isHidden: hiddenOf(words, flags),
    print: printerOf(names, flags, host),
  }
  const sources = await logSources(await logDirectories(words, flags, host), flags, host)
  try {
    return await show(sources, view, flags, host)
  } finally {
    for (const source of sources) await source.close()
  }
}

async function show(sources: readonly LogSource[], view: LogView, flags: Flags, host: Host): Promise<number> {
  const following = flags['follow'] === true ? follow(host) : undefined
  const counts = { read: 0, shown: 0, hidden: 0, hasPseudonyms: false }
  try {
    do {
      for (const source of sources) {
        if (following !== undefined && !(await source.hasChanged())) continue
        for await (const record of source.next()) {
          showRecord(record, source, view, counts)
          if (following?.ending.aborted === true) break
        }
      }
      await following?.pause()
    } while (following !== undefined && !following.ending.aborted)
  } finally {
    following?.end()
  }
  if (following !== undefined) return 0
  if (counts.read === 0) throw noRecordIn(sources, flags)
  // A mistake and a log in which the agent did nothing must not look the same.
  const [named] = ['agent', 'via'].filter((name) => isPrincipal(textOf(flags, name)))
  if (counts.shown === 0 && named !== undefined && counts.hasPseudonyms)
    throw new UsageError(
      `no record matches, but the log has pseudonyms in the place of DIDs, so --${named} with a DID finds none of their records; pass the pseudonym, as this command shows it without --${named}`,
    )
  if (counts.shown > 0) return 0
  const { hidden } = counts
  host.complain(hidden === 0 ? 'no record matches' : `no record matches but ${hidden} of the gateway itself; see --all`)
  return 1
}

interface Counts {
  read: number
  shown: number
  hidden: number
  hasPseudonyms: boolean
}

function showRecord(record: AuditRecord, source: LogSource, view: LogView, counts: Counts): void {
  counts.read += 1
  const row = source.rowOf(record)
  counts.hasPseudonyms ||= [row.agent, row.claimedAgent].some((one) => one !== undefined && !one.startsWith('did:'))
  if (!view.matches(row, record.event)) return
  if (view.isHidden(row)) {
    counts.hidden += 1
    return
  }
  counts.shown += 1
  view.print(record, row, source)
}

/** How the records of a log are shown. */
interface LogView {
  readonly matches: (row: LogRow, event: AuditEvent) => boolean
  readonly isHidden: (row: LogRow) => boolean
  readonly print: (record: AuditRecord, row: LogRow, source: LogSource) => void
}

/**
 * Which events are left out: the calls that a gateway makes in its own name and that went well, unless `--all` or their
 * command is given, and the ledger in the log of the home folder, which repeats chains of calls. JSON and OCSF are
 * complete. LOG-19 LOG-38
 */
function hiddenOf(words: readonly string[], flags: Flags): LogView['isHidden'] {
  if (['all', 'json', 'ocsf'].some((name) => flags[name] === true)) return () => false
  const ofHome = words.length === 0 && flags['postgres'] !== true && textOf(flags, 'sqlite') === undefined
  const hidesSeen = ofHome && textOf(flags, 'decision') !== 'seen'
  const hidesOwn = textOf(flags, 'command')?.startsWith('/gateway') !== true
  return (row) => (hidesSeen && row.decision === 'seen') || (hidesOwn && isOwnCall(row))
}

/** Whether a gateway made a call in its own name, and it went well. */
function isOwnCall({ command, agent, audience, subject, decision }: LogRow): boolean {
  return (
    agent !== undefined &&
    agent === audience &&
    agent === subject &&
    ['allowed', 'released', 'ok'].includes(decision) &&
    /^\/gateway\/(?:start|session|http)\//.test(command ?? '')
  )
}

/** Whether an option names a principal by its DID, or by the name of an agent. */
function isPrincipal(text: string | undefined): boolean {
  return text !== undefined && !isPseudonym(text) && !text.startsWith('bafy')
}

async function filterOf(names: LogNames, flags: Flags, host: Host): Promise<LogView['matches']> {
  const [agent, command, decision] = [textOf(flags, 'agent'), textOf(flags, 'command'), textOf(flags, 'decision')]
  const [since, until] = [momentOf(flags, 'since'), momentOf(flags, 'until')]
  const dids =
    agent === undefined ? undefined : new Set<unknown>(await principalsNamed('agent', agent, names, flags, host))
  if (command !== undefined) checkCommand(command)
  if (since !== undefined && until !== undefined && since > until) throw new UsageError('--since is after --until')
  const via = textOf(flags, 'via')
  const isVia = via === undefined ? undefined : passesThrough(await idsOf(via, names, flags, host))
  return (row, event) => {
    const { kind, time } = event
    // It learns from each event, also from those of other times.
    const isOnPath = isVia === undefined || isVia(event)
    // Records of the log about itself have no agent.
    if (kind === 'checkpoint' || kind === 'settled' || kind === 'recovered') return false
    if (since !== undefined && time < since) return false
    if (until !== undefined && time > until) return false
    if (dids !== undefined && !dids.has(row.agent) && !dids.has(row.claimedAgent)) return false
    if (decision !== undefined && row.decision !== decision) return false
    if (!isOnPath) return false
    return (
      command === undefined ||
      command === anyCommand ||
      row.command === command ||
      row.command?.startsWith(`${command}/`) === true
    )
  }
}

/** The CID of a delegation, or the DIDs of a principal. */
async function idsOf(text: string, names: LogNames, flags: Flags, host: Host): Promise<ReadonlySet<string>> {
  if (!text.startsWith('bafy')) return new Set(await principalsNamed('via', text, names, flags, host))
  try {
    return new Set(readRevocationEntry({ ids: [text], expiration: never }).ids)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    throw new UsageError('--via is not a valid CID; copy the whole CID of the delegation, which `--json` shows')
  }
}

function checkCommand(text: string): void {
  try {
    parseCommand(text)
  } catch (error) {
    throw new UsageError(`--command must be a command such as /mail/send: ${(error as Error).message}`)
  }
}

/** A time, or the duration before now. */
function momentOf(flags: Flags, name: string): number | undefined {
  const text = textOf(flags, name)
  if (text === undefined) return undefined
  const now = systemClock.now()
  return /^[0-9]+[smhdw]$/.test(text) ? now - readDuration(name, text) : readMoment(name, text, now)
}

function printerOf({ all }: LogNames, flags: Flags, host: Host): LogView['print'] {
  const [name, vendorName] = [textOf(flags, 'product'), textOf(flags, 'vendor')]
  if (flags['ocsf'] === true) {
    if (name === undefined || vendorName === undefined)
      throw new UsageError('--ocsf needs --product and --vendor: the product and the vendor that write the log')
    const product = { name, vendorName }
    return (record, _, { name: log, intentOf }) =>
      host.print(JSON.stringify(toOcsf(record, { product, log, intentOf })))
  }
  if (name !== undefined || vendorName !== undefined) throw new UsageError('--product and --vendor are for --ocsf')
  if (flags['json'] === true) return (_, row) => host.print(JSON.stringify(row, asJson))
  return (_, row) => host.print(logText(row, all))
}
