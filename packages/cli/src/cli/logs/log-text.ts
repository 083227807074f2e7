import type { PrincipalNames } from '../../gateway/configuration/principal-names.ts'
import { toolOfCommand } from '../../gateway/wire/tool-command.ts'
import { showDate } from '../terminal/time-text.ts'
import type { LogRow } from './log-row.ts'

/**
 * The line of an event for people: time, decision, agent, call, and further facts, separated by tabs. Text from the log
 * cannot add a column, nor look like another fact. LOG-16
 */
export function logText(row: LogRow, names: PrincipalNames): string {
  const call = callText(row)
  const columns = [
    showDate(row.time),
    row.decision,
    agentText(row, names),
    call ?? row.command ?? '-',
    aboutText(row, names),
    factsText(row, call === undefined, names),
  ]
  return columns.map(cell).join('\t').trimEnd()
}

/** Bytes, in the form of DAG-JSON; links have it already. */
export function asJson(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { '/': { bytes: Buffer.from(value).toString('base64url') } } : value
}

function cell(text: string): string {
  return text.replaceAll('\t', '\\u0009')
}

function agentText({ agent, claimedAgent }: LogRow, names: PrincipalNames): string {
  if (agent !== undefined) return nameOf(agent, names)
  return claimedAgent === undefined ? '-' : `claimed:${nameOf(claimedAgent, names)}`
}

function nameOf(did: string, names: PrincipalNames): string {
  return Object.hasOwn(names, did) ? (names[did] as string) : did
}

/** A call at a gateway: `mail: send to="bob@example.com"`, `crm: GET /v1/contacts`. Undefined for any other command. */
function callText({ command = '', args = {}, decision }: LogRow): string | undefined {
  const given = decision === 'released' ? {} : args
  const called = toolOfCommand(command)
  if (called !== undefined)
    return [
      `${called.server}: ${called.tool === undefined ? '*' : quotedUnlessWord(called.tool)}`,
      ...Object.entries(given).map(([name, value]) => `${quotedUnlessWord(name)}=${JSON.stringify(value, asJson)}`),
    ].join(' ')
  const [, api] = /^\/http\/([a-z0-9][a-z0-9_-]{0,31})$/.exec(command) ?? []
  if (api === undefined) return undefined
  const parts = [given['method'], given['path']].filter((part) => typeof part === 'string')
  return [`${api}:`, ...parts.map(quotedUnlessWord)].join(' ')
}

function aboutText({ about = '', delegation, audience, revoked }: LogRow, names: PrincipalNames): string {
  if (delegation !== undefined) return `${delegation} to ${nameOf(audience ?? '-', names)}`
  return revoked === undefined ? about : nameOf(revoked, names)
}

/**
 * Who has approved the call and its recorded arguments, both with the intent alone; the answer of the upstream, and the
 * facts that a caller stated.
 */
function factsText(row: LogRow, isOther: boolean, names: PrincipalNames): string {
  const isIntent = ['allowed', 'would allow'].includes(row.decision)
  const approvers = isIntent && Array.isArray(row.approvers) ? row.approvers.map((did) => nameOf(did, names)) : []
  return [
    approvers.length === 0 ? '' : `approved by ${approvers.join(' and ')}`,
    isIntent && isOther && row.args !== undefined ? `args=${JSON.stringify(row.args, asJson)}` : '',
    row.upstreamStatus === undefined ? '' : `HTTP ${row.upstreamStatus}`,
    claimsText(row),
  ]
    .filter((text) => text !== '')
    .join(' ')
}

/** The facts that a caller stated, as `claimed:toolUse=… claimed:session=…`. */
function claimsText({ claimed = {} }: LogRow): string {
  return Object.entries(claimed)
    .map(([name, value]) => `claimed:${quotedUnlessWord(name)}=${quotedUnlessWord(value)}`)
    .join(' ')
}

function quotedUnlessWord(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : JSON.stringify(text)
}
