import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CID } from 'multiformats/cid'
import { onTestFinished } from 'vitest'
import {
  type Authorization,
  type AuthorizationFacts,
  grantAuthorization,
} from '../../src/core/authorization/authorization.ts'
import { parseCommand } from '../../src/core/capability/command.ts'
import { type Did, parseDid } from '../../src/core/did/did.ts'
import type { VaultErrorCode } from '../../src/errors.ts'
import type { Clock } from '../../src/time.ts'

/** The time in all tests that set their clock: 2026-01-01T00:00:00Z. */
export const NOON = 1_767_225_600

/** Well-formed DIDs without keys. */
const service: Did = parseDid('did:web:service.example')
export const OWNER: Did = parseDid('did:web:owner.example')
export const STRANGER: Did = parseDid('did:web:stranger.example')
export const AGENT: Did = parseDid('did:web:agent.example')

const someCid = CID.parse('bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')

/** An authorization like those of `authorize`: for a call of {@link AGENT} with authority from {@link OWNER}. */
export function permission(facts: Partial<AuthorizationFacts> & { readonly path?: string } = {}): Authorization {
  const { path, ...rest } = facts
  return grantAuthorization(
    {
      subject: OWNER,
      invoker: AGENT,
      audience: service,
      principals: [OWNER, AGENT],
      command: parseCommand(path ?? '/crm/read'),
      args: {},
      proofs: [someCid],
      invocation: someCid,
      task: someCid,
      expiration: Math.floor(Date.now() / 1000) + 1_000_000_000,
      ...rest,
    },
    60,
  )
}

/** A clock that a test sets. */
export function movableClock(start: number = NOON): Clock & { add(seconds: number): void } {
  let time = start
  return {
    now: () => time,
    add: (seconds) => {
      time += seconds
    },
  }
}

/** A request to a test server. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A server on the loopback interface that stores its requests. */
export interface TestServer {
  readonly origin: string
  readonly received: Received[]
  close(): Promise<void>
}

/** Starts a server; `answer` gets each request with its whole body. */
export async function serve(
  answer: (received: Received, response: ServerResponse) => void | Promise<void>,
): Promise<TestServer> {
  const received: Received[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const entry = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      received.push(entry)
      void answer(entry, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    received,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Starts a server as {@link serve} does, and closes it when the running test has finished. */
export async function serveInTest(...args: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...args)
  onTestFinished(() => server.close())
  return server
}

/** An ArgumentError, for an asymmetric matcher. */
export const invalidArgument = { name: 'ArgumentError', code: 'ERR_INVALID_ARGUMENT' } as const

/** The properties by which an asymmetric matcher of `toThrow` recognizes a VaultError. */
export function vaultError(code: VaultErrorCode): { readonly name: string; readonly code: VaultErrorCode } {
  return { name: 'VaultError', code }
}
