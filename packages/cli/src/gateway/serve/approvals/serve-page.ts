// node only: listens on a port
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { encodeContainer } from 'procura'
import { ArgumentError } from 'procura/errors'
import { startAtAddress } from '#support/start-server.ts'
import type { PrincipalNames } from '../../configuration/principal-names.ts'
import { limitConnections } from '../../wire/connection-places.ts'
import type { ApprovalQueue, FoundRequest } from './approval-queue.ts'
import type { PageRun } from './page-run.ts'
import { namesWith } from './passed-on.ts'

/** The listener of the page for approvals. */
export interface PageListener {
  /** The address of the page, with a slash at its end. */
  readonly url: string
  close(): Promise<void>
}

/** Options of {@link serveApprovalPage}. */
export interface ServePageOptions {
  readonly host: string
  readonly port: number
  readonly queue: Pick<ApprovalQueue, 'find' | 'answer'>
  readonly run: Pick<PageRun, 'name' | 'offer'>
  /** Names of the principals that the home folder knows, by DID. */
  readonly names: () => Promise<PrincipalNames>
  /** The command by which the owner permits more than one call; undefined where this call alone can be approved. */
  readonly longer: (found: FoundRequest) => string | undefined
  /** The path of the page. Default: the page of this package. */
  readonly path?: string
}

/** A client that sends its request slowly is disconnected after 5 s. */
const limits = Object.freeze({ requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 })

/** Longest answer, in bytes. */
const mostBytes = 524_288

/**
 * Serves the page for approvals on the loopback addresses, under a name of this run, which is an origin of its own. It
 * gives a request to everybody who knows its ID, and takes answers that the approver has signed. APR-89
 *
 * @throws ArgumentError when an address cannot be used.
 */
export async function serveApprovalPage({
  host,
  port,
  queue,
  run,
  names,
  longer,
  path,
}: ServePageOptions): Promise<PageListener> {
  const page = connecting(await readFile(path ?? pagePath(), 'utf8'))
  const servers: Server[] = []
  let authority = ''
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closed))
  }
  try {
    let used = port
    // A browser may choose either address for the name, so no other process may have one of them.
    for (const one of new Set([host, '127.0.0.1', '::1'])) {
      const server = createServer(limits, (request, response) => {
        answer(request, response, { page, queue, run, names, longer, authority }).catch(() => void response.destroy())
      })
      limitConnections(server, 32)
      const open = await listenAt(server, { host: one, port: used }, one === host)
      if (open === undefined) continue
      servers.push(server)
      used = open
    }
    authority = `${run.name}.localhost:${used}`
  } catch (error) {
    await close()
    throw error
  }
  return { url: `http://${authority}/`, close }
}

/**
 * Returns the port, or undefined where the machine does not have an address that is not needed. No other process can
 * listen there either.
 */
async function listenAt(
  server: Server,
  address: { readonly host: string; readonly port: number },
  isNeeded: boolean,
): Promise<number | undefined> {
  try {
    return (await startAtAddress(server, address, '`approvals.page`')).port
  } catch (error) {
    const { code } = Object((error as Error).cause) as NodeJS.ErrnoException
    if (!isNeeded && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return undefined
    throw error
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** The page of this package. */
function pagePath(): string {
  return createRequire(import.meta.url).resolve('procura/approval/page.html')
}

/** The page as it is on the disk connects to nothing. This one fetches requests, and sends answers. */
function connecting(page: string): string {
  const [strict, open] = ["default-src 'none';", "default-src 'none'; connect-src 'self';"]
  if (!page.includes(strict)) throw new ArgumentError('the page for approvals is damaged; install procura again')
  return page.replace(strict, open)
}

interface Parts {
  readonly page: string
  readonly queue: ServePageOptions['queue']
  readonly run: ServePageOptions['run']
  readonly names: ServePageOptions['names']
  readonly longer: ServePageOptions['longer']
  /** The name of the run and the port, as the only valid `Host`. */
  readonly authority: string
}

async function answer(request: IncomingMessage, response: ServerResponse, parts: Parts): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, {
      'cache-control': 'no-store',
      'content-security-policy': "frame-ancestors 'none'",
      'content-type': `${type}; charset=utf-8`,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
  const { host, origin, 'sec-fetch-site': site } = request.headers
  const own = `http://${parts.authority}`
  // A page of another site can make requests to this address, under a name that leads here.
  if (host !== parts.authority) return send(421, 'text/plain', `use ${own}/\n`)
  const { pathname, searchParams } = new URL(request.url ?? '/', own)
  if (request.method === 'GET' && pathname === '/') return send(200, 'text/html', parts.page)
  if ((origin !== undefined && origin !== own) || (site !== undefined && site !== 'same-origin'))
    return send(403, 'text/plain', 'use the page of this address\n')
  const [, kind, id] = /^\/(requests|answers|keys)\/([a-z2-7]{16})$/.exec(pathname) ?? []
  if (id === undefined) return send(404, 'text/plain', 'not found\n')
  if (kind === 'requests' && request.method === 'GET') {
    const found = await parts.queue.find(id, searchParams.get('approver') ?? '')
    if (found === undefined)
      return send(404, 'text/plain', 'no such request waits for this approver: it was answered, or has expired\n')
    const proofs = found.proofs.length === 0 ? {} : { proofs: encodeContainer([...found.proofs]) }
    const { id: own, container, body } = found
    const names = await namesOf(found, parts.names)
    const shown = { ...proofs, body, names, longer: parts.longer(found) }
    return send(200, 'application/json', JSON.stringify({ id: own, request: container, ...shown }))
  }
  if (kind === 'requests' || request.method !== 'POST') return send(405, 'text/plain', 'the method is not supported\n')
  // Browsers send it with each POST.
  if (origin !== own) return send(403, 'text/plain', 'use the page of this address\n')
  const body = await textOf(request)
  if (body === undefined) return send(413, 'text/plain', 'the answer is too long\n')
  const { queue, run } = parts
  const fault = await (kind === 'keys' ? run.offer(id, body.trim()) : queue.answer(id, body.trim()))
  return fault === undefined ? send(200, 'text/plain', 'kept\n') : send(409, 'text/plain', `${fault}\n`)
}

/** The names of the principals of a request. Without the folder, they are unknown. APR-33 */
async function namesOf(
  { request: { agent, service, subject }, through }: FoundRequest,
  read: () => Promise<PrincipalNames>,
): Promise<PrincipalNames> {
  const known = await read().catch(() => ({}) as PrincipalNames)
  const names = namesWith(known, agent, through)
  const shown = [agent, service, subject].filter((did) => Object.hasOwn(names, did))
  return Object.fromEntries(shown.map((did) => [did, String(names[did])]))
}

async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  // Read to its end: a client whose connection ends while it sends does not read the response.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= mostBytes) chunks.push(chunk)
  }
  return length > mostBytes ? undefined : Buffer.concat(chunks).toString('utf8')
}
