// node only: listens on a port
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { startAtAddress } from '#support/start-server.ts'
import { limitConnections } from '../../gateway/wire/connection-places.ts'

/** The listener for the end of a login in a browser. */
export interface RedirectListener {
  /** The address to which the authorization server sends the browser. */
  readonly uri: string
  /** Resolves to the parameters of the first visit with the state of the login. */
  readonly answer: Promise<URLSearchParams>
  /** The parameters in an address that a person copied; undefined where it is not of this login. */
  read(address: string): URLSearchParams | undefined
  close(): void
}

/** A client that sends its request slowly is disconnected after 5 s. */
const limits = Object.freeze({ requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 })

const path = '/callback'

/**
 * Listens on a free port of 127.0.0.1 for the browser (RFC 8252, section 7.3). A visit without the state of the login
 * is refused, and the login goes on: another page, or another program, cannot end it. LGN-06
 *
 * @param state - random.
 */
export async function listenForRedirect(state: string): Promise<RedirectListener> {
  let take: (parameters: URLSearchParams) => void = () => undefined
  const answer = new Promise<URLSearchParams>((resolve) => {
    take = resolve
  })
  let authority = ''
  const isOurs = (url: URL): boolean => {
    const states = url.searchParams.getAll('state')
    return url.host === authority && url.pathname === path && states.length === 1 && states[0] === state
  }
  const server = createServer(limits, (request, response) => {
    const url = urlOf(request)
    const isRight = request.method === 'GET' && url !== undefined && isOurs(url)
    send(response, isRight)
    if (isRight) take(url.searchParams)
  })
  limitConnections(server, 32)
  authority = (await startAtAddress(server, { host: '127.0.0.1', port: 0 }, 'nothing')).place
  return {
    uri: `http://${authority}${path}`,
    answer,
    read(address) {
      const url = URL.canParse(address) ? new URL(address) : undefined
      return url !== undefined && isOurs(url) ? url.searchParams : undefined
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** The address of a visit, with the host that the browser names: a page of another name does not reach it. */
function urlOf({ url = '', headers: { host } }: IncomingMessage): URL | undefined {
  const whole = `http://${host}${url}`
  return url.startsWith('/') && URL.canParse(whole) ? new URL(whole) : undefined
}

function send(response: ServerResponse, isRight: boolean): void {
  response.writeHead(isRight ? 200 : 400, {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'content-type': 'text/plain; charset=utf-8',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  response.end(
    isRight
      ? 'Return to the terminal: it shows whether the login has succeeded. This window can be closed.\n'
      : 'This address is not of the login that is in progress.\n',
  )
}
