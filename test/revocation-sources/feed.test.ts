import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { JournalEntry, RevocationJournal } from '../../src/core/revocation/revocation-journal.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import {
  type RevocationFeedSourceOptions,
  revocationFeedSource,
} from '../../src/revocation-sources/feed/feed-source.ts'
import { type RevocationFeedOptions, revocationFeed } from '../../src/revocation-sources/feed/revocation-feed.ts'
import {
  type FollowedRevocations,
  type FollowRevocationsOptions,
  followRevocations,
} from '../../src/revocation-sources/follow-revocations.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { never } from '../../src/time.ts'
import { inCi } from '../property/runs.ts'
import { sqliteFile } from '../stores/open-sqlite.ts'
import { actor } from '../support/actors.ts'
import { call, chainOf, serviceOptions, verdict } from '../support/service.ts'
import { until } from '../support/until.ts'
import { type Served, serveFetch } from './serve.ts'
import { cidNumber } from './sources.ts'

const publisher = await actor('publisher')
const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((name) => actor(name)))
if (!alice || !bob || !carol) throw new Error('no actors')
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function publish(options: Partial<RevocationFeedOptions> = {}): Promise<Served & { readonly errors: unknown[] }> {
  const errors: unknown[] = []
  const feed = revocationFeed({
    journal: memoryRevocationStore(),
    signer: publisher,
    authorize: () => true,
    pollMs: 5,
    onError: (error) => errors.push(error),
    ...options,
  })
  const served = await serveFetch(feed.fetch)
  closing.push(async () => {
    feed.close()
    await served.close()
  })
  return { ...served, errors }
}

function follow(
  url: string,
  options: Partial<RevocationFeedSourceOptions> = {},
  following: Partial<FollowRevocationsOptions> = {},
): FollowedRevocations & { readonly errors: Error[] } {
  const errors: Error[] = []
  const store = followRevocations({
    source: revocationFeedSource({ url, publisher: publisher.did, ...options }),
    maxRetryMs: 5,
    onError: (error) => errors.push(error as Error),
    ...following,
  })
  closing.push(store.close)
  return { ...store, errors }
}

const knows = (store: FollowedRevocations, id: string): boolean => store.findRevocations([id, alice.did]).length > 0

/** Entries of a long journal. */
const count = inCi ? 10_000 : 1_200

