import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { httpTransport } from '../../packages/cli/src/gateway/wire/transport/http-transport.ts'
import { lineTransport } from '../../packages/cli/src/gateway/wire/transport/line-transport.ts'
import { type MemoryAuditSink, memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { oneOf, optional, text } from '../../src/core/capability/argument-types/basic.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { guardTools } from '../../src/mcp/guard-tools.ts'
import { relayTools } from '../../src/mcp/relay/relay-tools.ts'
import { toolCall } from '../../src/mcp/tool-call.ts'
import { actor, clock } from '../support/actors.ts'
import { delegateRaw, call as invocationOf, service } from '../support/service.ts'
import {
  connect,
  connectClient,
  openPair,
  type ProtocolVersion,
  serveHttp,
  serverOf,
  type TestClient,
  type TestServer,
  type TransportName,
} from './connections.ts'

const [alice, bob, mallory] = await Promise.all([actor('alice'), actor('bob'), actor('mallory')])
const key = 'xyz.ucan/container'
const send = defineCommand({
  command: '/mail/send',
  args: { to: email(), note: optional(text()) },
})
const fail = defineCommand({ command: '/mail/fail', args: { how: oneOf(['result', 'error']) } })
const proof = await delegateRaw(alice, bob, { policy: [['like', '.to', '*@example.com']] })
const failing = await delegateRaw(alice, bob, { command: '/mail/fail' })
const forged = await delegateRaw(mallory, bob, { subject: mallory.did })

const containerFor = async (args: object, command = '/mail/send', by = proof, subject = alice.did): Promise<string> =>
  encodeContainer([await invocationOf({ issuer: bob, subject, proofs: [by], command, args: args as never }), by])

const inside = { to: 'carol@example.com' }
const allowed = await containerFor(inside)

/** A case: the request, and the text with which its answer begins. */
const cases: readonly (readonly [title: string, params: Record<string, unknown>, begins: string])[] = [
  ['a permitted call', asked('send', inside, allowed), 'sent to carol@example.com by alice'],
  ['the same call again', asked('send', inside, allowed), 'Denied (replayed)'],
  [
    'an argument outside the policy',
    asked('send', { to: 'carol@evil.example' }, await containerFor({ to: 'carol@evil.example' })),
    'Denied (policy_unsatisfied)',
  ],
  [
    'an argument of the wrong type',
    asked('send', { to: 'Carol' }, await containerFor({ to: 'Carol' })),
    'Denied (arguments_invalid)',
  ],
  ['no container', { name: 'send', arguments: inside }, 'Denied (container_missing)'],
  ['`_meta` without a container', { name: 'send', arguments: inside, _meta: {} }, 'Denied (container_missing)'],
  ['a container that is not a string', asked('send', inside, 7), 'Denied (container_unreadable)'],
  ['bytes that are not a container', asked('send', inside, 'AAAA'), 'Denied ('],
  [
    'another value than the signed one',
    asked('send', { to: 'dave@example.com' }, await containerFor(inside)),
    mismatch(),
  ],
  ['an argument more than signed', asked('send', { ...inside, note: 'hello' }, await containerFor(inside)), mismatch()],
  ['an argument less than signed', asked('send', inside, await containerFor({ ...inside, note: 'hello' })), mismatch()],
  ['no arguments, with signed ones', { name: 'send', _meta: { [key]: await containerFor(inside) } }, mismatch()],
  ['an undeclared argument', asked('send', { ...inside, bcc: 'x' }, await containerFor(inside)), mismatch()],
  [
    'a call of the command of another tool',
    asked('fail', { how: 'result' }, await containerFor(inside)),
    'Denied (command_mismatch)',
  ],
  [
    'a chain of an unknown owner',
    asked('send', inside, await containerFor(inside, '/mail/send', forged, mallory.did)),
    'Denied (subject_not_accepted)',
  ],
  ['a tool without a command', asked('open', {}, await containerFor({})), 'Denied (tool_unknown)'],
  ['a tool that does not exist', asked('nothing', {}, await containerFor({})), 'Denied (tool_unknown)'],
  ['a name of an inherited property', asked('constructor', {}, await containerFor({})), 'Denied (tool_unknown)'],
  [
    'a tool that reports a failure',
    asked('fail', { how: 'result' }, await containerFor({ how: 'result' }, '/mail/fail', failing)),
    'no such mail',
  ],
  [
    'a tool that throws',
    asked('fail', { how: 'error' }, await containerFor({ how: 'error' }, '/mail/fail', failing)),
    'the mail server is down',
  ],
]

function asked(name: string, args: object, container: unknown): Record<string, unknown> {
  return { name, arguments: args, _meta: { [key]: container } }
}

function mismatch(): string {
  return 'Denied (request_mismatch)'
}

/** A service: servers of an SDK over one guard. Some tools are registered before the server is guarded. */
function setUp(sdk: 1 | 2) {
  const sink = memoryAuditSink()
  const ran: string[] = []
  const seen: string[] = []
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [send, fail],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink },
    clock,
  })
  /** A server whose tools are guarded by `guardTools`, or, behind a relay, by nothing. */
  const build = (isGuarded = true): TestServer => {
    const made = serverOf(sdk)
    made.register({
      name: 'send',
      args: ['to'],
      callback: (given, extra) => {
        seen.push(JSON.stringify(extra, (name, value) => (name === 'authInfo' ? undefined : value)))
        ran.push('send')
        if (!isGuarded) return said(`sent to ${Object(given).to} by alice`)
        const { args, subject } = toolCall<{ readonly to: string }>(extra)
        return said(`sent to ${args.to} by ${subject === alice.did ? 'alice' : 'somebody'}`)
      },
    })
    if (isGuarded) guardTools(made.server, guard, { tools })
    made.register({
      name: 'fail',
      args: ['how'],
      callback: (args) => {
        ran.push('fail')
        if (Object(args).how === 'error') throw new Error('the mail server is down')
        return { ...said('no such mail'), isError: true }
      },
    })
    made.register({ name: 'open', args: [], callback: () => said(String(ran.push('open'))) })
    return made
  }
  return { build, guard, ran, seen, sink }
}

