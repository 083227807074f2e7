import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import { revoke } from '../../../src/core/revocation/revoke.ts'
import { ArgumentError } from '../../../src/errors.ts'
import {
  type CallListener,
  type ListenForCallsOptions,
  listenForCalls,
} from '../../../src/http/adapters/listen-for-calls.ts'
import { on } from '../../../src/service/on.ts'
import { createService, type Service } from '../../../src/service/service.ts'
import { actor } from '../../support/actors.ts'

const [owner, agent, self] = [await actor('owner'), await actor('agent'), await actor('self')]
const send = defineCommand({ command: '/mail/send', args: {} })
const wait = defineCommand({ command: '/wait', args: {} })
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/' })
const handled = ['SIGTERM', 'SIGINT'] as const

let listener: CallListener | undefined
afterEach(async () => {
  await listener?.close().catch(() => undefined)
  listener = undefined
  expect(handled.map((signal) => process.listenerCount(signal))).toEqual(counts)
})
const counts = handled.map((signal) => process.listenerCount(signal))

async function setUp(options: Partial<ListenForCallsOptions> = {}) {
  const sink = memoryAuditSink()
  const started = settleable<AbortSignal>()
  const end = settleable<void>()
  const service = createService({
    audience: self.did,
    subjects: [owner.did],
    handlers: [
      on(send, () => 'sent'),
      on(wait, async ({ signal }) => {
        started.resolve(signal)
        await end.promise
        return 'waited'
      }),
    ],
    audit: { sink },
    registry: true,
    ...memoryStores(),
  })
  listener = await listenForCalls(service, { port: 0, ...options })
  const kinds = (): string =>
    sink
      .records()
      .map(({ event }) => event.kind)
      .join()
  return { ...listener, service, kinds, started: started.promise, end: end.resolve }
}

async function headersOf(command = '/mail/send', audience: string = self.did) {
  const call = await invoke({ issuer: agent, audience, subject: owner.did, command, args: {}, proofs: [grant] })
  return { 'x-ucan-container': encodeContainer([call, grant]) }
}

const post = async (url: string, headers?: Record<string, string>): Promise<Response> =>
  fetch(url, { method: 'POST', headers: headers ?? (await headersOf()) })

describe('a service that listens', () => {
  it('HTP-44 serves calls, revocations and its health, on this machine alone', async () => {
    const { url, port, service } = await setUp({ revocationsAt: '/revocations', healthAt: '/health' })
    expect(url).toBe(`http://127.0.0.1:${port}`)
    // Of a server without an address, these reach it too.
    for (const host of ['127.0.0.2', '::1']) await expect(connected(port, host), host).rejects.toThrow()
    expect(await (await post(`${url}/any/path`)).json()).toBe('sent')
    expect((await post(url, {})).status).toBe(401)
    const healthy = await fetch(`${url}/health?x=1`)
    expect([healthy.status, await healthy.text(), healthy.headers.get('cache-control')]).toEqual([200, '', 'no-store'])
    expect((await post(`${url}/health`, {})).status).toBe(401)
    for (const path of ['/Health', '/health/', '//health', '/%68ealth'])
      expect((await fetch(url + path)).status, path).toBe(401)
    const revocation = encodeContainer([await revoke({ issuer: owner, delegation: grant }), grant])
    expect((await post(`${url}/revocations`, { 'x-ucan-container': revocation })).status).toBe(204)
    expect(await (await post(url)).json()).toMatchObject({ code: 'revoked' })
    await service.close()
    expect((await fetch(`${url}/health`)).status).toBe(503)
  })

  it('HTP-44 answers the calls in progress when it closes, takes no further connection, and then closes the service', async () => {
    const { url, port, service, kinds, started, end, close } = await setUp()
    const agentOfClient = new Agent({ keepAlive: true })
    const answer = getWith(agentOfClient, url, await headersOf('/wait'))
    await started
    const closed = close()
    expect(close()).toBe(closed)
    expect(service.health().status).toBe('open')
    await expect(connected(port)).rejects.toThrow(/ECONNREFUSED/)
    expect(service.health().status).toBe('open')
    end()
    expect(await answer).toEqual({ status: 200, body: '"waited"' })
    // The connection is kept alive by the client; it does not keep the server.
    await closed
    expect(kinds()).toBe('intent,outcome')
    expect(service.health().status).not.toBe('open')
    agentOfClient.destroy()
  })

  it('HTP-44 aborts a call that takes longer than `closeMs`, and a request that never ends, and records', async () => {
    const { url, port, kinds, started, end, close } = await setUp({ closeMs: 50 })
    const stuck = await connected(port)
    const cut = once(stuck, 'close')
    stuck.write(
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-ucan-container\r\ncontent-length: 9\r\n\r\nC',
    )
    const lost = expect(post(url, await headersOf('/wait'))).rejects.toThrow()
    const signal = await started
    const closed = close()
    await lost
    await cut
    if (!signal.aborted) await once(signal, 'abort')
    end()
    await closed
    expect(kinds()).toBe('intent,outcome')
  })

  it('rejects with the error of the service, and ends by `await using` too', async () => {
    const { service, url } = await setUp()
    const failing = { ...service, close: () => service.close().then(() => Promise.reject(new Error('no disk'))) }
    const other = await listenForCalls(failing, { port: 0 })
    await expect(other.close()).rejects.toThrow('no disk')
    await expect(fetch(other.url)).rejects.toThrow()
    await listener?.[Symbol.asyncDispose]()
    await expect(fetch(url)).rejects.toThrow()
  })

  it('names an address of IPv6 as in a URL', async () => {
    const { service } = await setUp()
    const named = await listenForCalls(service, { port: 0, host: '::1' }).then(
      async ({ url, close }) => {
        await close()
        return url
      },
      // A machine may have no address of IPv6.
      ({ message }: Error) => message,
    )
    expect(named).toMatch(
      /^(?:http:\/\/\[::1\]:\d+$|cannot listen on `\[::1\]:0`: this machine does not have the address)/,
    )
  })

  it('is refused with the option and the remedy', async () => {
    const { service, port } = await setUp()
    const refused = (options: object, one: unknown = service) =>
      expect(listenForCalls(one as Service, { port: 0, ...options } as ListenForCallsOptions)).rejects
    await refused({ port }).toThrow(
      `cannot listen on \`127.0.0.1:${port}\`: the address is already in use (EADDRINUSE); stop the process that uses it, or change \`port\` or \`host\``,
    )
    for (const wrong of [undefined, Number.NaN, '8080', -1, 65_536, 1.5])
      await refused({ port: wrong }).toThrow(/`port` must be an integer >= 0 and <= 65535/)
    for (const wrong of [['SIGFOO'], ['SIGKILL'], ['SIGSTOP'], ['toString'], ['SIGTERM', 'sigint'], 'SIGTERM'])
      await refused({ signals: wrong }).toThrow(
        /`signals` (?:has an invalid item: \[\d\] must be the name|must be an array)/,
      )
    await refused({ healthAt: 'health' }).toThrow(/`healthAt` must be a path/)
    await refused({ healthAt: '/a', revocationsAt: '/a' }).toThrow(/must be different paths/)
    await refused({ helthAt: '/health' }).toThrow(/listenForCalls has no option `helthAt`; did you mean `healthAt`\?/)
    await refused({ command: '/other' }).toThrow(/for which the service has no handler/)
    await refused({ host: '' }).toThrow(ArgumentError)
    await refused({ closeMs: 0 }).toThrow(/`closeMs`/)
    await refused({}, { call: service.call, revoke: service.revoke }).toThrow(/`service` must be a service/)
    const bare = { call: service.call, revoke: service.revoke, close: service.close }
    await refused({ healthAt: '/health' }, bare).toThrow(/requires a service with a method `health`/)
    await refused({}, null).toThrow(ArgumentError)
  })

  it('handles the signals that it is given, and none', async () => {
    const { close } = await setUp({ signals: [] })
    expect(handled.map((signal) => process.listenerCount(signal))).toEqual(counts)
    await close()
    const signals = ['SIGHUP', 'SIGHUP']
    const { close: end } = await setUp({ signals })
    signals.splice(0)
    expect([...handled, 'SIGHUP'].map((signal) => process.listenerCount(signal))).toEqual([...counts, 1])
    await end()
    expect(process.listenerCount('SIGHUP')).toBe(0)
  })
})

