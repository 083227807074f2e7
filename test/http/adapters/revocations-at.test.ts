// node only: starts servers
import { afterAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { text } from '../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { revoke } from '../../../src/core/revocation/revoke.ts'
import { nodeHandler } from '../../../src/http/adapters/node.ts'
import { revocationFeedSource } from '../../../src/revocation-sources/feed/feed-source.ts'
import { revocationFeed } from '../../../src/revocation-sources/feed/revocation-feed.ts'
import { followRevocations } from '../../../src/revocation-sources/follow-revocations.ts'
import { on } from '../../../src/service/on.ts'
import { createService } from '../../../src/service/service.ts'
import { actor, clock } from '../../support/actors.ts'
import { call, chainOf, service as self } from '../../support/service.ts'
import { type Mount, mounts } from './servers.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const at = '/api/revocations'

const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

async function setUp(start: Mount, withFeed = false) {
  const proofs = await chainOf(alice, bob)
  const revocations = memoryRevocationStore({ clock })
  const feed = revocationFeed({ journal: revocations, signer: self, authorize: () => true, pollMs: 60_000, clock })
  const sink = memoryAuditSink()
  const service = createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on(defineCommand({ command: '/mail/send', args: { to: text() } }), ({ args }) => args.to)],
    ...memoryStores({ clock }),
    revocations,
    registry: true,
    audit: { sink },
    resources: [feed],
    clock,
  })
  const { port, close } = await start(service, { revocationsAt: at, ...(withFeed && { feed }) })
  closing.push(close, () => service.close())
  const url = `http://127.0.0.1:${port}`
  const send = async (path: string, container: string, method = 'POST'): Promise<number> => {
    const response = await fetch(url + path, { method, headers: { 'x-ucan-container': container } })
    await response.arrayBuffer()
    expect(response.headers.has('ucan-revoked')).toBe(path.split('?')[0] === at && response.status === 204)
    return response.status
  }
  const aCall = async (): Promise<string> =>
    encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann' } }), ...proofs])
  const revocation = encodeContainer([await revoke({ issuer: alice, delegation: proofs[0] as never }), ...proofs])
  return { url, send, aCall, revocation, revoked: String(proofs[0]?.cid), sink }
}

describe('HTP-29 a path for revocations beside the calls', () => {
  for (const [name, start] of Object.entries(mounts)) {
    it(`HTP-43 takes revocations, and no calls, in ${name}; other paths take calls, and no revocations`, async () => {
      const { url, send, aCall, revocation, revoked, sink } = await setUp(start)
      expect(await send('/api/mail', await aCall())).toBe(200)
      // A call is not a revocation, and is not used up by the wrong path.
      const held = await aCall()
      expect(await send(at, held)).toBe(400)
      expect(await send('/api/mail', held)).toBe(200)
      // Other spellings of the path are other paths.
      for (const path of ['/api/mail', `${at}/`, '/api/Revocations', '/api/revocation%73', '/api//revocations'])
        expect(await send(path, revocation), path).toBeGreaterThanOrEqual(400)
      expect(await send('/api/mail', await aCall())).toBe(200)
      expect(await send(`${at}?from=cli`, revocation)).toBe(204)
      expect(await send('/api/mail', await aCall())).toBe(401)
      // HTP-43
      const init = { method: 'POST', headers: { 'x-ucan-container': revocation } }
      const { status, headers } = await fetch(url + at, init)
      expect([status, headers.get('ucan-revoked'), headers.get('cache-control')]).toEqual([204, revoked, 'no-store'])
      expect(sink.records().map(({ event }) => event.kind)).toContain('revoked')
    })

    it(`gives GET to the feed, which hears of each revocation at once, in ${name}`, async () => {
      const { url, send, revocation, revoked } = await setUp(start, true)
      const source = revocationFeedSource({ url: url + at, publisher: self.did })
      const copy = followRevocations({ source, maxAge: 600, clock })
      closing.unshift(() => copy.close())
      await copy.ready()
      expect(copy.findRevocations([revoked, alice.did])).toEqual([])
      expect(await send(at, revocation)).toBe(204)
      // The feed looks at its journal once a minute: only the notice brings the entry.
      await expect.poll(() => copy.findRevocations([revoked, alice.did]).length, { timeout: 5_000 }).toBe(1)
    })
  }

  it('HTP-28 is refused at once where nothing could take a revocation, or nobody could reach the feed', () => {
    const options = {
      audience: self.did,
      subjects: [alice.did],
      handlers: [on(defineCommand({ command: '/a', args: {} }), () => 1)],
      audit: { sink: memoryAuditSink() },
      ...memoryStores({ clock }),
    }
    const feed = { fetch: async () => new Response() }
    const [without, service] = [createService(options), createService({ ...options, registry: true })]
    expect(() => nodeHandler(without, { revocationsAt: at })).toThrow(/`revocationsAt` is set.*`registry: true`/)
    for (const wrong of ['revocations', '', '/a?b', '/a#b', 7])
      expect(() => nodeHandler(service, { revocationsAt: wrong as never })).toThrow(/must be a path/)
    expect(() => nodeHandler(service, { feed })).toThrow(/`feed` requires `revocationsAt`/)
    expect(() => nodeHandler(service, { feed: {} as never, revocationsAt: at })).toThrow(/`feed`/)
    expect(() => nodeHandler(service, { takes: 'revocations', revocationsAt: at })).toThrow(/exclude each other/)
  })
})
