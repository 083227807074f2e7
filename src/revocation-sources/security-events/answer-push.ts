import { StoreError } from '../../errors.ts'
import { withinDeadline } from '../../support/deadline.ts'
import { readBody } from '../read-body.ts'
import { maxSetLength, type SetErrorCode, type SetReception, setType } from './refusal.ts'

/** The parts of a receiver that an answer needs. */
export interface PushReceiver {
  readonly authorize: ((request: Request) => boolean | Promise<boolean>) | undefined
  readonly receive: (token: string, signal: AbortSignal) => Promise<SetReception>
  readonly report: (error: unknown) => void
  /** Milliseconds for the body. */
  readonly timeoutMs: number
}

/** Answers a push of a transmitter (RFC 8935, section 2). RVK-44 */
export async function answerPush(
  request: Request,
  { authorize, receive, report, timeoutMs }: PushReceiver,
): Promise<Response> {
  if (request.method !== 'POST') return respond(405, { allow: 'POST' })
  try {
    if (authorize !== undefined && (await authorize(request)) !== true) {
      return refuse('authentication_failed', 'the transmitter could not be authenticated')
    }
    const [type = ''] = (request.headers.get('content-type') ?? '').split(';')
    if (type.trim().toLowerCase() !== `application/${setType}`) {
      return refuse('invalid_request', `the content type must be application/${setType}`)
    }
    const token = await bodyOf(request, timeoutMs)
    if (token === undefined) return refuse('invalid_request', `the SET has more than ${maxSetLength} characters`)
    const reception = await receive(token, request.signal)
    return reception.accepted ? respond(202) : refuse(reception.refusal.err, reception.refusal.description)
  } catch (error) {
    report(error)
    return respond(503, { 'retry-after': '5' })
  }
}

/** The text of a body; undefined when it is too long. One that breaks off can be sent again. */
async function bodyOf(request: Request, timeoutMs: number): Promise<string | undefined> {
  const reason = (): DOMException =>
    new DOMException(`the body of a SET did not arrive within ${timeoutMs} ms`, 'TimeoutError')
  try {
    return await withinDeadline(timeoutMs, { signals: [request.signal], reason }, (signal) =>
      readBody(request.body, { most: maxSetLength, of: 'the SET', signal }),
    )
  } catch (error) {
    if (error instanceof StoreError) return undefined
    throw error
  }
}

function refuse(err: SetErrorCode, description: string): Response {
  return respond(
    400,
    { 'content-type': 'application/json', 'content-language': 'en' },
    JSON.stringify({ err, description }),
  )
}

function respond(status: number, headers: Record<string, string> = {}, body: string | null = null): Response {
  return new Response(body, { status, headers: { 'cache-control': 'no-store', ...headers } })
}
