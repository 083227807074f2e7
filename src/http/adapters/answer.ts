/**
 * The core of all adapters: finds the container of a request, passes it to the service, and makes the response.
 *
 * @module
 */

import type { CommandDefinition } from '../../core/capability/definition.ts'
import { encodeContainer } from '../../core/container/container.ts'
import { ArgumentError, VaultError } from '../../errors.ts'
import type { GuardDenial, GuardResult } from '../../guard/result.ts'
import type { RevocationResult } from '../../service/revocation-desk.ts'
import type { Service } from '../../service/service.ts'
import { type AnswerMark, answerHeader } from '../../support/answer-mark.ts'
import {
  callback,
  type DefaultCheck,
  maybe,
  type OptionCheck,
  type OptionChecks,
  oneOfStrings,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { quote } from '../../support/quote.ts'
import type { NodeRequest } from '../../support/read-body.ts'
import { valueAsJson } from '../../support/value-as-json.ts'
import type { BoundRequest, ReceivedRequest, RequestBinding } from '../binding/request-binding.ts'
import { denialResponse } from '../denial-response.ts'
import { headersOf, type ReadContainerOptions, readContainerOf, readingChecks, readRest } from '../read-container.ts'
import { warnOfError } from '../warn-of-error.ts'
import { type Answer, answerResponse } from './answer-response.ts'
import { watchedBody } from './watched-body.ts'

/** The parts of a service that an adapter uses; `createService` makes one. */
export interface CallTaker {
  /** See `Service.call`. */
  call(container: string | Uint8Array, options?: Parameters<Service['call']>[1]): Promise<GuardResult<unknown>>
  /** See `Service.revoke`. */
  revoke(
    container: string | Uint8Array,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<RevocationResult>
  /** See `Service.commands`. With it, a route of an unknown command is refused when it is made. */
  readonly commands?: readonly string[]
  /** See `Service.takesRevocations`. With it, a route for revocations is refused when it is made. */
  readonly takesRevocations?: boolean
  /** See `Service.health`. Required for `healthAt`. */
  health?(): { readonly healthy: boolean }
  /** See `Service.checkHealth`, which `healthAt` asks if it is present. */
  checkHealth?(): Promise<{ readonly healthy: boolean }>
}

/** Options of every adapter. */
export interface HandlerOptions extends ReadContainerOptions {
  /** The command of this route; a call of another command is refused. Default: every command of the service. */
  readonly command?: string | CommandDefinition
  /** Whether the route is for calls, which is the default, or for revocations. */
  readonly takes?: 'calls' | 'revocations'
  /**
   * A path such as `/revocations`, at which the handler takes revocations and no calls. It is compared with the path as
   * the client sent it, without the query. The framework must route the path to this handler, as `node:http` does with
   * every path. Default: all requests are calls.
   */
  readonly revocationsAt?: string
  /**
   * The feed of the same revocations (`revocationFeed` of `procura/revocation/feed`), for GET at `revocationsAt`. It
   * has an authorization of its own, and is notified of each revocation that this handler takes. Default: GET takes
   * revocations too.
   */
  readonly feed?: { fetch(request: Request): Promise<Response>; notify?(): void }
  /**
   * A path such as `/health`, at which GET is answered without a container: with 200 while the service is healthy, and
   * with 503 otherwise. It is compared as `revocationsAt` is. Default: all requests need a container.
   */
  readonly healthAt?: string
  /**
   * Binds each call to the request that it came with: `bindToRequest` of `procura/http/binding`, or `bindToForwarded`
   * of `procura/http/forward-auth`. Default: the request has no influence on the decision.
   */
  readonly bind?: RequestBinding
  /**
   * `auth_request`: a denial is 401 or 403, and 403 for all other statuses, because nginx takes those for a failure of
   * the endpoint. Default `all`.
   */
  readonly statuses?: 'all' | 'auth_request'
  /**
   * Receives the error of a handler, or of a result that cannot be sent: the response is 500 without its message.
   * Receives the error of a body that failed as well. Its own errors are ignored. Default: a warning of the process,
   * with the stack of the error, which Node writes to standard error; none for a client that left.
   */
  readonly onError?: (error: unknown) => void
}

/** Options of an adapter, read. */
export type CheckedHandlerOptions = HandlerOptions &
  Required<ReadContainerOptions & Pick<HandlerOptions, 'statuses' | 'takes'>>

/** A request, as an adapter found it. */
export interface Incoming {
  /** The headers and the unread body. */
  readonly source: Request | NodeRequest
  /** A body that a parser of the framework has read. */
  readonly parsed?: unknown
  readonly signal: AbortSignal | undefined
  readonly method: string
  /** The path and query, as the client sent them. */
  readonly target: string
  /** The value of `Host`; undefined if it is missing or repeated. */
  readonly host: string | undefined
  /**
   * The request for the handler of the service.
   *
   * @param body - the body, if it was read for the decision.
   */
  request(body?: Uint8Array): Request
}

/**
 * Reads the options of an adapter.
 *
 * @throws ArgumentError when an option is invalid, or `service` is not a service.
 */
export function readHandlerOptions(of: string, service: CallTaker, options: HandlerOptions): CheckedHandlerOptions {
  readOptions(of, { service }, { service: isService })
  const checked = readOptions(of, options, handlerChecks)
  const { command: given, feed, healthAt, revocationsAt, takes } = checked
  const command = typeof given === 'object' ? given.command : given
  // HTP-28: a mistake of the program is found when the route is made, and not by its callers.
  if (command !== undefined && service.commands?.includes(command) === false) {
    throw new ArgumentError(
      `${of}: \`command\` is ${quote(command)}, for which the service has no handler; add one to \`handlers\` of createService`,
    )
  }
  const taking = takes === 'revocations' ? "`takes` is 'revocations'" : '`revocationsAt` is set'
  if ((takes === 'revocations' || revocationsAt !== undefined) && service.takesRevocations === false) {
    throw new ArgumentError(
      `${of}: ${taking}, but the service has no store for them; pass \`registry: true\` to createService`,
    )
  }
  if (takes === 'revocations' && revocationsAt !== undefined)
    throw new ArgumentError(`${of}: \`takes: 'revocations'\` and \`revocationsAt\` exclude each other; remove one`)
  if (feed !== undefined && revocationsAt === undefined)
    throw new ArgumentError(`${of}: \`feed\` requires \`revocationsAt\`, the path at which it is read`)
  if (revocationsAt !== undefined) refuseForProxies(of, 'revocationsAt', checked)
  if (healthAt === undefined) return checked
  if (typeof service.health !== 'function')
    throw new ArgumentError(`${of}: \`healthAt\` requires a service with a method \`health\``)
  if (healthAt === revocationsAt)
    throw new ArgumentError(`${of}: \`healthAt\` and \`revocationsAt\` must be different paths`)
  refuseForProxies(of, 'healthAt', checked)
  return checked
}

/**
 * HTP-53: a proxy that passes on the path of its client would take the answer at a path of its own for a permission.
 */
function refuseForProxies(of: string, option: string, { bind, statuses }: HandlerOptions): void {
  if (statuses === 'auth_request' || bind?.asksForProxy === true)
    throw new ArgumentError(
      `${of}: an endpoint for forward authentication cannot have \`${option}\`; use another route or server`,
    )
  // A binding that wraps another one has its `read` and perhaps not its mark.
  if (bind !== undefined && bind.asksForProxy !== false)
    throw new ArgumentError(
      `${of}: \`${option}\` requires that \`bind\` has \`asksForProxy: false\`, as bindToRequest sets it; add it if no proxy asks about the requests of its clients`,
    )
}

const isService = (value: unknown): string | undefined =>
  typeof Object(value).call === 'function' && typeof Object(value).revoke === 'function'
    ? undefined
    : 'must be a service, as createService makes it'

/** A path with which a request is compared, as the client sent it. */
const pathValue: OptionCheck = (value) =>
  typeof value === 'string' && /^\/[^?#]*$/.test(value) ? undefined : 'must be a path that begins with a slash'

/** The checks of {@link HandlerOptions}. */
export const handlerChecks: OptionChecks<HandlerOptions> &
  typeof readingChecks & { readonly [Name in 'statuses' | 'takes']: DefaultCheck } = Object.freeze({
  ...readingChecks,
  command: (value) =>
    value === undefined || typeof value === 'string' || typeof Object(value).command === 'string'
      ? undefined
      : 'must be a command definition, or the name of a command',
  takes: withDefault(oneOfStrings('calls', 'revocations'), 'calls'),
  revocationsAt: maybe(pathValue),
  feed: maybe(withMethod('fetch')),
  healthAt: maybe(pathValue),
  bind: maybe(withMethod('read')),
  statuses: withDefault(oneOfStrings('all', 'auth_request'), 'all'),
  onError: maybe(callback),
})

/** HTP-25: the whole answer of every adapter. Never rejects. */
export async function answerRequest(
  service: CallTaker,
  incoming: Incoming,
  options: CheckedHandlerOptions,
): Promise<Answer> {
  let answer: Answer
  let isCalled = false
  const onCall = (): void => {
    isCalled = true
  }
  try {
    answer = reported(await takeRequest(service, incoming, options, onCall), incoming.signal, options.onError)
  } catch (error) {
    report(error, incoming.signal, options.onError)
    answer = isCalled ? marked(failureOf(error), 'failed') : failureOf(error)
  }
  // HTP-35
  return options.statuses === 'auth_request' && answer.status >= 300 && answer.status !== 401
    ? { ...answer, status: 403 }
    : answer
}

async function takeRequest(
  service: CallTaker,
  incoming: Incoming,
  { bind, command, feed, healthAt, revocationsAt, takes, ...reading }: CheckedHandlerOptions,
  onCall: () => void,
): Promise<Answer> {
  const { method, parsed, signal, source, target } = incoming
  const path = target.split('?')[0]
  // HTP-45: another method is a call, whose signature is required.
  if (healthAt !== undefined && path === healthAt && (method === 'GET' || method === 'HEAD'))
    return answerHealth(service)
  // HTP-29: a path in another spelling is a place for calls, where a revocation is refused.
  const isAt = revocationsAt !== undefined && path === revocationsAt
  if (isAt && feed !== undefined && method === 'GET')
    return answerResponse(await feed.fetch(incoming.request()), method)
  const found = await readContainerOf(source, reading, parsed)
  if (!found.found) return answerOf(denialResponse(found))
  if (isAt || takes === 'revocations') {
    const result = await service.revoke(found.container, { signal })
    if (result.accepted) quietly(() => feed?.notify?.())
    return result.accepted ? answerTaken(result.revoked) : refused(result.denial)
  }
  const bound = await bind?.read(receivedOf(incoming))
  if (bound?.bound === false) return answerUnbound(bound)
  onCall()
  const result = await service.call(found.container, {
    signal,
    ...(command !== undefined && { command }),
    ...(bound !== undefined && { args: bound.args }),
    request: () => incoming.request(bound?.body),
  })
  return result.allowed ? marked(answerValue(result, method), 'executed') : refused(result.denial)
}

/** Nobody else learns why a body failed. A client that left is no failure. */
function reported(answer: Answer, signal: AbortSignal | undefined, onError: HandlerOptions['onError']): Answer {
  const { body } = answer
  if (body === null || typeof body === 'string') return answer
  const watched = watchedBody(body, (error) => {
    if (signal?.aborted !== true) report(error, signal, onError)
  })
  return { ...answer, body: watched }
}

/** HTP-50: an error without a listener is not silent. */
export function report(error: unknown, signal: AbortSignal | undefined, onError: HandlerOptions['onError']): void {
  if (onError !== undefined) quietly(() => onError(error))
  else if (signal?.aborted !== true) quietly(() => warnOfError('ProcuraHandlerError', error))
}

function receivedOf({ host, method, parsed, source, target }: Incoming): ReceivedRequest {
  const headers = headersOf(source)
  return {
    ...{ host, method, target },
    header: (name) => headers.get(name) ?? [],
    names: () => [...headers.keys()],
    body: (most) => readRest(source, most, parsed),
  }
}

async function answerHealth(service: CallTaker): Promise<Answer> {
  // Its result is in `health` too.
  await Promise.resolve(quietly(() => service.checkHealth?.())).catch(() => undefined)
  const status = quietly(() => service.health?.().healthy) === true ? 200 : 503
  const headers: HeaderList = [
    ['cache-control', 'no-store'],
    ['content-length', '0'],
  ]
  return { status, headers, body: null }
}

/** HTP-32: the request cannot be bound, whatever the call. */
function answerUnbound({ status, message }: Extract<BoundRequest, { bound: false }>): Answer {
  const title = status === 421 ? 'Misdirected request' : 'Not a request of a call'
  const body = JSON.stringify({ title, status, detail: message, code: 'request_unbound' })
  return marked(answerOf({ status, headers: problemHeaders, body }), 'refused')
}

function refused(denial: GuardDenial): Answer {
  return answerOf(denialResponse(denial))
}

/** HTP-43: a server that does not read revocations cannot name the delegation. */
function answerTaken(revoked: string): Answer {
  const headers: HeaderList = [
    ['cache-control', 'no-store'],
    ['ucan-revoked', revoked],
  ]
  return { status: 204, headers, body: null }
}

type HeaderList = Answer['headers']

const problemHeaders: Readonly<Record<string, string>> = Object.freeze({
  'content-type': 'application/problem+json',
  'cache-control': 'no-store',
})

/**
 * The message of the error may contain a secret. HTP-27: errors of an upstream and of the service have different
 * statuses.
 */
function failureOf(error: unknown): Answer {
  const code = quietly(() => (error instanceof VaultError ? error.code : undefined))
  const status = code === 'ERR_VAULT_UPSTREAM' ? 502 : code === 'ERR_VAULT_UNAVAILABLE' ? 503 : 500
  return answerOf({
    status,
    headers: problemHeaders,
    body: JSON.stringify({ title: 'The call failed', status, code: 'handler_failed' }),
  })
}

function answerOf(plain: {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}): Answer {
  const { status, headers, body } = plain
  return { status, headers: [...Object.entries(headers), ['content-length', String(lengthOf(body))]], body }
}

function lengthOf(text: string): number {
  return new TextEncoder().encode(text).length
}

/** HTP-21: the value as it is if it is a response, nothing for undefined, and JSON otherwise. */
function answerValue({ value, receipt }: Extract<GuardResult<unknown>, { allowed: true }>, method: string): Answer {
  // HTP-22
  const proof: HeaderList = receipt === undefined ? [] : [['x-ucan-container', encodeContainer([receipt])]]
  if (value instanceof Response) return withHeaders(unshared(answerResponse(value, method)), proof)
  if (value === undefined) return { status: 204, headers: [notStored, ...proof], body: null }
  const headers = Object.fromEntries([['content-type', 'application/json'], notStored])
  return withHeaders(answerOf({ status: 200, headers, body: valueAsJson(value) }), proof)
}

const notStored = ['cache-control', 'no-store'] as const

/**
 * HTP-47: a cache in front of the service could serve the answer to clients without a call. A handler that sets
 * `Cache-Control` decides by itself.
 */
function unshared(answer: Answer): Answer {
  const isSet = answer.headers.some(([name]) => name === 'cache-control')
  return isSet ? answer : withHeaders(answer, [['cache-control', 'private']])
}

function marked(answer: Answer, mark: AnswerMark): Answer {
  return withHeaders(answer, [[answerHeader, mark]])
}

function withHeaders(answer: Answer, more: HeaderList): Answer {
  return { ...answer, headers: [...answer.headers, ...more] }
}
