import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toOcsf } from '../../src/audit/events/ocsf.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import type { GuardedCall } from '../../src/guard/call.ts'
import { createGuard, type Guard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { readContainer } from '../../src/http/read-container.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { Secret } from '../../src/vault/secret.ts'
import { inCi } from '../property/runs.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, chainOf, service } from '../support/service.ts'
import { withShortStacks } from '../support/short-stacks.ts'
import { serve, type TestServer } from '../vault/support.ts'

withShortStacks()

/** The canary in the secret, and the canary in the arguments of the calls. */
const secretCanary = 'kanarie5Zt2Wm'
const argumentCanary = 'argument8Pb6Qs'
const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string(), number: z.number() } })
let upstream: TestServer

/** Responses that repeat the request, in the ways in which an upstream can fail. */
beforeAll(async () => {
  upstream = await serve(({ url, headers }, response) => {
    const echo = JSON.stringify({ url, headers })
    const said = { 'x-echo': String(headers.authorization), 'set-cookie': `s=${headers.authorization}` }
    if (url === '/reset') response.destroy()
    else if (url === '/cut') {
      response.writeHead(200, { ...said, 'content-length': '90000' }).write(echo)
      setTimeout(() => response.destroy(), 2)
    } else if (url === '/elsewhere') response.writeHead(302, { ...said, location: 'https://evil.example/' }).end(echo)
    else if (url === '/odd') response.writeHead(799, said).end(echo)
    else response.writeHead(url === '/error' ? 500 : 200, said).end(echo)
  })
})
afterAll(() => upstream.close())

const paths = ['echo', 'error', 'reset', 'cut', 'elsewhere', 'odd']
/** The ways in which handlers use a response. */
const handlers: Readonly<Record<string, (handled: GuardedCall, url: string) => Promise<unknown>>> = {
  'returns the body': async (handled, url) => (await handled.fetch(url)).text(),
  'returns the headers': async (handled, url) => [...(await handled.fetch(url)).headers],
  'throws the body': async (handled, url) => {
    throw new Error(await (await handled.fetch(url)).text())
  },
  'throws an error with the answer in it': async (handled, url) => {
    throw Object.assign(new Error('failed'), { response: await handled.fetch(url), code: 'E_MAIL' })
  },
  'sends it elsewhere': async (handled) => handled.fetch('https://evil.example/'),
  'asks for the secret': async (handled) => (await handled.lease()).secret.reveal(),
  'asks twice': async (handled, url) => {
    await handled.fetch(url)
    return handled.fetch(url)
  },
  'returns the call': async (handled) =>
    inspect(handled, { depth: 9, showHidden: true }).replaceAll(argumentCanary, ''),
  'reads the secret badly': async (handled, url) => (await handled.fetch(url)).json(),
}
/** Faults in other parts. */
const faults = ['nothing', 'the store', 'the audit', 'the revocation'] as const
/** Every handler at every path under every fault in CI. Elsewhere a fourth of them, with each two in one of them. */
const ways = faults
  .flatMap((fault) => paths.flatMap((path) => Object.values(handlers).map((handler) => ({ fault, path, handler }))))
  .filter((_, index) => inCi || (index + Math.floor(index / 36)) % 4 === 0)

