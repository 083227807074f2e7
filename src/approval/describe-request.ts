import { CID } from 'multiformats/cid'
import type { IpldMap, IpldValue } from '../core/ipld/value.ts'
import {
  arrayOf,
  byteArray,
  integerFrom,
  maybe,
  nonEmptyString,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { secondsOf } from '../support/seconds-of.ts'
import { cut, foreignNote, quoted, wrap } from '../support/visible.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'
import type { ApprovalRequest } from './request.ts'

/** Options of {@link describeApprovalRequest}. */
export interface DescribeOptions {
  /** Names of principals that the approver knows, by DID. Any other principal is shown as unknown. */
  readonly names?: Readonly<Record<string, string>>
  /** Names of arguments of which only kind and size are shown. Default: none. */
  readonly hide?: readonly string[]
  /**
   * The body of a request that is bound to its call (`requestArguments` of `procura/http/binding`). Compare its digest
   * with the argument `digest` before. Default: the words warn that the body is not shown.
   */
  readonly body?: Uint8Array
  /** Columns of a line. Default 80, at least 40. */
  readonly width?: number
  /** Default: the system clock. */
  readonly clock?: Clock
}

/** A request in words. */
export interface RequestDescription {
  /** The lines, without line ends. They contain no character that moves the cursor or is not seen. */
  readonly lines: readonly string[]
  /** Whether everything is shown: no argument was cut. Hidden arguments do not count. */
  readonly complete: boolean
}

/** Most characters of one argument, and most arguments. */
const maxShown = 1_000
const maxArguments = 64

/**
 * Describes a request for the person who answers it. Arguments, a body and a reason begin with `  - `, the rest of a
 * broken line with `    | `, and every other line with a letter, so an argument cannot imitate a line.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function describeApprovalRequest(request: ApprovalRequest, options: DescribeOptions = {}): RequestDescription {
  const { names, hide, body, width, clock } = readOptions('describeApprovalRequest', options, {
    names: withDefault(objectValue, Object.freeze({})),
    hide: withDefault(arrayOf(nonEmptyString), Object.freeze([])),
    body: maybe(byteArray),
    width: withDefault(integerFrom(40), 80),
    clock: withDefault(withMethod('now'), systemClock),
  })
  const known = new Map(Object.entries(names))
  const budget: Budget = { left: 0, complete: true }
  const named = (did: string): string => `${did} (${known.has(did) ? quoted(String(known.get(did))) : 'unknown'})`
  const entries = argumentsOf(request.args)
  // APR-11
  const own = (label: string, value: string): string[] => wrap(value, width, `${label}: `)
  const foreign = (value: string): string[] => wrap(value, width, '  - ')
  const plain = (line: string): string[] => wrap(line, width, '')
  const lines = [
    ...own('Agent', named(request.agent)),
    ...own('requests', `${request.command} and the commands below it`),
    ...own('at service', named(request.service)),
    ...own('on behalf of', named(request.subject)),
    ...own('until', `${dateOf(request.expiration)}, in ${request.expiration - secondsOf(clock)} s`),
    ...plain(
      `with ${entries.length} ${entries.length === 1 ? 'argument' : 'arguments'}${entries.length === 0 ? '' : ':'}`,
    ),
    ...entries.slice(0, maxArguments).flatMap(([name, value]) => {
      budget.left = maxShown
      return foreign(
        `${nameOf(name, budget)} = ${hide.includes(name) ? `hidden: ${sizeOf(value)}` : showValue(value, budget)}`,
      )
    }),
  ]
  // APR-14
  if (body !== undefined) {
    budget.left = maxShown
    lines.push(...plain('body of the request, whose digest is an argument:'))
    lines.push(...foreign(showValue(textIn(body), budget)))
  } else if (hasBody(request.args)) {
    budget.complete = false
    lines.push(...plain('THE BODY OF THE REQUEST IS NOT SHOWN: its digest alone is known'))
  }
  // APR-12
  if (entries.length > maxArguments) {
    budget.complete = false
    lines.push(...plain(`and ${entries.length - maxArguments} more arguments that are not shown`))
  }
  if (request.reason !== undefined) {
    budget.left = maxShown
    lines.push(...plain('reason in the words of the agent, not verified:'))
    lines.push(...foreign(showValue(request.reason, budget)))
  }
  if (!budget.complete) lines.push(...plain('NOT EVERYTHING IS SHOWN: a value was too long'))
  return Object.freeze({ lines: Object.freeze(lines), complete: budget.complete })
}

/** Describes a value of an agent as an argument of a request, in lines of at most `width` columns. */
export function describeValue(name: string, value: IpldValue, width: number): readonly string[] {
  const budget: Budget = { left: maxShown, complete: true }
  return wrap(`${nameOf(name, budget)} = ${showValue(value, budget)}`, width, '  - ')
}

/** Whether arguments bind a call to an HTTP request with a body. */
function hasBody({ method, path, digest }: IpldMap): boolean {
  return [method, path, digest].every((one) => typeof one === 'string') && String(digest).startsWith('sha-256=:')
}

/** A body as text, if it is text. */
function textIn(body: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return body
  }
}

