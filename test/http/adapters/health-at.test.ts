// node only: starts servers
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { text } from '../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { fetchHandler } from '../../../src/http/adapters/fetch.ts'
import { nodeHandler } from '../../../src/http/adapters/node.ts'
import { bindToForwarded } from '../../../src/http/binding/forwarded-binding.ts'
import { bindToRequest, type RequestBinding } from '../../../src/http/binding/request-binding.ts'
import { on } from '../../../src/service/on.ts'
import { createService } from '../../../src/service/service.ts'
import { actor, clock } from '../../support/actors.ts'
import { call, chainOf, service as self } from '../../support/service.ts'
import { mounts } from './servers.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const at = '/api/health'

const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

function newService(sink = memoryAuditSink()) {
  const service = createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on(defineCommand({ command: '/mail/send', args: { to: text() } }), ({ args }) => args.to)],
    ...memoryStores({ clock }),
    registry: true,
    audit: { sink },
    clock,
  })
  return { service, sink }
}

describe('SVC-23 the health of a service whose stores are away', () => {
  const separate = memoryStores({ clock })
  const serviceWith = (change: object) =>
    createService({
      audience: self.did,
      subjects: [alice.did],
      handlers: [on(defineCommand({ command: '/mail/send', args: { to: text() } }), ({ args }) => args.to)],
      ...separate,
      audit: { sink: memoryAuditSink() },
      clock,
      ...change,
    })
  const healthOf = async (handle: (request: Request) => Promise<Response>): Promise<number> =>
    (await handle(new Request('https://service.example/health'))).status

  it.each<[string, () => unknown, number]>([
    ['fails', () => Promise.reject(new Error('not prepared')), 503],
    ['throws', () => JSON.parse('{'), 503],
    ['does not answer', () => new Promise(() => undefined), 503],
    ['answers', () => [], 200],
  ])('is asked for before the first call: the store %s', async (_, findRevocations, status) => {
    const service = serviceWith({ revocations: { findRevocations } })
    const handle = fetchHandler(service, { healthAt: '/health' })
    expect(await Promise.all([healthOf(handle), healthOf(handle)])).toEqual([status, status])
    expect(service.health().stores).toBe(status === 200 ? 'answered' : 'failed')
  })

  it('is that of the last call, and is asked for again', async () => {
    let isAway = true
    const claim: typeof separate.replay.claim = (...given) => {
      if (isAway) throw new Error('away')
      return separate.replay.claim(...given)
    }
    const service = serviceWith({ replay: { claim } })
    const handle = fetchHandler(service, { healthAt: '/health' })
    const ask = async () => {
      const proofs = await chainOf(alice, bob)
      return service.call(encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann' } }), ...proofs]))
    }
    expect(await healthOf(handle)).toBe(200)
    expect(await ask()).toMatchObject({ denial: { code: 'replay_unknown' } })
    expect(await healthOf(handle)).toBe(503)
    isAway = false
    expect(await ask()).toMatchObject({ allowed: true })
    expect(await healthOf(handle)).toBe(200)
  })
})

describe('SVC-23 the health of a service after a failed call', () => {
  it('is bad for ten seconds: a service that gets no calls until it is healthy has no other way back', async () => {
    let isAway = true
    const sink = memoryAuditSink()
    const { service } = newService({
      ...sink,
      append: (...given) => (isAway ? Promise.reject(new Error('away')) : sink.append(...given)),
    })
    const proofs = await chainOf(alice, bob)
    const ask = async () =>
      service.call(encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann' } }), ...proofs]))
    const start = performance.now()
    const now = vi.spyOn(performance, 'now').mockReturnValue(start)
    onTestFinished(() => now.mockRestore())
    expect((await service.checkHealth()).healthy).toBe(true)
    expect(await ask()).toMatchObject({ denial: { code: 'audit_unavailable' } })
    now.mockReturnValue(start + 9_999)
    expect(await service.checkHealth()).toMatchObject({ healthy: false, audit: { healthy: false } })
    now.mockReturnValue(start + 10_000)
    expect(await service.checkHealth()).toMatchObject({ healthy: true, audit: { healthy: false } })
    expect(await ask()).toMatchObject({ denial: { code: 'audit_unavailable' } })
    expect((await service.checkHealth()).healthy).toBe(false)
    isAway = false
    expect(await ask()).toMatchObject({ allowed: true })
    expect(await service.checkHealth()).toMatchObject({ healthy: true, audit: { healthy: true } })
  })
})

describe('HTP-45 a path for health checks beside the calls', () => {
  for (const [name, start] of Object.entries(mounts)) {
    it(`HTP-45 answers GET and HEAD without a container in ${name}, with nothing else, and calls everywhere else`, async () => {
      const { service, sink } = newService()
      const { port, close } = await start(service, { healthAt: at, revocationsAt: '/api/revocations' })
      closing.push(close, () => service.close())
      const url = `http://127.0.0.1:${port}`
      const ask = async (path: string, method = 'GET', headers = {}) => {
        const response = await fetch(url + path, { method, headers })
        const body = await response.text()
        return { status: response.status, body, kept: response.headers.get('cache-control') }
      }
      const healthy = { status: 200, body: '', kept: 'no-store' }
      expect(await ask(at)).toEqual(healthy)
      expect(await ask(`${at}?from=probe`)).toEqual(healthy)
      expect(await ask(at, 'HEAD')).toEqual(healthy)
      for (const path of ['/api/Health', `${at}/`, '/api//health', '/api/%68ealth', '/api/mail', '/api/revocations'])
        expect((await ask(path)).status, path).toBe(401)
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
        expect((await ask(at, method)).status, method).toBe(401)
      // A call at the path, by GET, is not decided, and so not used up.
      const proofs = await chainOf(alice, bob)
      const container = encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann' } }), ...proofs])
      const headers = { 'x-ucan-container': container }
      expect(await ask(at, 'GET', headers)).toEqual(healthy)
      expect(sink.records()).toEqual([])
      expect(await ask(at, 'POST', headers)).toMatchObject({ status: 200, body: '"ann"' })
      await service.close()
      expect(await ask(at)).toEqual({ ...healthy, status: 503 })
      expect(await ask(at, 'HEAD')).toEqual({ ...healthy, status: 503 })
    })
  }

  it('HTP-45 is 503 where the service cannot report its health, without the error', async () => {
    const { service } = newService()
    for (const health of [
      () => {
        throw new Error('canary')
      },
      () => undefined as never,
      () => ({ healthy: 'yes' }) as never,
    ]) {
      const response = await fetchHandler(
        { ...service, health },
        { healthAt: at },
      )(new Request(`http://a.example${at}`))
      expect([response.status, await response.text()]).toEqual([503, ''])
    }
    await service.close()
  })

  it('HTP-53 is refused at once where a proxy could take the answer for a permission, or nothing could answer', async () => {
    const { service } = newService()
    const origins = ['https://a.example']
    const both = { healthAt: at, bind: bindToForwarded({ origins }) }
    expect(() => nodeHandler(service, both)).toThrow(/forward authentication cannot have `healthAt`/)
    expect(() => nodeHandler(service, { healthAt: at, statuses: 'auth_request' })).toThrow(/forward authentication/)
    expect(() => nodeHandler(service, { healthAt: at, bind: bindToRequest({ origins }) })).not.toThrow()
    // A binding of the program may wrap either of them, with or without the mark.
    const [forwarded, direct] = [bindToForwarded({ origins }), bindToRequest({ origins })]
    const read: RequestBinding['read'] = (request) => forwarded.read(request)
    for (const bind of [
      { read },
      { read, asksForProxy: undefined },
      { read, asksForProxy: 0 as never },
      { ...forwarded },
      Object.create(forwarded),
      new Proxy(forwarded, {}),
      { read: direct.read },
    ])
      expect(() => nodeHandler(service, { healthAt: at, bind })).toThrow(/forward authentication|`asksForProxy: false`/)
    for (const bind of [{ ...direct }, Object.create(direct), { read: direct.read, asksForProxy: false }])
      expect(() => nodeHandler(service, { healthAt: at, revocationsAt: '/revocations', bind })).not.toThrow()
    for (const options of [{ statuses: 'auth_request' }, { bind: forwarded }, { bind: { read } }] as const)
      expect(() => nodeHandler(service, { revocationsAt: at, ...options })).toThrow(
        /forward authentication cannot have `revocationsAt`|`revocationsAt` requires that `bind`/,
      )
    expect(() => nodeHandler(service, { bind: { read } })).not.toThrow()
    expect(() => nodeHandler(service, { healthAt: at, revocationsAt: at })).toThrow(/must be different paths/)
    for (const wrong of ['health', '', '/a?b', '/a#b', 7])
      expect(() => nodeHandler(service, { healthAt: wrong as never })).toThrow(/`healthAt` must be a path/)
    const { health: _, ...bare } = service
    expect(() => nodeHandler(bare, { healthAt: at })).toThrow(/requires a service with a method `health`/)
    await service.close()
  })
})
