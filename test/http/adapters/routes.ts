// node only: reads vectors
/**
 * The services of the table: one that works, and one for each reason of a denial.
 *
 * @module
 */

import type { Vector } from '../../../spec/vectors/generator/vector.ts'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import type { TokenFormat } from '../../../src/core/authorization/formats/token-format.ts'
import { memoryLimitStore } from '../../../src/core/authorization/limits/memory-limit-store.ts'
import { openContainer } from '../../../src/core/authorization/open-container.ts'
import { uncheckedCommands } from '../../../src/core/authorization/options.ts'
import { memoryReplayStore } from '../../../src/core/authorization/replay-store.ts'
import { text } from '../../../src/core/capability/argument-types/basic.ts'
import { type CommandDefinition, defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import type { GuardedCall } from '../../../src/guard/call.ts'
import type { HandlerOptions } from '../../../src/http/adapters/answer.ts'
import { type BoundCommand, type CallSurroundings, on } from '../../../src/service/on.ts'
import type { ServiceOptions } from '../../../src/service/options.ts'
import { createService, type Service } from '../../../src/service/service.ts'
import { memoryVault } from '../../../src/vault/stores/memory/memory-vault.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { present } from '../../support/present.ts'
import { call, chainOf, delegateRaw, service as self } from '../../support/service.ts'
import { containerOf as containerOfVector, optionsOf } from '../../vectors/decide.ts'
import { readVectors } from '../../vectors/read.ts'
import type { Route } from './servers.ts'

export const alice: Signer = await actor('alice')
export const bob: Signer = await actor('bob')
const proofs = await chainOf(alice, bob)

export const send: CommandDefinition<{ readonly to: string }> = defineCommand({
  command: '/mail/send',
  args: { to: text() },
})
export const kinds: readonly string[] = [
  ...['nothing', 'json', 'response', 'empty', 'untyped', 'stream', 'late', 'cookies', 'forged', 'upstream', 'redirect'],
  ...['throws', 'circular', 'surroundings', 'missing', 'consumed', 'network', 'control'],
]
const commandOf = (kind: string): CommandDefinition => defineCommand({ command: `/mail/${kind}`, args: {} })

/** A call of this command, with its proofs. */
export async function containerOf(command = '/mail/send', args: object = { to: 'bob' }): Promise<string> {
  const given = command === '/mail/send' ? args : {}
  return encodeContainer([await call({ issuer: bob, proofs, command, args: given as never }), ...proofs])
}

/** A service with one handler, for calls of `send`. Its receipts are signed, and its log is in memory. */
export function serviceWith(handler: (call: never) => unknown = () => 'done'): Service {
  return createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on(send, handler as never)],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink: memoryAuditSink() },
    receipts: self,
    clock,
  })
}

/** A fresh set of routes. `ran` counts the handlers. */
export async function makeRoutes(): Promise<{ routes: Map<string, Route>; ran: () => number }> {
  let count = 0
  const counting: Counting =
    (work) =>
    (...given) => {
      count += 1
      return work(...given)
    }
  const handlers: BoundCommand[] = [
    on(
      send,
      counting(({ args }: GuardedCall<{ readonly to: string }>) => ({ sent: args.to })),
    ),
    ...kinds.map((kind) => on(commandOf(kind), counting(results[kind] as Result))),
  ]
  const base = (change: Partial<ServiceOptions> = {}): ServiceOptions => {
    const revocations = memoryRevocationStore({ clock })
    return present({
      audience: self.did,
      subjects: [alice.did],
      handlers,
      revocations,
      registry: revocations,
      replay: memoryReplayStore({ clock }),
      audit: { sink: memoryAuditSink() },
      receipts: self,
      clock,
      ...change,
    })
  }
  const routes = new Map<string, Route>()
  const add = (path: string, change: Partial<ServiceOptions> = {}, options: HandlerOptions = {}): Route => {
    const route = { service: createService(base(change)), options }
    routes.set(path, route)
    return route
  }
  add('/mail')
  add('/send', {}, { command: send })
  add('/oauth', {}, { otherBearerTokens: true })
  add('/small', {}, { headerCharacters: 600, bodyBytes: 700 })
  add('/revocations', {}, { takes: 'revocations' })
  // A custom service need not have `takesRevocations`.
  const { takesRevocations: _, ...without } = createService(base({ registry: undefined as never }))
  routes.set('/no-revocations', { service: without as Service, options: { takes: 'revocations' } })
  await addFailing(add, counting)
  for (const [code, vector] of chosenVectors()) {
    const { commands, ...options } = optionsOf(vector.context)
    const given =
      commands === uncheckedCommands
        ? await permissive(containerOfVector(vector.container))
        : (commands as CommandDefinition[])
    const bound = given.map((definition) =>
      on(
        definition,
        counting(() => 'done'),
      ),
    )
    const change = {
      ...options,
      handlers:
        bound.length > 0
          ? bound
          : [
              on(
                commandOf('never'),
                counting(() => 1),
              ),
            ],
    }
    const { service } = add(`/vector/${code}`, { ...change, receipts: undefined as never })
    for (const seen of vector.context.seen) await service.guard.authorize(containerOfVector(seen))
  }
  return { routes, ran: () => count }
}

/** One vector for each code, whose container fits into a header. */
export function chosenVectors(): ReadonlyMap<string, Vector> {
  return chosen
}

