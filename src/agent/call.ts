import { openContainer } from '../core/authorization/open-container.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { StandardSchema } from '../core/capability/standard-schema.ts'
import type { Did } from '../core/did/did.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import type { Invocation } from '../core/invocation/invocation.ts'
import type { IpldValue } from '../core/ipld/value.ts'
import type { Receipt } from '../core/receipt/receipt.ts'
import { verifyReceipt } from '../core/receipt/verify-receipt.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import type { CallSender } from '../http/call-sender.ts'
import { withinDeadline } from '../support/deadline.ts'
import { quote } from '../support/quote.ts'
import type { AgentDecision, AgentRefusal, AgentService, CallResult, ReceiptUse } from './agent.ts'
import { isWithin, pathOf } from './command-path.ts'
import { readResponse } from './read-response.ts'
import type { CallReply, Execution, SendCall, SentCall } from './send-call.ts'

/** The way to a service. */
export interface Route {
  /** The DID of the service; undefined for the subject. */
  readonly audience: Did | undefined
  readonly send: SendCall | undefined
  readonly receipts: ReceiptUse
}

/** A service as it is configured, with its commands parsed. */
export interface KnownService extends Omit<AgentService, 'commands' | 'audience'> {
  readonly audience: Did
  readonly commands: readonly CommandDefinition['command'][]
}

/** Options of {@link routeOf}. */
export interface RouteOptions {
  readonly audience: Did | undefined
  readonly url?: string | URL | undefined
  readonly send?: SendCall | undefined
  readonly receipts?: ReceiptUse | undefined
}

/**
 * Chooses the service of a call: the given one, or the only one that is configured for the command.
 *
 * @throws ArgumentError when several are.
 */
export function routeOf(
  command: string | CommandDefinition,
  options: RouteOptions,
  services: readonly KnownService[],
  sender: CallSender,
): Route {
  const { audience, url, send } = options
  const path = pathOf(command)
  const fitting = services.filter(
    (one) =>
      (audience === undefined || one.audience === audience) &&
      (one.commands.length === 0 || one.commands.some((covering) => isWithin(path, covering))),
  )
  // AGT-11
  if (fitting.length > 1) {
    throw new ArgumentError(
      `${fitting.length} services are configured for ${quote(path)}; pass the \`audience\` of the one to call`,
    )
  }
  const [service] = fitting
  const target = url ?? service?.url
  const byHttp = target === undefined ? undefined : httpTo(target, sender)
  return {
    audience: audience ?? service?.audience,
    send: send ?? (url === undefined ? (service?.send ?? byHttp) : byHttp),
    receipts: options.receipts ?? service?.receipts ?? 'verified',
  }
}

function httpTo(url: string | URL, sender: CallSender): SendCall {
  return async ({ invocation, proofs }, { signal }) => {
    try {
      return await readResponse(await sender.send(url, invocation, proofs, { signal }))
    } catch (error) {
      throw named(error, url)
    }
  }
}

/** Codes of connections over which nothing was sent. */
const unsent =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|\w*(?:CERT|TLS)\w*)$/

/** The error of `fetch` is a TypeError whose message does not contain the address, and often not the cause. */
function named(error: unknown, url: string | URL): unknown {
  if (!(error instanceof TypeError)) return error
  const { code, syscall } = Object(error.cause) as { readonly code?: unknown; readonly syscall?: unknown }
  const known = typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : undefined
  const { origin } = new URL(url)
  // After the request was sent, a router can report that the host is unreachable, and the service send an alert of TLS.
  const wasOpen = syscall === 'read' || syscall === 'write' || known?.startsWith('ERR_SSL_')
  if (known !== undefined && unsent.test(known) && wasOpen !== true)
    return new TypeError(`the service at ${origin} did not respond (${known}); start it, or check its \`url\``, {
      cause: error,
    })
  const lost = known === undefined ? 'did not respond, or with a redirect' : `did not respond completely (${known})`
  return new TypeError(
    `the service at ${origin} ${lost}; the call may have been executed: check its \`url\`, and repeat the call only with the same \`nonce\``,
    { cause: error },
  )
}