const tools = { send, fail }
const said = (words: string) => ({ content: [{ type: 'text', text: words }] })

/** The answer as the model and the client see it, without the fields that a version of the protocol adds. */
function shown({ content, isError, _meta }: Readonly<Record<string, unknown>>): string {
  const { 'io.modelcontextprotocol/serverInfo': _, ...meta } = Object(_meta)
  return JSON.stringify({ content, isError, _meta: Object.keys(meta).length === 0 ? undefined : meta })
}

async function answersOf(client: TestClient): Promise<readonly string[]> {
  const answers: string[] = []
  for (const [, params] of cases) answers.push(shown(await client.call(params)))
  return answers
}

/** The outcomes of the three calls that run. */
const outcomes = [{ status: 'ok' }, { status: 'error', code: 'tool_failed' }, { status: 'error', code: 'tool_failed' }]

const outcomesOf = (sink: MemoryAuditSink): readonly unknown[] =>
  sink.records().flatMap(({ event }) => (event.kind === 'outcome' ? [event] : []))

/** The server behind a relay: its transport, and what its tools received. */
async function openServer(transport: RelayedTransport, sdk: 1 | 2, { build, ran, seen }: ReturnType<typeof setUp>) {
  if (transport === 'stdio') {
    const program = fileURLToPath(new URL('relay/stdio-server.mjs', import.meta.url))
    const child = spawn(process.execPath, [program, String(sdk)], { stdio: ['pipe', 'pipe', 'pipe'] })
    child.stderr.on('data', (chunk: Buffer) => {
      for (const line of String(chunk).split('\n').filter(Boolean)) {
        ran.push(JSON.parse(line).ran)
        seen.push(line)
      }
    })
    const ended = once(child, 'close')
    return { upstream: lineTransport(child.stdout, child.stdin), ended }
  }
  if (transport === 'memory') {
    const [upstream, other] = await openPair('memory', { client: 1, server: sdk })
    await build(false).server.connect(other as never)
    return { upstream, ended: Promise.resolve() }
  }
  const version = transport === 'http of 2026-07-28' ? transport.slice(8) : undefined
  const take = await serveHttp(sdk, () => build(false), version as '2026-07-28' | undefined)
  const fetch = (url: string, init: RequestInit): Promise<Response> => take(new Request(url, init))
  return { upstream: httpTransport('http://server.example/mcp', { fetch }), ended: Promise.resolve() }
}

