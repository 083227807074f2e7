import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { z } from 'zod'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard, type Guard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { type ResilienceOptions, type ResilientSource, resilient } from '../../src/vault/resilience/resilient.ts'
import { appRole, openbaoSource } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { actor } from '../support/actors.ts'
import { service } from '../support/service.ts'
import { startUpstream } from '../support/upstream.ts'
import { NAMESPACE, type OpenBaoFake, ROLE_ID, SECRET_ID, startOpenBao } from '../vault/openbao-fake.ts'

/** How the store behaves: `well`, or one of the ways in which stores fail. */
export type StoreMode = 'well' | 'errors' | 'hangs' | 'every other fails' | 'another item'

/** How one call ended. */
export interface Ending {
  /** `done`, or the code of the error. */
  readonly code: string
  /** The duration in milliseconds. */
  readonly ms: number
  /** Whether the breaker was open, or a probe in flight, when the call began. */
  readonly open: boolean
}

/** A service that guards an upstream. Its key is in a store, which it reaches through a failing proxy. */
export interface Scene {
  readonly guard: Guard<{ readonly to: string }>
  readonly source: ResilientSource
  readonly bao: OpenBaoFake
  readonly revocations: ReturnType<typeof memoryRevocationStore>
  /** DID of the calling agent. */
  readonly agent: string
  setMode(mode: StoreMode): void
  /** Requests that the store has received. */
  asked(): number
  /** Requests that the upstream has received with the right key. */
  served(): number
  /** Makes one call. */
  call(): Promise<Ending>
  /** Makes calls for this time, this many in parallel, with a pause after each. */
  load(milliseconds: number, pauseMs?: number): Promise<readonly Ending[]>
  /** Returns the milliseconds until a call succeeds again. */
  recovery(): Promise<number>
  /** Everything that a log of the service could contain: records, errors, results. */
  everything(): string
  close(): Promise<void>
}

export const upstreamKey = 'canary-5d0c9be1f7a2'

/**
 * Creates the scene. The store is a fake of OpenBao over real HTTP; the proxy and the upstream are real servers too.
 */
export async function startScene(resilience: ResilienceOptions = {}): Promise<Scene> {
  const [alice, bob, bao, upstream] = await Promise.all([
    actor('alice'),
    actor('bob'),
    startOpenBao(),
    startUpstream(upstreamKey),
  ])
  bao.putKv('crm/api', { token: 'an older key' })
  bao.putKv('crm/api', { token: upstreamKey })
  const line = await startLine(bao.address)
  const source = resilient(
    openbaoSource({
      address: line.address,
      namespace: NAMESPACE,
      login: appRole({ roleId: ROLE_ID, secretId: SECRET_ID }),
      secrets: { crm: { engine: 'kv', path: 'crm/api', field: 'token' } },
    }),
    resilience,
  )
  const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })
  const revocations = memoryRevocationStore()
  const sink = memoryAuditSink({ maxRecords: 10_000_000 })
  const seen: string[] = []
  /** Keep the first two hundred: the others are alike, and printing them would dominate the test. */
  function note(error: unknown): void {
    if (seen.length < 200) seen.push(inspect(error, { depth: 9, showHidden: true }))
  }
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [{ ...send, credential: 'crm' }] as GuardOptions<{ readonly to: string }>['commands'],
    revocations,
    replay: memoryReplayStore(),
    vault: createVault({ source, credentials: { crm: { origins: [upstream.origin], processor: bearer() } } }),
    audit: { sink },
    onError: note,
  })
  const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail' })
  let isClosed = false

  async function call(): Promise<Ending> {
    // The callers of a test that timed out would go on, with their timers, in the files after it.
    if (isClosed) throw new Error('the scene is closed')
    const args = { to: 'ann@example.com' }
    const invocation = await invoke({ issuer: bob, audience: service.did, command: send, args, proofs: [grant] })
    const open = source.state() !== 'closed'
    const began = performance.now()
    const code = await guard
      .use(encodeContainer([invocation, grant]), (handled) => handled.fetch(`${upstream.origin}/send`))
      .then(
        (result) => (result.allowed ? 'done' : result.denial.code),
        (error: Error & { readonly code?: string }) => {
          note(error)
          return error.code ?? error.name
        },
      )
    return { code, ms: performance.now() - began, open }
  }

  async function load(milliseconds: number, pauseMs = 10): Promise<readonly Ending[]> {
    const endings: Ending[] = []
    const until = performance.now() + milliseconds
    const caller = async (): Promise<void> => {
      while (performance.now() < until) {
        endings.push(await call())
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
    await Promise.all(Array.from({ length: 8 }, caller))
    return endings
  }

  return {
    guard,
    source,
    bao,
    revocations,
    agent: bob.did,
    setMode: line.setMode,
    asked: line.asked,
    served: () => upstream.requests.filter(({ authorization }) => authorization === `Bearer ${upstreamKey}`).length,
    call,
    load,
    async recovery() {
      const began = performance.now()
      while ((await call()).code !== 'done') await new Promise((resolve) => setTimeout(resolve, 20))
      return performance.now() - began
    },
    everything: () => [...sink.lines(), ...seen].join('\n'),
    async close() {
      isClosed = true
      await guard.close()
      await Promise.all([line.close(), bao.close(), upstream.close()])
    },
  }
}

/** A proxy in front of the store, which passes on requests or fails. */
async function startLine(store: string): Promise<{
  readonly address: string
  setMode(mode: StoreMode): void
  asked(): number
  close(): Promise<void>
}> {
  let mode: StoreMode = 'well'
  let asked = 0
  const server = createServer((request, response) => {
    asked += 1
    if (mode === 'hangs') return
    if (mode === 'errors' || (mode === 'every other fails' && asked % 2 === 1)) {
      response.writeHead(503, { 'content-type': 'application/json' }).end(`{"errors":["${upstreamKey} is on fire"]}`)
      return
    }
    const path = mode === 'another item' ? `${request.url}?version=1` : (request.url ?? '')
    pass(new URL(path, store), request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setMode: (next) => {
      mode = next
    },
    asked: () => asked,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function pass(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers
  const answer = await fetch(url, {
    method: request.method ?? 'GET',
    headers: headers as Record<string, string>,
    ...(body === '' ? {} : { body }),
  })
  const text = await answer.text()
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
}

/** The 90th percentile. */
export function p90(values: readonly number[]): number {
  return largestOf(values, 0.9)
}

/** The 99th percentile. */
export function p99(values: readonly number[]): number {
  return largestOf(values, 0.99)
}

function largestOf(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0
}