/** Everything that is needed to send a call. */
export interface Sending<Value> {
  readonly decide: (signal: AbortSignal) => Promise<AgentDecision>
  readonly send: SendCall
  readonly receipts: ReceiptUse
  readonly returns: StandardSchema<Value> | undefined
  readonly resolver: DidResolver | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** Signs a call, sends it, and reads the answer. */
export function makeCall<Value>(sending: Sending<Value>): Promise<CallResult<Value>> {
  const { timeoutMs, signal } = sending
  return withinDeadline(timeoutMs, { signals: [signal], reason: () => callTimeout(timeoutMs) }, async (within) => {
    const decision = await sending.decide(within)
    if (!decision.ok) return notPermitted(decision)
    const { invocation, proofs, container } = decision
    const call: SentCall = Object.freeze({ invocation, proofs, container })
    return readReply(await sending.send(call, { signal: within }), invocation, sending, within)
  })
}

/** The reason for which a call is no longer waited for. */
export function callTimeout(milliseconds: number): DOMException {
  return new DOMException(
    `the call did not end within ${milliseconds} ms, and the service may have executed it; raise \`timeoutMs\` if it needs longer`,
    'TimeoutError',
  )
}

/** The result of a call that the agent refuses. */
export function notPermitted({ denial, closest }: AgentRefusal): CallResult<never> {
  const known = closest === undefined ? {} : { closest }
  const { message } = denial
  return Object.freeze({ ok: false, reason: 'not_permitted', message, executed: false, denial, ...known } as const)
}

/** Reads the answer of a service. */
export async function readReply<Value>(
  reply: CallReply,
  invocation: Invocation,
  { receipts, returns, resolver }: Pick<Sending<Value>, 'receipts' | 'returns' | 'resolver'>,
  signal: AbortSignal,
): Promise<CallResult<Value>> {
  const failed = (reason: Failure, message: string, executed: Execution = true): CallResult<Value> =>
    Object.freeze({ ok: false, reason, message, executed, invocation })
  if (typeof reply?.ok !== 'boolean') throw new ArgumentError('`send` must resolve with the answer: `{ ok, … }`')
  if (!reply.ok) {
    const { denial } = reply
    if (denial === undefined) return failed('failed', reply.failure, reply.executed ?? 'unknown')
    const { message } = denial
    return Object.freeze({ ok: false, reason: 'denied', message, executed: false, denial, invocation })
  }
  const checked = await checkReceipt(reply, invocation, receipts, resolver, signal)
  // AGT-12
  if (typeof checked === 'string') return failed('receipt_invalid', checked)
  const result = await returns?.['~standard'].validate(reply.value)
  // AGT-13
  if (result?.issues !== undefined) return failed('result_invalid', 'the value of the service does not match `returns`')
  const value = (result === undefined ? reply.value : result.value) as Value
  return Object.freeze({ ok: true, value, invocation, ...(checked !== undefined && { receipt: checked }) } as const)
}

type Failure = 'failed' | 'receipt_invalid' | 'result_invalid'

/** Verifies the receipt of an answer. Returns the receipt, or the fault. */
async function checkReceipt(
  reply: Extract<CallReply, { readonly ok: true }>,
  invocation: Invocation,
  use: ReceiptUse,
  resolver: DidResolver | undefined,
  signal: AbortSignal,
): Promise<Receipt | string | undefined> {
  if (use === 'ignored') return undefined
  if (reply.receipt === undefined) return use === 'required' ? 'the service sent no receipt' : undefined
  const bytes = await receiptBytes(reply.receipt, invocation)
  if (bytes === undefined) return 'the response has no receipt for this call'
  const verdict = await verifyReceipt(bytes, {
    executor: invocation.audience ?? invocation.subject,
    task: invocation.task,
    // A service may omit the value, or change the result of the handler. Only a required receipt must match the value.
    ...(use === 'required' && { value: (reply.value ?? null) as IpldValue }),
    ...(resolver !== undefined && { resolver }),
    signal,
  })
  if (!verdict.verified) return verdict.message
  return 'ok' in verdict.receipt.outcome ? verdict.receipt : 'the receipt reports an error, and the response a value'
}

/** A container may have other tokens beside the receipt of this call. */
async function receiptBytes(receipt: Uint8Array | string, { task }: Invocation): Promise<Uint8Array | undefined> {
  if (receipt instanceof Uint8Array && !isContainerByte(receipt[0])) return receipt
  try {
    const { invocations } = await openContainer(receipt)
    return invocations.find(({ args }) => String(args['ran']) === String(task))?.bytes
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

/** A token begins with the byte of a CBOR list. */
function isContainerByte(byte: number | undefined): boolean {
  return byte !== undefined && byte < 0x80
}
