import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { afterEach, describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError, StoreError } from '../../src/errors.ts'
import { signPage } from '../../src/revocation-sources/feed/page.ts'
import {
  type RemoteRevocationsOptions,
  remoteRevocations,
} from '../../src/revocation-sources/lookup/remote-revocations.ts'
import {
  type RevocationLookupOptions,
  revocationLookup,
} from '../../src/revocation-sources/lookup/revocation-lookup.ts'
import { type Answer, type Question, readQuestion, signAnswer } from '../../src/revocation-sources/lookup/statement.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { never } from '../../src/time.ts'
import { sqliteFile } from '../stores/open-sqlite.ts'
import { actor } from '../support/actors.ts'
import { serveFetch } from './serve.ts'
import { cidNumber } from './sources.ts'

const publisher = await actor('publisher')
const alice = await actor('alice')
const bob = await actor('bob')
const start = 1_000_000
const url = 'https://authority.example/look-up'
const chain = [cidNumber(1), alice.did, cidNumber(2), bob.did]

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function publish(change: Partial<RevocationLookupOptions> = {}) {
  const revocations = memoryRevocationStore()
  const errors: unknown[] = []
  const lookup = revocationLookup({
    revocations,
    signer: publisher,
    authorize: (request) => request.headers.get('authorization') === 'Bearer right',
    onError: (error) => errors.push(error),
    ...change,
  })
  const revoke = (id: string, revoker?: typeof alice.did): void =>
    void revocations.add({ ids: [id], expiration: never, ...(revoker !== undefined && { revoker }) })
  return { ...lookup, revoke, errors }
}

/** A reader of a publisher that can be cut off, and whose clock a test sets. */
function reader(
  answer: (request: Request) => Promise<Response>,
  change: Partial<RemoteRevocationsOptions> = {},
): ReturnType<typeof remoteRevocations> & { asked: number; isDown: boolean; time: number } {
  const state = { asked: 0, isDown: false, time: start }
  const store = remoteRevocations({
    url,
    publisher: publisher.did,
    headers: async () => ({ authorization: 'Bearer right' }),
    retryMs: 1e-3,
    timeoutMs: 60_000,
    clock: { now: () => state.time },
    fetch: async (address, init) => {
      state.asked += 1
      if (state.isDown) throw new TypeError('fetch failed')
      return answer(new Request(address, init))
    },
    ...change,
  })
  return Object.assign(state, store)
}

/** Answers questions as a publisher that lies in some way. */
function liar(change: (question: Question) => Partial<Answer>, signer = publisher): (r: Request) => Promise<Response> {
  return async (request) => {
    const question = readQuestion(await request.text())
    const answer = { publisher: publisher.did, nonce: question.nonce, ageMs: 0, records: [], ...change(question) }
    return new Response(await signAnswer(answer, signer, backend))
  }
}