describe('a feed of revocations', () => {
  it('brings what was added before and what is added later, with revokers', async () => {
    const journal = memoryRevocationStore()
    await journal.add({ ids: [cidNumber(1), cidNumber(2)], revoker: alice.did, expiration: never })
    await journal.add({ ids: [bob.did], expiration: never })
    const { url, errors } = await publish({ journal })
    const store = follow(url)
    await store.ready()
    expect(store.findRevocations([cidNumber(1), cidNumber(2), cidNumber(3), alice.did, bob.did])).toEqual([
      { id: cidNumber(1), revoker: alice.did },
      { id: cidNumber(2), revoker: alice.did },
      { id: bob.did },
    ])
    await journal.add({ ids: [cidNumber(3)], expiration: never })
    await until(() => knows(store, cidNumber(3)))
    expect([...errors, ...store.errors]).toEqual([])
  })

  it('ends a call of an authorizer elsewhere [attack 19]', async () => {
    const journal = memoryRevocationStore()
    const { url } = await publish({ journal })
    const revocations = follow(url)
    await revocations.ready()
    const proofs = await chainOf(alice, bob)
    const authorizer = createAuthorizer({ ...serviceOptions(), revocations })
    const decide = async () =>
      verdict(await authorizer.authorize(encodeContainer([await call({ issuer: bob, proofs }), ...proofs])))
    expect(await decide()).toBe('allowed')
    const [grant] = proofs
    if (grant === undefined) throw new Error('no grant')
    const revocation = await revoke({ issuer: alice, delegation: grant })
    const token = encodeContainer([revocation, ...proofs])
    await journal.add({ ids: [String(grant.cid)], revoker: alice.did, expiration: never, token })
    await until(() => knows(revocations, String(grant.cid)))
    expect(await decide()).toBe('revoked at 0 RVK-05')
  })

  it('RVK-26 resumes where a cut stream ended, and loses nothing over many cuts', async () => {
    const journal = memoryRevocationStore()
    const seen: (string | null)[] = []
    const served = await publish({
      journal,
      authorize(request) {
        seen.push(request.headers.get('last-event-id'))
        return true
      },
    })
    const store = follow(served.url)
    await store.ready()
    for (let number = 0; number < 60; number++) {
      await journal.add({ ids: [cidNumber(number)], expiration: never })
      if (number % 10 === 5) {
        await until(() => knows(store, cidNumber(number - 1)))
        served.cut()
      }
    }
    await until(() => knows(store, cidNumber(59)))
    const ids = Array.from({ length: 60 }, (_, number) => cidNumber(number))
    expect(store.findRevocations(ids)).toHaveLength(60)
    expect(seen[0]).toBe(null)
    expect(seen.slice(1).every((place) => /^[0-9a-f]{32}:\d+$/.test(place ?? ''))).toBe(true)
    expect(seen.length).toBeGreaterThan(3)
  })

  it('RVK-26 sends everything again after the publisher lost its journal, and the copy keeps what it had', async () => {
    let journal = memoryRevocationStore()
    await journal.add({ ids: [cidNumber(1)], expiration: never })
    const served = await publish({ journal: { listRevocations: (options) => journal.listRevocations(options) } })
    const store = follow(served.url)
    await store.ready()
    journal = memoryRevocationStore()
    await journal.add({ ids: [cidNumber(2)], expiration: never })
    await until(() => knows(store, cidNumber(2)))
    expect(knows(store, cidNumber(1))).toBe(true)
    expect(store.errors).toEqual([])
  })

  it(`brings ${count.toLocaleString('en')} entries of a file to a follower that starts later, and their number is bounded on the way`, async () => {
    const file = sqliteFile()
    const secret = new Uint8Array(32).fill(7)
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    const writer = sqliteStores({ database: file.open(), secret }).revocations
    await Promise.all(
      Array.from({ length: count }, (_, number) => writer.add({ ids: [cidNumber(number)], expiration: never })),
    )
    const lengths: number[] = []
    const reader = sqliteStores({ database: file.open(), secret }).revocations
    const { url } = await publish({
      journal: {
        async listRevocations(options) {
          const page = await reader.listRevocations(options)
          lengths.push(page.entries.length)
          return page
        },
      },
    })
    const store = follow(url)
    await store.ready()
    const ids = Array.from({ length: count }, (_, number) => cidNumber(number))
    expect(store.findRevocations(ids)).toHaveLength(count)
    expect(Math.max(...lengths)).toBe(500)
    await writer.add({ ids: [bob.did], expiration: never })
    await until(() => knows(store, bob.did))
    closing.unshift(() => file.close())
  })

  it('stays current by heartbeats alone, and grows old when they stop', async () => {
    let time = 1_000_000
    const clock = { now: () => time }
    const served = await publish({ clock, heartbeatMs: 5 })
    const store = follow(served.url, {}, { clock, maxAge: 30 })
    await store.ready()
    time += 31
    await until(() => store.knowledge()?.stale === false)
    await served.close()
    time += 31
    expect(() => store.findRevocations([cidNumber(0)])).toThrow('31 seconds old')
  })

  it('returns a part to a plain GET, with the place after it', async () => {
    const journal = memoryRevocationStore()
    await journal.add({ ids: [cidNumber(1)], expiration: never })
    const { url } = await publish({ journal })
    const response = await fetch(url)
    expect(response.status).toBe(200)
    expect(await response.text()).toMatch(/^[\w-]+\.[\w-]{86}$/)
    const next = response.headers.get('x-next')
    expect(next).toMatch(/^[0-9a-f]{32}:1$/)
    expect((await fetch(`${url}?after=${next}`)).headers.get('x-next')).toBe(next)
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
  })

  it('RVK-25 ends a part after the entry that fills it, so that a follower can take each part', async () => {
    const idsOf = (entry: number): string[] => Array.from({ length: 4_500 }, (_, at) => cidNumber(entry * 4_500 + at))
    const all: readonly JournalEntry[] = [idsOf(0), idsOf(1), idsOf(2), [alice.did]].map((ids, at) => ({
      sequence: at + 1,
      entry: { ids, expiration: never },
    }))
    const journal: RevocationJournal = {
      listRevocations: async ({ after, limit }) => {
        const entries = all.filter(({ sequence }) => sequence > after).slice(0, limit)
        return { journal: 'a', head: all.length, entries }
      },
    }
    const { url, errors } = await publish({ journal })
    const places: string[] = []
    for (let after = ''; places.length < 4 && !after.endsWith(':4'); places.push(after)) {
      const response = await fetch(`${url}?after=${after}`)
      expect((await response.text()).length).toBeLessThan(1_000_000)
      after = response.headers.get('x-next') ?? ''
    }
    expect(places.map((place) => place.split(':')[1])).toEqual(['1', '2', '3', '4'])
    const store = follow(url)
    await store.ready()
    const last = [0, 1, 2].map((entry) => cidNumber(entry * 4_500 + 4_499))
    expect(store.findRevocations([...last, alice.did]).map(({ id }) => id)).toEqual([...last, alice.did])
    expect([...errors, ...store.errors]).toEqual([])
  })

  it('ends the stream of a reader that left before its request was answered', async () => {
    const feed = revocationFeed({
      journal: memoryRevocationStore(),
      signer: publisher,
      authorize: async () => {
        leaving.abort()
        return true
      },
      maxStreams: 1,
    })
    closing.push(() => feed.close())
    let leaving = new AbortController()
    for (let reader = 0; reader < 3; reader++) {
      leaving = new AbortController()
      const headers = { accept: 'text/event-stream' }
      const response = await feed.fetch(new Request('https://a.example', { headers, signal: leaving.signal }))
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('')
    }
  })

  it.each([
    ['refuses', () => false],
    ['answers with something that is not true', () => 1 as never],
    ['refuses later', async () => false],
  ])('RVK-24 refuses a reader when authorize %s', async (_, authorize) => {
    const { url } = await publish({ authorize })
    for (const accept of ['text/plain', 'text/event-stream']) {
      const response = await fetch(url, { headers: { accept } })
      expect(response.status).toBe(403)
      expect(await response.text()).not.toContain('.')
    }
  })

  it('RVK-24 refuses a reader when authorize throws, and reports the error', async () => {
    const { url, errors } = await publish({ authorize: () => Promise.reject(new Error('no directory')) })
    expect((await fetch(url)).status).toBe(503)
    expect(errors).toEqual([new Error('no directory')])
    const store = follow(url)
    await until(() => store.errors.length > 0)
    expect(store.errors[0]?.message).toContain('status 503')
  })

  it('sends the headers of the reader with each request', async () => {
    const seen: (string | null)[] = []
    const served = await publish({
      authorize(request) {
        seen.push(request.headers.get('authorization'))
        return request.headers.get('authorization') !== null
      },
    })
    let number = 0
    const store = follow(served.url, { headers: () => ({ authorization: `Bearer ${++number}` }) })
    await store.ready()
    served.cut()
    await until(() => seen.length > 1)
    expect(seen.slice(0, 2)).toEqual(['Bearer 1', 'Bearer 2'])
  })

  it('refuses more streams than it may have, and has room again when one ends', async () => {
    const served = await publish({ maxStreams: 1 })
    const first = follow(served.url)
    await first.ready()
    const second = follow(served.url)
    await until(() => second.errors.length > 0)
    expect(second.errors[0]?.message).toContain('status 503')
    await first.close()
    await second.ready()
  })

  it('RVK-20 is unknown, and then answers, when the journal of the publisher fails for a while', async () => {
    const store = memoryRevocationStore()
    let broken = true
    const { url, errors } = await publish({
      journal: {
        listRevocations(options) {
          if (broken) throw new Error('disk')
          return store.listRevocations(options)
        },
      },
    })
    const copy = follow(url)
    await until(() => copy.errors.length > 2)
    expect(() => copy.findRevocations([cidNumber(0)])).toThrow('not complete yet')
    broken = false
    await copy.ready()
    expect(errors.length).toBeGreaterThan(0)
  })

  it('follows a publisher that restarts on the same file, and a follower that restarts gets everything', async () => {
    const file = sqliteFile()
    const secret = new Uint8Array(32).fill(7)
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    const open = () => sqliteStores({ database: file.open(), secret }).revocations
    let handler = revocationFeed({ journal: open(), signer: publisher, authorize: () => true, pollMs: 5 })
    const served = await serveFetch((request) => handler.fetch(request))
    closing.push(() => file.close(), served.close)
    const first = follow(served.url)
    await first.ready()
    for (let number = 0; number < 5; number++) {
      handler.close()
      handler = revocationFeed({ journal: open(), signer: publisher, authorize: () => true, pollMs: 5 })
      await open().add({ ids: [cidNumber(number)], expiration: never })
      await until(() => knows(first, cidNumber(number)))
    }
    const second = follow(served.url)
    await second.ready()
    expect(second.findRevocations(Array.from({ length: 5 }, (_, number) => cidNumber(number)))).toHaveLength(5)
    handler.close()
  })

  it('gives up a server that accepts and is silent', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    closing.push(() => silent.close())
    const store = follow(`http://127.0.0.1:${port}/`, { idleMs: 20 })
    await until(() => store.errors.length > 1)
    expect(store.errors[0]?.message).toBe('the feed sent nothing for 20 ms')
  })

  it.each(['http://feed.example/', 'https://a:b@feed.example/', 'https://:b@feed.example/', 'file:///a', 'feed'])(
    'does not read %s',
    (url) => {
      expect(() => revocationFeedSource({ url, publisher: publisher.did })).toThrow('must be an `https:` URL')
    },
  )
})
