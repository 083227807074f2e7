import { objectValue } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'

/** Reads facts about a call from `_meta` of its request, for the records. Nobody verifies them. */
export type ClaimsReader = (meta: Readonly<Record<string, unknown>>) => Readonly<Record<string, string>> | undefined

/**
 * The facts that coding agents put into `_meta` of a tool call, for `claims` of `guardTools` and `relayTools`:
 * `toolUse`, `session`, `turn` and `subAgent`, as far as they are there. Claude Code has the id of the tool use; Codex
 * has all of them. MCP-30
 *
 * @example
 * ```ts
 * import { clientClaims } from 'procura/mcp'
 *
 * console.log(clientClaims({ 'claudecode/toolUseId': 'toolu_01' }))
 * // { toolUse: 'toolu_01' }
 * ```
 */
export function clientClaims(meta: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const given = objectValue(meta) === undefined ? meta : {}
  const own = (name: string): unknown => (Object.hasOwn(given, name) ? given[name] : undefined)
  const turn = own('x-codex-turn-metadata')
  const { session_id, turn_id, thread_id, parent_thread_id } = Object(
    typeof turn === 'string' ? quietly(() => JSON.parse(turn)) : turn,
  )
  return claimsOf({
    toolUse: own('claudecode/toolUseId') ?? own('callId'),
    session: session_id,
    turn: turn_id,
    subAgent: parent_thread_id === undefined ? undefined : thread_id,
  })
}

/** Reads the claims of a request. A reader that throws has none, and other values than short strings are left out. */
export function readClaims(
  reader: ClaimsReader | undefined,
  meta: unknown,
): Readonly<Record<string, string>> | undefined {
  if (reader === undefined || objectValue(meta) !== undefined) return undefined
  const read = quietly(() => reader(meta as Readonly<Record<string, unknown>>))
  const claims = claimsOf(objectValue(read) === undefined ? (read as object) : {})
  return Object.keys(claims).length === 0 ? undefined : claims
}

function claimsOf(values: object): Readonly<Record<string, string>> {
  const isClaim = ([name, value]: [string, unknown]): boolean =>
    /^[A-Za-z][\w.-]{0,63}$/.test(name) && typeof value === 'string' && /^[\x20-\x7e]{1,256}$/.test(value)
  return Object.fromEntries(Object.entries(values).filter(isClaim).slice(0, 16)) as Readonly<Record<string, string>>
}