describe('a look-up of revocations', () => {
  it('RVK-50 goes over HTTP, with the revokers', async () => {
    const { fetch, revoke } = publish()
    const served = await serveFetch(fetch)
    closing.push(served.close)
    const options = { url: served.url, publisher: publisher.did, maxAge: 0, timeoutMs: 60_000 }
    const store = remoteRevocations({ ...options, headers: () => ({ authorization: 'Bearer right' }) })
    expect(await store.findRevocations(chain, {})).toEqual([])
    revoke(cidNumber(2), alice.did)
    revoke(bob.did)
    expect(await store.findRevocations(chain, {})).toEqual([{ id: cidNumber(2), revoker: alice.did }, { id: bob.did }])
    await expect(remoteRevocations(options).findRevocations(chain, {})).rejects.toThrow('status 403')
  })

  it('RVK-51 is not answered from a question that is older than `maxAge`', async () => {
    const { fetch, revoke } = publish()
    const held: (() => void)[] = []
    const store = reader(
      async (request) => {
        const response = await fetch(request)
        if (store.asked === 1) await new Promise<void>((resolve) => held.push(resolve))
        return response
      },
      { maxAge: 0 },
    )
    const first = store.findRevocations(chain, {})
    await expect.poll(() => held.length).toBe(1)
    revoke(bob.did)
    expect(await store.findRevocations(chain, {})).toEqual([{ id: bob.did }])
    held[0]?.()
    expect(await first).toEqual([])
    // The older answer arrived later, and does not replace the newer one.
    expect(store.asked).toBe(2)
    store.isDown = true
    expect(await store.findRevocations(chain, {})).toEqual([{ id: bob.did }])
  })

  it('RVK-51 is answered again from the last answer about the same chain, for `maxAge`', async () => {
    const { fetch, revoke } = publish()
    const store = reader(fetch, { maxAge: 30 })
    expect(store.knowledge()).toBe(undefined)
    await Promise.all([store.findRevocations(chain, {}), store.findRevocations(chain, {})])
    expect(store.asked).toBe(1)
    revoke(bob.did)
    store.time += 20
    expect(await store.findRevocations(chain, {})).toEqual([])
    expect(store.knowledge()).toEqual({ ageSeconds: 20, stale: false })
    // A part of the chain is another question: a store may leave out revokers that it does not contain.
    expect(await store.findRevocations(chain.slice(2), {})).toEqual([{ id: bob.did }])
    store.time += 11
    expect(store.knowledge()).toEqual({ ageSeconds: 11, stale: false })
    expect(await store.findRevocations(chain, {})).toEqual([{ id: bob.did }])
    expect(store.asked).toBe(3)
  })

  it('RVK-51 has the age of the data of the publisher', async () => {
    let behind = 12
    const revocations = { findRevocations: () => [], knowledge: () => ({ ageSeconds: behind, stale: false }) }
    const store = reader(publish({ revocations }).fetch, { maxAge: 30 })
    await store.findRevocations(chain, {})
    expect(store.knowledge()?.ageSeconds).toBeCloseTo(12, 0)
    store.time += 19
    behind = 31
    await expect(store.findRevocations(chain, {})).rejects.toThrow('31000 ms behind')
    const unaware = publish({ revocations: { findRevocations: () => [], knowledge: () => undefined } })
    await expect(reader(unaware.fetch).findRevocations(chain, {})).rejects.toThrow('status 503')
    expect(unaware.errors).toHaveLength(1)
  })

  it('RVK-51 does not become younger if a clock goes back', async () => {
    const store = reader(publish().fetch, { maxAge: 30 })
    await store.findRevocations(chain, {})
    store.time -= 1_000
    expect(store.knowledge()?.ageSeconds).toBeGreaterThanOrEqual(0)
    const revocations = { findRevocations: () => [], knowledge: () => ({ ageSeconds: 12, stale: false }) }
    const { fetch } = publish({ revocations })
    const setBack = async (request: Request): Promise<Response> => {
      behind.time -= 1_000
      return fetch(request)
    }
    const behind = reader(setBack, { maxAge: 30 })
    await behind.findRevocations(chain, {})
    expect(behind.knowledge()?.ageSeconds).toBeGreaterThanOrEqual(12)
    store.time += 1_031
    await store.findRevocations(chain, {})
    expect(store.asked).toBe(2)
  })

  it('RVK-52 is refused if the publisher is down, also for a chain that was known', async () => {
    const store = reader(publish().fetch, { maxAge: 30 })
    await store.findRevocations(chain, {})
    store.isDown = true
    store.time += 31
    await expect(store.findRevocations(chain, {})).rejects.toThrow('fetch failed')
    store.isDown = false
    expect(await store.findRevocations(chain, {})).toEqual([])
  })

  it('RVK-52 is answered from an older answer if the operator allows it, which is recorded', async () => {
    const { fetch, revoke } = publish()
    revoke(cidNumber(1), alice.did)
    const store = reader(fetch, { maxAge: 30, dangerouslyAllowStaleFor: 60 })
    const before = await store.findRevocations(chain, {})
    store.isDown = true
    store.time += 90
    expect(await store.findRevocations(chain, {})).toEqual(before)
    expect(store.knowledge()).toEqual({ ageSeconds: 90, stale: true })
    await expect(store.findRevocations(chain.slice(1), {})).rejects.toThrow('fetch failed')
    store.time += 1
    await expect(store.findRevocations(chain, {})).rejects.toThrow('fetch failed')
    expect(store.knowledge()).toBe(undefined)
  })

  it('RVK-52 is stale while the publisher is down, and no longer when it answers any question', async () => {
    const store = reader(publish().fetch, { maxAge: 30, dangerouslyAllowStaleFor: 60 })
    await store.findRevocations(chain, {})
    store.time += 30
    await store.findRevocations(chain, {})
    expect(store.asked).toBe(1)
    store.time += 10
    expect(store.knowledge()).toEqual({ ageSeconds: 30, stale: false })
    store.isDown = true
    await expect(store.findRevocations([bob.did], {})).rejects.toThrow('fetch failed')
    expect(store.knowledge()).toEqual({ ageSeconds: 40, stale: true })
    store.time -= 10
    expect(store.knowledge()).toEqual({ ageSeconds: 30, stale: false })
    store.time += 10
    store.isDown = false
    await store.findRevocations([bob.did], {})
    expect(store.knowledge()).toEqual({ ageSeconds: 30, stale: false })
  })

  it('RVK-52 keeps principals revoked, and what the operator revoked, however old the answer is', async () => {
    const { fetch, revoke } = publish()
    revoke(cidNumber(1), alice.did)
    revoke(cidNumber(2))
    revoke(bob.did, alice.did)
    const store = reader(fetch, { maxAge: 30 })
    await store.findRevocations(chain, {})
    store.isDown = true
    store.time += 100_000
    expect(await store.findRevocations(chain, {})).toEqual([{ id: cidNumber(2) }, { id: bob.did, revoker: alice.did }])
  })

  it('RVK-52 does not wait again for a publisher that hung a moment ago', async () => {
    const requests: Request[] = []
    const hanging = (request: Request): Promise<never> => {
      requests.push(request)
      return new Promise(() => undefined)
    }
    const store = reader(hanging, { timeoutMs: 20, retryMs: 600_000 })
    await expect(store.findRevocations(chain, {})).rejects.toThrow('did not respond within 20 ms')
    expect(requests.map(({ signal }) => signal.aborted)).toEqual([true])
    await expect(store.findRevocations(chain.slice(1), {})).rejects.toThrow('failed a moment ago')
    expect(store.asked).toBe(1)
  })

  it('RVK-53 is answered for other chains when one cannot be answered [attack 81]', async () => {
    const { fetch, revoke } = publish()
    const names = Array.from({ length: 300 }, (_, at) => `did:web:s${at}.example` as typeof alice.did)
    const state = { answer: fetch }
    const store = reader((request) => state.answer(request), {
      retryMs: 60_000,
      maxAge: 0,
      dangerouslyAllowStaleFor: 60,
    })
    expect(await store.findRevocations(chain, {})).toEqual([])
    // A question of too many names, and one with a long answer.
    await expect(store.findRevocations([cidNumber(1), ...names], {})).rejects.toThrow('status 400')
    for (const name of names) revoke(name)
    for (const name of names) for (let at = 3; at < 7; at++) revoke(cidNumber(at), name)
    const wide = [3, 4, 5, 6].map(cidNumber)
    await expect(store.findRevocations([...wide, ...names.slice(0, 250)], {})).rejects.toThrow('status 422')
    expect(await store.findRevocations([...wide, alice.did], {})).toEqual([])
    for (const wrong of [new Response('no'), new Response('x'.repeat(200_000)), new Response('', { status: 404 })]) {
      state.answer = async () => wrong.clone()
      await expect(store.findRevocations([cidNumber(9), bob.did], {})).rejects.toThrow(StoreError)
      // An answer that is wrong is no reason for an older one.
      await expect(store.findRevocations(chain, {})).rejects.toThrow(StoreError)
      expect(store.knowledge()?.stale).toBe(false)
      state.answer = fetch
      expect(await store.findRevocations(chain, {})).toEqual([])
    }
    for (const absent of [new Response('', { status: 503 }), new TypeError('fetch failed')]) {
      const other = reader(
        async () => {
          if (absent instanceof Response) return absent
          throw absent
        },
        { retryMs: 60_000 },
      )
      await expect(other.findRevocations(chain, {})).rejects.toThrow()
      await expect(other.findRevocations(chain, {})).rejects.toThrow('failed a moment ago')
    }
  })

  it('RVK-53 finds a delegation that is asked for in another spelling, and answers in that spelling', async () => {
    const given = publish()
    const file = sqliteFile()
    const secret = new Uint8Array(32).fill(7)
    prepareSqliteStores({ database: file.open(), secret })
    const { revocations } = sqliteStores({ database: file.open(), secret })
    const shared = publish({ revocations })
    const other = CID.parse(cidNumber(1)).toString(base58btc)
    for (const { fetch, add } of [
      { fetch: given.fetch, add: () => given.revoke(cidNumber(1)) },
      { fetch: shared.fetch, add: () => revocations.add({ ids: [cidNumber(1)], expiration: never }) },
    ]) {
      await add()
      expect(await reader(fetch).findRevocations([other, alice.did], {})).toEqual([{ id: other }])
    }
    file.close()
  })

  it('RVK-51 is refused if the machine was suspended while the answer was on its way', async () => {
    const { fetch } = publish()
    const store = reader(async (request) => {
      store.time += 3_600
      return fetch(request)
    })
    await expect(store.findRevocations(chain, {})).rejects.toThrow('arrived too late')
  })

  it('keeps a bounded number of answers, the latest ones', async () => {
    const store = reader(publish().fetch, { maxEntries: 2 })
    for (const id of [1, 2, 3, 2, 1]) await store.findRevocations([cidNumber(id)], {})
    expect(store.asked).toBe(4)
  })

  it('is not sent for no names', async () => {
    const store = reader(publish().fetch)
    expect(await store.findRevocations([], {})).toEqual([])
    expect(store.asked).toBe(0)
  })

  it('ends the wait of a caller alone', async () => {
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => {
      go = resolve
    })
    const { fetch } = publish()
    const store = reader(async (request) => waiting.then(() => fetch(request)))
    const ended = store.findRevocations(chain, { signal: AbortSignal.abort(new Error('ended')) })
    const other = store.findRevocations(chain, {})
    await expect(ended).rejects.toThrow('ended')
    go()
    expect(await other).toEqual([])
  })
})