type RelayedTransport = 'memory' | 'http' | 'stdio' | 'http of 2026-07-28'

/** Transports of the client and of the server of a relay, their SDKs, and the version of the protocol. */
const relayed: readonly (readonly ['memory' | 'http' | 'stdio', RelayedTransport, 1 | 2, 1 | 2, ProtocolVersion])[] = [
  ...(['memory', 'http', 'stdio'] as const).flatMap((name) =>
    ([1, 2] as const).flatMap((client) =>
      ([1, 2] as const).map((server) => [name, name, client, server, '2025-11-25'] as const),
    ),
  ),
  ['stdio', 'stdio', 1, 1, '2025-06-18'],
  ['stdio', 'http', 1, 2, '2025-06-18'],
  ['http', 'stdio', 2, 1, '2025-06-18'],
  ['memory', 'http of 2026-07-28', 2, 2, '2026-07-28'],
  ['stdio', 'http of 2026-07-28', 2, 2, '2026-07-28'],
]

const combinations: readonly (readonly [TransportName, 1 | 2, 1 | 2])[] = [
  ...(['memory', 'http', 'stdio'] as const).flatMap((name) =>
    ([1, 2] as const).flatMap((client) => ([1, 2] as const).map((server) => [name, client, server] as const)),
  ),
  ['http of 2026-07-28', 2, 2],
]

describe('the verdicts about tool calls', async () => {
  const first = setUp(1)
  const client = await connect('memory', { client: 1, server: 1 }, first.build)
  const expected = await answersOf(client)
  await client.close()

  for (const [index, [title, , begins]] of cases.entries()) {
    it(`MCP-04 MCP-11 ${title}: ${begins}`, () => {
      expect(JSON.parse(expected[index] as string).content[0].text).toContain(begins)
    })
  }

  for (const [transport, of, at] of combinations) {
    it(`MCP-03 MCP-05 MCP-06 MCP-08 are the same, byte for byte, over ${transport}, client of SDK ${of}, server of SDK ${at}`, async () => {
      const { build, ran, seen, sink } = setUp(at)
      const client = await connect(transport, { client: of, server: at }, build)
      const answers = await answersOf(client)
      await client.close()
      expect(answers).toEqual(expected)
      // No denied call has run a tool.
      expect(ran).toEqual(['send', 'fail', 'fail'])
      // MCP-06
      expect(seen.join()).not.toContain(allowed)
      expect(outcomesOf(sink)).toMatchObject(outcomes)
    })
  }

  for (const [front, back, of, at, version] of relayed) {
    it(`MCP-05 MCP-06 MCP-08 MCP-20 are the same behind a relay, byte for byte: client of SDK ${of} over ${front}, server of SDK ${at} over ${back}, version ${version}`, async () => {
      const made = setUp(at)
      const { upstream, ended } = await openServer(back, at, made)
      const [transport, side] = await openPair(front, { client: of, server: at })
      const initialized: unknown[] = []
      const relay = await relayTools({ client: side as never, upstream: upstream as never }, made.guard, { tools })
      const answered = Object(upstream).onmessage
      Object(upstream).onmessage = (message: unknown, ...rest: unknown[]) => {
        const { protocolVersion, supportedVersions } = Object(Object(message).result)
        if ((protocolVersion ?? supportedVersions) !== undefined) initialized.push(protocolVersion ?? supportedVersions)
        return answered(message, ...rest)
      }
      const client = await connectClient(of, transport, version)
      const answers = await answersOf(client)
      await client.close()
      // A client over HTTP does not announce its end.
      await relay.close()
      await Promise.all([relay.closed, ended])
      expect(answers).toEqual(expected)
      expect(made.ran).toEqual(['send', 'fail', 'fail'])
      expect(made.seen.join()).not.toContain(allowed)
      expect(JSON.stringify(initialized)).toContain(version)
      expect(outcomesOf(made.sink)).toMatchObject(outcomes)
    })
  }
})