describe('a failing call', () => {
  it(`reveals neither the secret nor the arguments, in ${ways.length} ways [attack 77]`, async () => {
    let fault: (typeof faults)[number] = 'nothing'
    let asked = 0
    const seen: unknown[] = []
    const inner = memoryAuditSink()
    const failing = (what: typeof fault): void => {
      // The error of a custom source may contain the canary; a store or a sink does not know it.
      const said = what === 'the store' ? `${secretCanary} ${argumentCanary}` : 'down'
      if (fault === what) throw Object.assign(new Error(said), { code: 'E_DOWN' })
    }
    const guard: Guard<{ readonly to: string; readonly number: number }> = createGuard({
      audience: service.did,
      subjects: [alice.did],
      commands: [{ ...send, credential: 'mail', show: ['number'] }] as GuardOptions<{
        readonly to: string
        readonly number: number
      }>['commands'],
      revocations: {
        findRevocations: () => {
          asked += 1
          if (asked % 2 === 0) failing('the revocation')
          return []
        },
      },
      replay: memoryReplayStore({ clock }),
      vault: createVault({
        clock,
        source: {
          name: 'test',
          read: async (reference) => {
            failing('the store')
            const secret = new Secret(`sk-${secretCanary}`)
            return { reference, secret, version: '1', kind: 'static', downscoped: false, readAt: now }
          },
        },
        credentials: { mail: { origins: [upstream.origin], processor: bearer() } },
      }),
      audit: {
        sink: {
          ...inner,
          append: async (event, options) => {
            if (event.kind === 'released') failing('the audit')
            return inner.append(event, options)
          },
        },
        argumentKey: new Uint8Array(32).fill(7),
        denials: { perIssuer: 10_000, inAll: 10_000 },
      },
      receipts: service,
      clock,
      onError: (error) => void seen.push(error),
      onEvent: (event) => void seen.push(event),
      tracer: {
        startSpan: (name) => ({
          setAttribute: (attribute, value) => void seen.push([name, attribute, value]),
          end: () => undefined,
        }),
      },
    })
    let act: (handled: GuardedCall) => Promise<unknown> = async () => undefined
    const server = createServer(async (request, response) => {
      const read = await readContainer(request)
      if (!read.found) return response.writeHead(read.status).end(read.message)
      try {
        return response.end(JSON.stringify(await guard.use(read.container, (handled) => act(handled))))
      } catch (error) {
        // The response of a careless service: everything that printing shows of an error.
        return response.writeHead(502).end(inspect(error, { depth: 9, showHidden: true }))
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const ask = async (container: string): Promise<string> => {
      const response = await fetch(at, { method: 'POST', headers: { authorization: `Bearer ${container}` } })
      return `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`
    }

    let calls = 0
    const answers: string[] = []
    for (const way of ways) {
      calls += 1
      fault = way.fault
      act = (handled) => way.handler(handled, `${upstream.origin}/${way.path}`)
      const args = { to: argumentCanary, number: calls }
      const invocation = await call({ issuer: bob, proofs, args })
      answers.push(await ask(encodeContainer([invocation, ...proofs])))
    }
    fault = 'nothing'
    for (const args of [{ to: [argumentCanary], number: 1 }, { to: argumentCanary }, { [argumentCanary]: 1 }]) {
      const invocation = await call({ issuer: bob, proofs, args: args as never })
      answers.push(await ask(encodeContainer([invocation, ...proofs])))
    }
    await guard.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))

    expect(calls).toBeGreaterThan(inCi ? 200 : 50)
    const records = inner.records()
    const told = [
      ...answers,
      ...inner.lines(),
      JSON.stringify(records.map((record) => toOcsf(record, { product: { name: 'a', vendorName: 'b' } }))),
      inspect(seen, { depth: 12, showHidden: true, maxArrayLength: null, maxStringLength: null }),
      inspect(guard, { depth: 12, showHidden: true }),
    ]
    const encoded = Buffer.from(secretCanary).toString('base64').slice(0, 14)
    for (const text of told) {
      expect(text).not.toContain(secretCanary)
      expect(text).not.toContain(encoded)
    }
    for (const text of [...inner.lines(), ...told.slice(-3)]) expect(text).not.toContain(argumentCanary)
    expect(new Set(records.map(({ event }) => event.kind))).toEqual(
      new Set(['intent', 'released', 'outcome', 'denied']),
    )
    expect(answers.filter((answer) => answer.startsWith('200')).length).toBeGreaterThan(calls / 10)
  }, 60_000)
})
