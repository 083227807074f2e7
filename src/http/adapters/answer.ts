/**
 * The core of all adapters: finds the container of a request, has the service take it, and makes the response.
 *
 * @module
 */

import type { CommandDefinition } from '../../capability/definition.ts'
import { encodeContainer } from '../../container/container.ts'
import type { GuardDenial, GuardResult } from '../../guard/result.ts'
import type { RevocationResult } from '../../service/revocation-desk.ts'
import type { ServiceCallOptions } from '../../service/service.ts'
import {
  anything,
  callback,
  type DefaultCheck,
  maybe,
  type OptionChecks,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { denialResponse } from '../denial-response.ts'
import type { NodeRequest } from '../read-body.ts'
import { type ReadContainerOptions, readContainerOf, readingChecks } from '../read-container.ts'

/** The parts of a service that an adapter uses; `createService` makes one. */
export interface CallTaker {
  /** See `Service.call`. */
  call(container: string | Uint8Array, options?: ServiceCallOptions): Promise<GuardResult<unknown>>
  /** See `Service.revoke`. */
  revoke(
    container: string | Uint8Array,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<RevocationResult>
}

/** Options of every adapter. */
export interface HandlerOptions extends ReadContainerOptions {
  /** The command of this route; a call of another command is refused. Default: every command of the service. */
  readonly command?: string | CommandDefinition
  /** Whether the route is for calls, which is the default, or for revocations. */
  readonly takes?: 'calls' | 'revocations'
  /**
   * Receives the error of a handler, or of a result that cannot be sent. The response is 500 without its message. Its own
   * errors are ignored.
   */
  readonly onError?: (error: unknown) => void
}

/** Options of an adapter, read. */
export type CheckedHandlerOptions = HandlerOptions & Required<ReadContainerOptions & Pick<HandlerOptions, 'takes'>>

/** A request, as an adapter found it. */
export interface Incoming {
  /** The headers and the unread body. */
  readonly source: Request | NodeRequest
  /** A body that a parser of the framework has read. */
  readonly parsed?: unknown
  readonly signal: AbortSignal | undefined
  /** The request for the handler of the service. */
  request(): Request
}

/** A response, for any framework. */
export interface Answer {
  readonly status: number
  /** Names in lower case. Only `set-cookie` may come twice. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string | ReadableStream<Uint8Array> | null
}

/**
 * Reads the options of an adapter.
 *
 * @throws ArgumentError when an option is invalid, or `service` is not a service.
 */
export function readHandlerOptions(of: string, service: CallTaker, options: HandlerOptions): CheckedHandlerOptions {
  readOptions(of, { service }, { service: isService })
  return readOptions(of, options, handlerChecks)
}

const isService = (value: unknown): string | undefined =>
  typeof Object(value).call === 'function' && typeof Object(value).revoke === 'function'
    ? undefined
    : 'must be a service, as createService makes it'

const handlerChecks: OptionChecks<HandlerOptions> & typeof readingChecks & { readonly takes: DefaultCheck } =
  Object.freeze({
    ...readingChecks,
    command: anything,
    takes: withDefault(oneOfStrings('calls', 'revocations'), 'calls'),
    onError: maybe(callback),
  })

/** HTP-25: the whole answer of every adapter. Never rejects. */
export async function answerRequest(
  service: CallTaker,
  incoming: Incoming,
  { command, takes, onError, ...reading }: CheckedHandlerOptions,
): Promise<Answer> {
  try {
    const found = await readContainerOf(incoming.source, reading, incoming.parsed)
    if (!found.found) return answerOf(denialResponse(found))
    const { signal } = incoming
    if (takes === 'revocations') {
      const result = await service.revoke(found.container, { signal })
      return result.accepted ? { status: 204, headers: noStore, body: null } : refused(result.denial)
    }
    const result = await service.call(found.container, {
      signal,
      ...(command !== undefined && { command }),
      request: incoming.request,
    })
    return result.allowed ? answerValue(result) : refused(result.denial)
  } catch (error) {
    quietly(() => onError?.(error))
    return failure
  }
}

function refused(denial: GuardDenial): Answer {
  return answerOf(denialResponse(denial))
}

type HeaderList = Answer['headers']

const noStore: HeaderList = Object.freeze([['cache-control', 'no-store'] as const])

/** The message of the error may contain a secret. */
const failure: Answer = answerOf({
  status: 500,
  headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  body: JSON.stringify({ title: 'The call failed', status: 500, code: 'handler_failed' }),
})

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
function answerValue({ value, receipt }: Extract<GuardResult<unknown>, { allowed: true }>): Answer {
  // HTP-22
  const proof: HeaderList = receipt === undefined ? [] : [['x-ucan-container', encodeContainer([receipt])]]
  if (value instanceof Response) return withHeaders(answerResponse(value), proof)
  if (value === undefined) return { status: 204, headers: proof, body: null }
  const body = JSON.stringify(value)
  if (body === undefined) throw new TypeError('the value of the handler cannot be written as JSON')
  const plain = answerOf({ status: 200, headers: { 'content-type': 'application/json' }, body })
  return withHeaders(plain, proof)
}

function withHeaders(answer: Answer, more: HeaderList): Answer {
  return { ...answer, headers: [...answer.headers, ...more] }
}

/** Headers of one connection (RFC 9110, 7.6.1), and the one for the receipt, which only the service may send. */
const removed: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'x-ucan-container'],
])

/** Statuses of responses without a body. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

/** HTP-23: a response of the handler, which may come from an upstream. */
function answerResponse(response: Response): Answer {
  const listed = new Set((response.headers.get('connection') ?? '').toLowerCase().split(/[\s,]+/))
  const headers = [...response.headers].filter(([name]) => !removed.has(name) && !listed.has(name))
  const { status, body } = response
  const isEmpty = body === null && !bodiless.has(status) && !response.headers.has('content-length')
  return { status, headers: isEmpty ? [...headers, ['content-length', '0']] : headers, body }
}
