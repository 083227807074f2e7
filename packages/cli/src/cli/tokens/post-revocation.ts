// node only: the command line
import { startDeadline } from '#support/deadline.ts'
import { isConfidential } from '#support/loopback.ts'
import { quote } from '#support/quote.ts'
import { readBounded } from '#support/read-bounded.ts'
import { UsageError } from '../usage-error.ts'

/** The answer of a service to a revocation. */
export interface Posted {
  readonly url: string
  /** `unanswered`: the service could not be reached, or did not answer as one that takes revocations. */
  readonly state: 'refused' | 'taken' | 'unanswered'
  /** Of the answer. */
  readonly status?: number
  /** Of the problem document in the answer. */
  readonly code?: string
  /** One line for people. */
  readonly message: string
}

/** Longest wait for an answer. */
const waitMs = 15_000

/** Most bytes of an answer that are read: a problem document is short. */
const mostBytes = 65_536

/**
 * The URLs of services.
 *
 * @throws UsageError when one is not a URL, or a third party could answer in the place of the service.
 */
export function serviceUrls(given: readonly string[]): readonly URL[] {
  return given.map((text) => {
    // The text is not shown: it may contain a password.
    if (!URL.canParse(text)) throw new UsageError('--to must be the URL at which a service takes revocations')
    const url = new URL(text)
    if (url.username !== '' || url.password !== '') throw new UsageError('--to must not contain a user or a password')
    // Without TLS, anyone on the way could drop the revocation and answer that it is taken.
    if (!isConfidential(url)) throw new UsageError('--to must be an https: URL; http: is for this machine alone')
    return url
  })
}

/**
 * Sends a revocation to a service. Does not reject. CLI-15
 *
 * @param revoked - the CID of the revoked delegation, which the service has to name in its answer.
 */
export async function postRevocation(url: URL, container: string, revoked: string): Promise<Posted> {
  const { href } = url
  const of = quote(href, 256)
  const unanswered = (message: string, more: Partial<Posted> = {}): Posted => ({
    ...{ url: href, state: 'unanswered', ...more },
    message: `${of} ${message}; send the revocation again`,
  })
  const deadline = startDeadline([], waitMs)
  const { signal } = deadline
  try {
    const headers = { 'content-type': 'application/x-ucan-container', accept: 'application/problem+json' }
    const response = await fetch(href, { method: 'POST', headers, body: container, redirect: 'manual', signal })
    const { status } = response
    // An unread body that does not end would keep the program running.
    if (!isProblem(response)) await response.body?.cancel()
    if (status === 204 && response.headers.get('ucan-revoked') === revoked) {
      const message = `${of} has accepted the revocation; it refuses every call that uses the delegation`
      return { url: href, state: 'taken', status, message }
    }
    if (status >= 300 && status < 400)
      return unanswered(`redirects to another URL (${status}); pass that one`, { status })
    const { code, title, detail } = await readProblem(response)
    if (code === undefined)
      return unanswered(`answered ${status}, and not as a service that takes revocations; check the URL`, { status })
    const said = [title, detail].filter((text) => text !== undefined).join(': ')
    // A service takes a revocation that is sent to the URL for calls as a call, and it is addressed to no service.
    const hint = code === 'audience_mismatch' ? '; this is a URL for calls: pass the one for revocations' : ''
    const message = `${of} refuses the revocation: ${status} ${code}${said === '' ? '' : `, ${said}`}${hint}`
    return { url: href, state: 'refused', status, code, message }
  } catch (error) {
    return unanswered(
      signal.aborted ? `did not answer within ${waitMs / 1_000} seconds` : `cannot be reached (${causeOf(error)})`,
    )
  } finally {
    deadline.end()
  }
}

interface Problem {
  readonly code?: string
  readonly title?: string
  readonly detail?: string
}

/** The problem document of RFC 9457 in an answer, if it is one. */
async function readProblem(response: Response): Promise<Problem> {
  if (!isProblem(response)) return {}
  const bytes = await readBounded(response.body?.getReader(), mostBytes)
  let data: unknown
  try {
    data = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return {}
  }
  const { code, detail, title } = Object(data) as Readonly<Record<string, unknown>>
  return {
    ...(isCode(code) && { code }),
    ...(typeof title === 'string' && { title: title.slice(0, 200) }),
    ...(typeof detail === 'string' && { detail: detail.slice(0, 500) }),
  }
}

function isProblem({ status, headers }: Response): boolean {
  return status >= 400 && /^application\/problem\+json(?:;|$)/i.test(headers.get('content-type') ?? '')
}

const isCode = (value: unknown): value is string => typeof value === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(value)

/** The code of the platform, such as ECONNREFUSED. Its message can contain a part of the request. */
function causeOf(error: unknown): string {
  const { cause } = Object(error) as { readonly cause?: unknown }
  const { code } = Object(cause ?? error) as { readonly code?: unknown }
  if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return 'the request failed'
  const hint = hints.get(code)
  return hint === undefined ? code : `${code}: ${hint}`
}

const hints: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there; start the service, or check the port'],
  ['ENOTFOUND', 'the host is unknown; check the URL'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'the server does not use TLS at this port; check the port'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'the server does not use TLS at this port; check the port'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is self-signed; name the file of it in NODE_EXTRA_CA_CERTS'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'its authority is unknown here; name the file of it in NODE_EXTRA_CA_CERTS'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its authority is unknown here; name the file of it in NODE_EXTRA_CA_CERTS'],
])