describe('a hostile answer', () => {
  const page = {
    publisher: publisher.did,
    journal: 'aa',
    after: 0,
    through: 0,
    time: start,
    complete: true,
    entries: [],
  }
  it.each<[string, (request: Request) => Promise<Response>]>([
    ['by another signer', liar(() => ({}), bob)],
    ['that names another publisher', liar(() => ({ publisher: bob.did }))],
    ['to another question', liar(() => ({ nonce: 'a'.repeat(22) }))],
    ['about another name', liar(() => ({ records: [{ id: cidNumber(9) }] }))],
    ['with a negative age', liar(() => ({ ageMs: -1 }))],
    ['with a revoker that is not a DID', liar(() => ({ records: [{ id: bob.did, revoker: 'bob' as never }] }))],
    ['with a record without a name', liar(() => ({ records: [{ id: '' }] }))],
    ['with a further field', liar(() => ({ further: 1 }) as object)],
    ['that is a page of a feed', async () => new Response(await signPage(page, publisher, backend))],
    [
      'that was altered',
      async (request) => new Response((await (await liar(() => ({}))(request)).text()).replace(/.\./, '.')),
    ],
    ['of three parts', async (request) => new Response(`${await (await liar(() => ({}))(request)).text()}.a`)],
    ['without end', async () => new Response('a'.repeat(200_000))],
    ['that is empty', async () => new Response('')],
    [
      'that was redirected',
      async (request) => {
        const response = await liar(() => ({}))(request)
        return Object.defineProperty(response, 'redirected', { value: true })
      },
    ],
    [
      'with another status',
      async (request) => new Response(await (await liar(() => ({}))(request)).text(), { status: 201 }),
    ],
  ])('RVK-50 %s is refused', async (_, answer) => {
    await expect(reader(answer).findRevocations(chain, {})).rejects.toThrow(StoreError)
  })

  it('RVK-50 that was recorded is refused', async () => {
    const { fetch, revoke } = publish()
    const recorded: string[] = []
    const store = reader(
      async (request) => {
        const text = await (await fetch(request)).text()
        recorded.push(text)
        return new Response(recorded[0])
      },
      { maxAge: 0 },
    )
    expect(await store.findRevocations(chain, {})).toEqual([])
    revoke(bob.did)
    await expect(store.findRevocations(chain, {})).rejects.toThrow('the answer to another question')
    expect(recorded).toHaveLength(2)
  })
})