/** A date in UTC. The expiration of a request that was read is at most an hour from now. */
function dateOf(time: Timestamp): string {
  return new Date(time * 1_000).toISOString().replace('.000Z', 'Z')
}

/** The characters that may still be shown of an argument. */
interface Budget {
  left: number
  complete: boolean
}

function argumentsOf(args: IpldMap): [string, IpldValue][] {
  return Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1))
}

function nameOf(name: string, budget: Budget): string {
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(name) ? name : showValue(name, budget)
}

/** Writes a value, and the characters beyond ASCII in it. */
function showValue(value: IpldValue, budget: Budget): string {
  const shown = write(value, budget)
  return shown + foreignNote(shown)
}

function write(value: IpldValue, budget: Budget): string {
  if (typeof value === 'string') return writeText(value, budget)
  if (value === null || typeof value !== 'object') return spend(String(value), budget)
  if (value instanceof Uint8Array) return writeBytes(value, budget)
  if (Array.isArray(value))
    return `[${writeItems(
      value.map((item) => ['', item] as const),
      budget,
    )}]`
  const link = CID.asCID(value)
  if (link !== null) return spend(`link ${link}`, budget)
  const items = Object.entries(value as IpldMap).map(([key, item]) => [key, item] as const)
  return `{${writeItems(items, budget, true)}}`
}

function spend(text: string, budget: Budget): string {
  budget.left -= text.length
  return text
}

function writeText(text: string, budget: Budget): string {
  const part = cut(text, Math.max(budget.left, 0))
  const shown = spend(quoted(part), budget)
  if (part.length === text.length) return shown
  budget.complete = false
  return `${shown} and ${text.length - part.length} more characters`
}

function writeBytes(bytes: Uint8Array, budget: Budget): string {
  const part = bytes.subarray(0, Math.max(Math.floor(budget.left / 2), 0))
  const digits = Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const shown = spend(`0x${digits}`, budget)
  if (part.length === bytes.length) return shown
  budget.complete = false
  return `${shown} and ${bytes.length - part.length} more bytes`
}

function writeItems(items: readonly (readonly [string, IpldValue])[], budget: Budget, named = false): string {
  const shown: string[] = []
  for (const [at, [name, item]] of items.entries()) {
    if (budget.left <= 0) {
      budget.complete = false
      shown.push(`and ${items.length - at} more values`)
      break
    }
    budget.left -= 2
    shown.push(named ? `${write(name, budget)}: ${write(item, budget)}` : write(item, budget))
  }
  return shown.join(', ')
}

/** Kind and size, without the contents. APR-13 */
function sizeOf(value: IpldValue): string {
  if (typeof value === 'string') return `a string of ${value.length} characters`
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `a list of ${value.length} values`
  if (value === null || typeof value !== 'object') return value === null ? 'null' : `a ${typeof value}`
  return CID.asCID(value) === null ? `a map of ${Object.keys(value).length} keys` : 'a link'
}
