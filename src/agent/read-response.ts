import { answerHeader } from '../support/answer-mark.ts'
import { quoteAll } from '../support/quote.ts'
import { readBounded } from '../support/read-bounded.ts'
import type { CallReply, Execution, ServiceDenial } from './send-call.ts'

/** Most bytes of a response that are read. */
const maxBytes = 4_194_304
/** Most characters of a text of the service in a message. */
const maxText = 500

/**
 * Reads the response of a service: the value, the denial or the failure, as the service has marked it. The texts of the
 * service are cut, and their control characters are escaped: they may be shown to a model. AGT-14
 */
export async function readResponse(response: Response): Promise<CallReply> {
  const { status, headers } = response
  const receipt = headers.get('x-ucan-container')
  // A receipt is verified, so it is a mark too.
  const mark = headers.get(answerHeader) ?? (receipt !== null && response.ok ? 'executed' : undefined)
  const executed: Execution = mark === 'executed' ? true : mark === 'refused' ? false : 'unknown'
  const failed = (failure: string): CallReply => ({ ok: false, failure, executed })
  const bytes = await readBounded(response.body?.getReader(), maxBytes)
  if (bytes === undefined) return failed(`the response has more than ${maxBytes} bytes`)
  const text = new TextDecoder().decode(bytes)
  const type = (headers.get('content-type') ?? '').toLowerCase()
  const isJson = /^application\/(?:[a-z0-9.-]+\+)?json\b/.test(type)
  const body = isJson ? parse(text) : undefined
  if (mark === 'refused') {
    const denial = denialIn(body)
    return denial === undefined
      ? failed(`the service refused the call with the status ${status}`)
      : { ok: false, denial }
  }
  if (mark === 'failed')
    return failed(`the handler of the service failed (status ${status}), and the call may have had an effect`)
  if (mark !== 'executed') {
    const remedy =
      status === 415
        ? 'a call that is too long for a header is sent as a body, for which a service in Fastify must register `containerBodies`'
        : 'check the `url` of the service'
    return failed(
      `the response with the status ${status} is not marked as one of the service, so it is not known whether the call was executed; ${remedy}`,
    )
  }
  if (!response.ok)
    return failed(
      `the service executed the call, and answered with the status ${status}${text === '' ? '' : `: ${plain(text)}`}`,
    )
  if (isJson && body === undefined && text !== '') return failed('the response is not valid JSON')
  return {
    ok: true,
    value: text === '' ? undefined : isJson ? body : text,
    ...(receipt !== null && { receipt }),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Reads a problem document as `denialResponse` makes it. */
function denialIn(body: unknown): ServiceDenial | undefined {
  const { code, detail, at, requirement, approvable } = Object(body) as Readonly<Record<string, unknown>>
  if (typeof code !== 'string' || !/^[a-z_]{1,64}$/.test(code)) return undefined
  return Object.freeze({
    code,
    message: typeof detail === 'string' ? plain(detail) : code,
    ...(Number.isSafeInteger(at) && { at: at as number }),
    ...(typeof requirement === 'string' && /^[A-Z]{3}-\d{2}$/.test(requirement) && { requirement }),
    ...(approvable === true && { approvable }),
  })
}

/** One line of bounded length, without control characters. Backticks of the service stay. */
function plain(text: string): string {
  return text
    .split('`')
    .map((part) => quoteAll(part, maxText).slice(1, -1))
    .join('`')
    .slice(0, maxText)
}