describe('the process of a service', () => {
  it('HTP-44 ends by itself after a signal, when the call in progress is answered and recorded', async () => {
    const { child, url, output } = await startProcess()
    const answer = post(url, await headersOf('/wait'))
    await once(child, 'message')
    child.kill('SIGTERM')
    await refusing(url)
    child.send('done')
    expect(await (await answer).json()).toBe('done')
    expect(await once(child, 'close')).toEqual([0, null])
    expect(output()).toBe('intent,outcome')
  }, 60_000)

  it('HTP-44 closes each service of a worker of a cluster before it ends, and reports a failure by its exit code', async () => {
    const { child, output } = startProgram(new URL('listening-cluster.ts', import.meta.url))
    await once(child, 'close')
    expect(output()).toBe('closed, exit code 1')
  }, 60_000)

  it('HTP-44 ends at a second signal, whatever is in progress', async () => {
    const { child, url } = await startProcess()
    const answer = expect(post(url, await headersOf('/wait'))).rejects.toThrow()
    await once(child, 'message')
    child.kill('SIGINT')
    await refusing(url)
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([null, 'SIGTERM'])
    await answer
  }, 60_000)
})

async function startProcess(): Promise<{ child: ChildProcess; url: string; output: () => string }> {
  const { child, output } = startProgram(new URL('listening-process.ts', import.meta.url))
  const [port] = await once(child, 'message')
  return { child, url: `http://127.0.0.1:${port}`, output }
}

function startProgram(program: URL): { readonly child: ChildProcess; readonly output: () => string } {
  const child = fork(fileURLToPath(program), [self.did], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return { child, output: () => Buffer.concat(chunks).toString() }
}

/** A promise with its function, which Node 20 does not have. */
function settleable<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: settle }
}

/** Waits until a server takes no connection. */
async function refusing(url: string): Promise<void> {
  const port = Number(new URL(url).port)
  while (
    await connected(port).then(
      (socket) => socket.destroy(),
      () => undefined,
    )
  )
    await new Promise(setImmediate)
}

function connected(port: number, host = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket))
    socket.on('error', reject)
  })
}

function getWith(agentOfClient: Agent, url: string, headers: Record<string, string>) {
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const sent = request(url, { agent: agentOfClient, method: 'POST', headers }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() })
    })
    sent.on('error', reject)
    sent.end()
  })
}
