// node only: reads logs
import { setTimeout as wait } from 'node:timers/promises'
import { anyCommand, never, parseCommand, systemClock } from 'procura'
import { type AuditEvent, type AuditRecord, toOcsf } from 'procura/audit'
import { ArgumentError } from 'procura/errors'
import { readRevocationEntry } from 'procura/revocation'
import type { Host } from '../host.ts'
import { principalOf } from '../terminal/did-text.ts'
import { readDuration, readMoment, showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import type { LogRow } from './log-row.ts'
import { type LogSource, logSources, noRecordIn } from './log-source.ts'
import { passesThrough } from './passes-through.ts'

/** Milliseconds between two looks at a log that is followed. */
const pauseMs = 1_000

/**
 * `procura log DIR…`: who did what, one line for each event. The records are shown as they are; `procura audit verify`
 * verifies them. CLI-10
 *
 * @returns 1 when no record matches.
 */
export async function log(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  // An option that selects nothing must not look like a log without such events.
  const view = { matches: await filterOf(flags, host), print: printerOf(flags, host) }
  const sources = await logSources(words, flags, host)
  try {
    return await show(sources, view, flags, host)
  } finally {
    for (const source of sources) await source.close()
  }
}

async function show(
  sources: readonly LogSource[],
  { matches, print }: LogView,
  flags: Flags,
  host: Host,
): Promise<number> {
  const isFollowed = flags['follow'] === true
  let read = 0
  let shown = 0
  let hasPseudonyms = false
  do {
    for (const source of sources) {
      for await (const record of source.next()) {
        read += 1
        const row = source.rowOf(record)
        hasPseudonyms ||= [row.agent, row.claimedAgent].some((one) => one !== undefined && !one.startsWith('did:'))
        if (!matches(row, record.event)) continue
        shown += 1
        print(record, row, source)
      }
    }
    if (isFollowed) await wait(pauseMs, undefined, { signal: host.signal }).catch(() => undefined)
  } while (isFollowed && host.signal?.aborted !== true)
  if (read === 0 && !isFollowed) throw noRecordIn(sources, flags)
  // A mistake and a log in which the agent did nothing must not look the same.
  const [named] = ['agent', 'via'].filter((name) => isPrincipal(textOf(flags, name)))
  if (shown === 0 && named !== undefined && hasPseudonyms)
    throw new UsageError(
      `no record matches, but the log has pseudonyms in the place of DIDs, so --${named} with a DID finds none of their records; pass the pseudonym, as this command shows it without --${named}`,
    )
  if (shown === 0 && !isFollowed) host.complain('no record matches')
  return shown === 0 && !isFollowed ? 1 : 0
}

/** How the records of a log are shown. */
interface LogView {
  readonly matches: (row: LogRow, event: AuditEvent) => boolean
  readonly print: (record: AuditRecord, row: LogRow, source: LogSource) => void
}

/** Whether an option names a principal by its DID, or by the name of an agent. */
function isPrincipal(text: string | undefined): boolean {
  return text !== undefined && !isPseudonym(text) && !text.startsWith('bafy')
}

/** Whether it is a pseudonym as `procura/audit` makes them. */
function isPseudonym(text: string): boolean {
  return /^pseudonym:[!-~]{1,200}$/.test(text)
}

async function principalsIn(name: string, text: string, flags: Flags, host: Host): Promise<readonly string[]> {
  return isPseudonym(text) ? [text] : (await principalOf(name, text, flags, host)).dids
}

async function filterOf(flags: Flags, host: Host): Promise<LogView['matches']> {
  const [agent, command, decision] = [textOf(flags, 'agent'), textOf(flags, 'command'), textOf(flags, 'decision')]
  const [since, until] = [momentOf(flags, 'since'), momentOf(flags, 'until')]
  const dids = agent === undefined ? undefined : new Set<unknown>(await principalsIn('agent', agent, flags, host))
  if (command !== undefined) checkCommand(command)
  if (since !== undefined && until !== undefined && since > until) throw new UsageError('--since is after --until')
  const via = textOf(flags, 'via')
  const isVia = via === undefined ? undefined : passesThrough(await idsOf(via, flags, host))
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
async function idsOf(text: string, flags: Flags, host: Host): Promise<ReadonlySet<string>> {
  if (!text.startsWith('bafy')) return new Set(await principalsIn('via', text, flags, host))
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

function printerOf(flags: Flags, host: Host): LogView['print'] {
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
  return (_, row) => {
    const agent = row.agent ?? (row.claimedAgent === undefined ? '-' : `claimed:${row.claimedAgent}`)
    const columns = [showDate(row.time), row.decision, agent, row.command ?? '-', row.about ?? '', showFacts(row)]
    host.print(columns.join('\t').trimEnd())
  }
}

/** The recorded arguments, with the intent alone, and the facts that a caller stated. */
function showFacts(row: LogRow): string {
  const isShown = ['allowed', 'would allow'].includes(row.decision) && row.args !== undefined
  return [isShown ? `args=${JSON.stringify(row.args, asJson)}` : '', showClaims(row)]
    .filter((text) => text !== '')
    .join(' ')
}

/** Bytes, in the form of DAG-JSON; links have it already. */
function asJson(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { '/': { bytes: Buffer.from(value).toString('base64url') } } : value
}

/** The facts that a caller stated, as `claimed:toolUse=… claimed:session=…`. A value cannot look like another fact. */
function showClaims({ claimed = {} }: LogRow): string {
  return Object.entries(claimed)
    .map(([name, value]) => `claimed:${quotedUnlessWord(name)}=${quotedUnlessWord(value)}`)
    .join(' ')
}

function quotedUnlessWord(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : JSON.stringify(text)
}