describe('a hostile question', () => {
  const ask = (body: string): Request =>
    new Request(url, { method: 'POST', headers: { authorization: 'Bearer right' }, body })
  const nonce = 'a'.repeat(22)

  it.each([
    ['text', 'a'],
    ['null', 'null'],
    ['no names', JSON.stringify({ ids: [], nonce })],
    ['too many names', JSON.stringify({ ids: Array(257).fill(bob.did), nonce })],
    ['a long name', JSON.stringify({ ids: ['a'.repeat(257)], nonce })],
    ['a number as name', JSON.stringify({ ids: [7], nonce })],
    ['a name that is neither a CID nor a DID', JSON.stringify({ ids: ['alice'], nonce })],
    ['no nonce', JSON.stringify({ ids: [bob.did] })],
    ['a nonce that is a list', JSON.stringify({ ids: [bob.did], nonce: [nonce] })],
    ['a nonce that is text', JSON.stringify({ ids: [bob.did], nonce: `${nonce} and more` })],
    ['a further field', JSON.stringify({ ids: [bob.did], nonce, further: 1 })],
    ['too many characters', 'a'.repeat(200_000)],
  ])('with %s is refused', async (_, body) => {
    const { fetch, errors } = publish()
    expect([(await fetch(ask(body))).status, errors]).toEqual([400, []])
  })

  it('has 256 names at most, and an authorization that may take its time', async () => {
    const { fetch } = publish({ authorize: async () => true })
    const ids = Array.from({ length: 256 }, (_, at) => cidNumber(at))
    expect((await fetch(ask(JSON.stringify({ ids, nonce })))).status).toBe(200)
    const refusing = publish({ authorize: async () => false })
    expect((await refusing.fetch(ask(JSON.stringify({ ids, nonce })))).status).toBe(403)
  })

  it('ends when its reader leaves, and so does the query of the store', async () => {
    const leaving = new AbortController()
    let query: AbortSignal | undefined
    const { fetch } = publish({
      revocations: {
        findRevocations: (_ids, { signal }) => {
          query = signal
          leaving.abort(new Error('the reader has left'))
          return new Promise<never>(() => undefined)
        },
      },
      timeoutMs: 600_000,
    })
    const request = new Request(ask(JSON.stringify({ ids: [bob.did], nonce })), { signal: leaving.signal })
    expect((await fetch(request)).status).toBe(503)
    expect(query?.aborted).toBe(true)
  })

  it('without authorization, or by GET, is refused', async () => {
    const { fetch } = publish()
    const byGet = await fetch(new Request(url))
    expect([byGet.status, byGet.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await fetch(new Request(url, { method: 'POST', body: 'a' }))).status).toBe(403)
  })

  it('is not answered while the store hangs or fails', async () => {
    for (const findRevocations of [
      () => new Promise<never>(() => undefined),
      () => Promise.reject(new Error('down')),
    ]) {
      const { fetch, errors } = publish({ revocations: { findRevocations }, timeoutMs: 20 })
      expect((await fetch(ask(JSON.stringify({ ids: [bob.did], nonce })))).status).toBe(503)
      expect(errors.map(String)).toEqual([expect.stringMatching(/not answered within 20 ms|down/)])
    }
  })
})

describe('remoteRevocations', () => {
  it('refuses an address without encryption, or with a password', () => {
    for (const address of ['http://authority.example', 'https://a:b@authority.example', 'authority']) {
      expect(() => remoteRevocations({ url: address, publisher: publisher.did })).toThrow(ArgumentError)
    }
  })

  it.each(['maxAge', 'dangerouslyAllowStaleFor'])('refuses a bound `%s` that never ends', (name) => {
    for (const seconds of [-1, Number.POSITIVE_INFINITY, Number.NaN, '30']) {
      expect(() => remoteRevocations({ url, publisher: publisher.did, [name]: seconds })).toThrow(
        `\`${name}\` must be a finite number >= 0`,
      )
    }
  })
})