function allVectors(): ReadonlyMap<string, Vector> {
  const found = new Map<string, Vector>()
  for (const vector of readVectors('hostile.json')) {
    const { container, expected, context } = vector
    if (expected.allowed || typeof container !== 'string' || context.formats !== undefined) continue
    if (container.length < 4 || container.length > 8_000 || !/^[A-Za-z0-9+/=_-]+$/.test(container)) continue
    if (!found.has(expected.code)) found.set(expected.code, vector)
  }
  return found
}
const chosen: ReadonlyMap<string, Vector> = allVectors()

/** Definitions of the commands of a container, with any arguments. */
async function permissive(container: string | Uint8Array): Promise<CommandDefinition[]> {
  const any = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const
  try {
    const { invocations } = await openContainer(container)
    const [first] = invocations
    if (first === undefined || (first.command as string) === '/') return []
    const args = Object.fromEntries(Object.keys(first.args).map((name) => [name, any]))
    return [defineCommand({ command: first.command, args })]
  } catch {
    return []
  }
}

/** Handlers of all kinds of results. */
type Result = (call: GuardedCall, surroundings: CallSurroundings) => unknown

const results: Readonly<Record<string, Result>> = {
  nothing: () => undefined,
  json: () => ({ text: 'grüße', list: [1, null] }),
  response: () => new Response('made', { status: 201, headers: { 'content-type': 'text/plain', 'x-made': 'yes' } }),
  empty: () => new Response(null, { status: 202 }),
  untyped: () => new Response(new TextEncoder().encode('bytes')),
  stream: () =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (const part of ['one ', 'two ', 'three']) controller.enqueue(new TextEncoder().encode(part))
          controller.close()
        },
      }),
      { headers: { 'content-type': 'text/plain' } },
    ),
  late: () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 20))
          controller.enqueue(new TextEncoder().encode('late'))
          controller.close()
        },
      }),
      { headers: { 'content-type': 'text/plain' } },
    ),
  cookies: () => {
    const headers = new Headers({ 'content-type': 'text/plain' })
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2; Path=/')
    return new Response('ok', { headers })
  },
  forged: () =>
    new Response('ok', {
      headers: {
        ...{ 'x-ucan-container': 'Cforged', 'procura-answer': 'refused', 'ucan-revoked': 'bforged' },
        'content-type': 'text/plain',
      },
    }),
  upstream: () =>
    new Response('ok', {
      headers: { 'content-type': 'text/plain', connection: 'x-hop, close', 'x-hop': '1', 'proxy-authenticate': 'a' },
    }),
  redirect: () => new Response(null, { status: 302, headers: { location: '/elsewhere' } }),
  throws: () => {
    throw new Error('canary-of-the-handler')
  },
  circular: () => 10n,
  surroundings: (_, { request }) => ({ method: request?.method, path: new URL(String(request?.url)).pathname }),
  consumed: async () => {
    const response = new Response('read')
    await response.text()
    return response
  },
  network: () => Response.error(),
  // `Headers` takes the character, and Node does not send it.
  control: () => new Response('ok', { headers: { 'x-file': 'a\u0001b' } }),
  missing: () => new Response('not here', { status: 404, headers: { 'content-type': 'text/plain' } }),
}

type Add = (path: string, change?: Partial<ServiceOptions>, options?: HandlerOptions) => Route
type Counting = <Given extends readonly unknown[], T>(work: (...given: Given) => T) => (...given: Given) => T

const never = (): Promise<never> => new Promise(() => undefined)
const failing = (): never => {
  throw new Error('canary-of-a-store')
}

/** A route for each denial that vectors do not have. */
async function addFailing(add: Add, counting: Counting): Promise<void> {
  const hangs = on(send, counting(never))
  const occupy = async ({ service }: Route, container: string): Promise<void> => {
    void service.call(container).catch(() => undefined)
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  add('/audit', { audit: { sink: { ...memoryAuditSink(), append: async () => failing() } } })
  add('/deadline', { subjects: never, deadlines: { decisionMs: 30 } })
  add('/audience-unknown', { audience: failing })
  add('/subject-unknown', { subjects: failing })
  add('/not-accepted', { subjects: () => false })
  const vault = memoryVault({ mail: { secret: 'canary-of-the-vault', leasable: true } }, { clock })
  const withCredential = (credential: () => string | undefined): Partial<ServiceOptions> => ({
    vault,
    handlers: [
      on(
        { ...send, credential },
        counting(() => 1),
      ),
    ],
  })
  add(
    '/credential-missing',
    withCredential(() => undefined),
  )
  add('/credential-unknown', withCredential(failing))
  const format = { name: 'broken', read: failing, recognizes: () => true } as unknown as TokenFormat
  add('/internal', { formats: [format] })
  await add('/closed').service.close()
  await occupy(add('/overloaded', { maxInFlight: 1, handlers: [hangs] }), await containerOf())
  add('/unlimited')
  add('/limit-unknown', {
    limitStore: { ...memoryLimitStore({ clock }), reserve: async () => failing() },
  })
  const { service } = add('/exhausted', { limitStore: memoryLimitStore({ clock }) })
  await service.call(await limitedContainer(['limit/uses', 1]))
  await occupy(
    add('/busy', { limitStore: memoryLimitStore({ clock }), handlers: [hangs] }),
    await limitedContainer(['limit/concurrent', 1]),
  )
}

/** A call by a chain with a limit. Calls by the same chain share it. */
export async function limitedContainer(limit: readonly unknown[]): Promise<string> {
  const key = JSON.stringify(limit)
  const grant = limited.get(key) ?? (await delegateRaw(alice, bob, { policy: [limit], expiration: now + 500 }))
  limited.set(key, grant)
  return encodeContainer([await call({ issuer: bob, proofs: [grant], args: { to: 'bob' } }), grant])
}
const limited = new Map<string, Awaited<ReturnType<typeof delegateRaw>>>()
