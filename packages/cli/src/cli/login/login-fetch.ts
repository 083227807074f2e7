import { startDeadline } from '#support/deadline.ts'
import { isConfidential } from '#support/loopback.ts'
import { readBounded } from '#support/read-bounded.ts'
import { proxyReason } from '../../support/proxy.ts'

/** Sends one request of a login. */
export type LoginFetch = (url: string, request: RequestInit) => Promise<Response>

/** Milliseconds for a request with its answer, and the longest answer in bytes. */
const answerMs = 20_000
const mostBytes = 262_144

/**
 * The requests of a login at a server. The addresses come from the server and from others, so each of them has to be
 * one of https. Only a server of this machine can name addresses of this machine. Redirects are not followed. LGN-03
 *
 * @param server - the endpoint of the server.
 * @param signal - ends the login.
 * @returns a `fetch` whose answers are read whole.
 */
export function loginFetch(server: URL, signal: AbortSignal): LoginFetch {
  return async (address, request) => {
    const url = checkedAddress(address, server)
    const deadline = startDeadline([signal], answerMs)
    try {
      return await exchange(url, request, deadline.signal)
    } catch (cause) {
      signal.throwIfAborted()
      if (cause instanceof LoginFault) throw cause
      // LGN-12
      const proxy = proxyReason(cause)
      const unreached = proxy === undefined ? 'could not be reached' : `could not be reached: ${proxy}`
      const reason = deadline.signal.aborted ? `did not answer within ${answerMs / 1_000} s` : unreached
      throw new LoginFault(`${url.origin} ${reason}`)
    } finally {
      deadline.end()
    }
  }
}

/** A login that failed. The message has no secret. LGN-13 */
export class LoginFault extends Error {}

/**
 * The address, where the login may send something to it.
 *
 * @throws LoginFault when it is not confidential, or one of this machine that another machine names.
 */
export function checkedAddress(address: unknown, server: URL): URL {
  const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined) throw new LoginFault(`the login of ${server.origin} names an address that is not a URL`)
  if (!isConfidential(url) || url.username !== '' || url.password !== '')
    throw new LoginFault(`the login of ${server.origin} names an address at ${url.host} that is not one of https`)
  if (isHere(url) && !isHere(server))
    throw new LoginFault(`the login of ${server.origin} names an address of this machine, ${url.origin}`)
  return url
}

function isHere({ hostname }: URL): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.[0-9]+){3}|0\.0\.0\.0|\[::1?\]|\[::ffff:.+\])\.?$/.test(hostname)
}

async function exchange(url: URL, request: RequestInit, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { ...request, redirect: 'manual', credentials: 'omit', cache: 'no-store', signal })
  const { status, headers } = response
  if (status >= 300 && status < 400) {
    response.body?.cancel().catch(() => undefined)
    throw new LoginFault(`${url.origin} answered with a redirect, which is not followed`)
  }
  // A stream of events may have no end, and has nothing for a login.
  if (headers.get('content-type')?.startsWith('text/event-stream') === true) {
    response.body?.cancel().catch(() => undefined)
    return new Response(null, { status, headers })
  }
  const bytes = await readBounded(response.body?.getReader(), mostBytes, signal)
  if (bytes === undefined) throw new LoginFault(`${url.origin} answered with more than ${mostBytes} bytes`)
  return new Response(bytes.length === 0 ? null : bytes, { status, headers })
}
