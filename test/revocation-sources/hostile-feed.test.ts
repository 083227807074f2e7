import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { encodeContainerBytes } from '../../src/core/container/container.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { type Did, parseDid } from '../../src/core/did/did.ts'
import { type DidResolver, keyResolver } from '../../src/core/did/resolver.ts'
import { encodeBase64url } from '../../src/core/ipld/base.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import type { RevocationEntry } from '../../src/core/revocation/revocation-store.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { revocationFeedSource } from '../../src/revocation-sources/feed/feed-source.ts'
import { maxPageText, type Page, signPage } from '../../src/revocation-sources/feed/page.ts'
import { type FollowedRevocations, followRevocations } from '../../src/revocation-sources/follow-revocations.ts'
import { never } from '../../src/time.ts'
import { actor } from '../support/actors.ts'
import { delegationPayload, invocationPayload, sealRaw } from '../support/raw-token.ts'
import { chainOf, delegateRaw } from '../support/service.ts'
import { until } from '../support/until.ts'
import { type Served, serveStream } from './serve.ts'
import { cidNumber } from './sources.ts'

const publisher = await actor('publisher')
const [alice, bob, mallory] = await Promise.all(['alice', 'bob', 'mallory'].map((name) => actor(name)))
if (!alice || !bob || !mallory) throw new Error('no actors')
const start = 1_000_000

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const entry = (id: string): RevocationEntry => ({ ids: [id], expiration: never })

/** The text of a page with some fields changed. */
function pageText(change: Partial<Page> = {}, signer = publisher): Promise<string> {
  const page: Page = {
    publisher: publisher.did,
    journal: 'aa',
    after: 0,
    through: 1,
    time: start,
    complete: true,
    entries: [entry(cidNumber(1))],
    ...change,
  }
  return signPage(page, signer, backend)
}

const eventOf = (text: string): string => `id: x\ndata: ${text}\n\n`

/** Serves these texts to each reader, and keeps the connection open. */
async function serve(...texts: readonly string[]): Promise<Served & { readonly places: (string | undefined)[] }> {
  const places: (string | undefined)[] = []
  const served = await serveStream((outgoing, place) => {
    places.push(place)
    for (const text of texts) outgoing.write(text)
  })
  closing.push(served.close)
  return { ...served, places }
}

/** A key as a document has it. */
const namedKey = ({ algorithm, publicKey: bytes }: Signer, did: Did) => ({ algorithm, bytes, did })

type Copy = FollowedRevocations & { readonly errors: Error[] }

function follow(url: string, options: Partial<Parameters<typeof revocationFeedSource>[0]> = {}): Copy {
  const errors: Error[] = []
  const store = followRevocations({
    source: revocationFeedSource({ url, publisher: publisher.did, ...options }),
    maxRetryMs: 5,
    clock: { now: () => start },
    onError: (error) => errors.push(error as Error),
  })
  closing.push(store.close)
  return { ...store, errors }
}

/** The first error of a copy that follows these texts. It knows nothing then, and answers nothing. */
async function refusalOf(...texts: readonly string[]): Promise<string> {
  const { url } = await serve(...texts)
  const store = follow(url)
  await until(() => store.errors.length > 0)
  expect(() => store.findRevocations([cidNumber(7)])).toThrow('not complete yet')
  return store.errors[0]?.message ?? ''
}

describe('a hostile feed', () => {
  it('RVK-25 is not believed without the signature of the publisher, over each byte of the page', async () => {
    const genuine = await pageText()
    const [body = '', signature = ''] = genuine.split('.')
    const other = await pageText({ entries: [entry(cidNumber(2))] })
    const swapped = `${other.split('.')[0]}.${signature}`
    const notSigned = `the page of the feed is not signed by ${publisher.did}`
    expect(await refusalOf(eventOf(await pageText({}, mallory)))).toBe(notSigned)
    expect(await refusalOf(eventOf(swapped))).toBe(notSigned)
    for (const text of [`${body}.`, body, '', '.', `${genuine}.${signature}`, 'null', '{}', `${genuine}=`]) {
      expect(await refusalOf(eventOf(text)), text.slice(0, 20)).toMatch(/^the page of the feed /)
    }
  })

  it.each<[string, Partial<Record<keyof Page | 'more', unknown>>]>([
    ['another publisher', { publisher: mallory.did }],
    ['a journal without a name', { journal: '' }],
    ['a journal with a line feed', { journal: 'a\nb' }],
    ['a number below 0', { after: -1 }],
    ['a number that is text', { through: '1' }],
    ['an end before its beginning', { after: 3, through: 2 }],
    ['a time that is no number', { time: null }],
    ['a completeness that is no flag', { complete: 1 }],
    ['a field that pages do not have', { more: 1 }],
  ])('RVK-25 is not believed with %s, although it is signed', async (_, change) => {
    expect(await refusalOf(eventOf(await pageText(change as Partial<Page>)))).toMatch(
      /^the page of the feed is malformed/,
    )
  })

  it.each<[string, object]>([
    ['a text', { text: 'x' }],
    ['an id that is neither', { ids: ['a name'], expiration: null }],
    ['no id', { ids: [], expiration: null }],
    ['a revoker that is not a DID', { ids: [cidNumber(1)], revoker: 'x', expiration: null }],
    ['no expiration', { ids: [cidNumber(1)] }],
    ['a further field', { ids: [cidNumber(1)], expiration: null, unrevoke: true }],
  ])('RVK-25 is not believed if an entry has %s', async (_, wrong) => {
    // `signPage` writes entries in their form only.
    const bytes = encodeCbor({
      publisher: publisher.did,
      journal: 'aa',
      after: 0,
      through: 1,
      time: start,
      complete: true,
      entries: [wrong as never],
    })
    const statement = encodeCbor(['procura/revocation-page@1', await backend.sha256(bytes)])
    const text = `${encodeBase64url(bytes)}.${encodeBase64url(await publisher.sign(statement))}`
    expect(await refusalOf(eventOf(text))).toMatch(/^the page of the feed is malformed: /)
  })

  it('RVK-26 is read again from the reached place when it leaves out entries', async () => {
    const { url, places } = await serve(
      eventOf(await pageText()),
      eventOf(await pageText({ after: 5, through: 6, entries: [entry(cidNumber(6))] })),
    )
    const store = follow(url)
    await until(() => places.length > 1)
    expect(store.errors[0]?.message).toBe('the feed left out entries: it continues after 5, and 1 was reached')
    expect(places[1]).toBe('aa:1')
    expect(store.findRevocations([cidNumber(6)])).toEqual([])
  })

  it('RVK-26 may repeat and reorder events: nothing is lost, and the place does not go back', async () => {
    const pages = await Promise.all([
      pageText({ complete: false }),
      pageText({ after: 1, through: 2, complete: false, entries: [entry(cidNumber(2))] }),
      pageText({ after: 2, through: 4, entries: [entry(cidNumber(3)), entry(cidNumber(4))] }),
    ])
    const order = [0, 0, 1, 0, 1, 2, 0, 2, 1, 2]
    const { url, places } = await serve(...order.map((index) => eventOf(pages[index] ?? '')), 'data: cut off')
    const store = follow(url)
    await store.ready()
    const ids = [1, 2, 3, 4].map(cidNumber)
    expect(store.findRevocations(ids).map(({ id }) => id)).toEqual(ids)
    expect(store.errors).toEqual([])
    expect(places).toEqual([undefined])
  })

  it('RVK-26 cannot make a copy current with an old page, nor with one of a journal that lost entries', async () => {
    const old = await pageText({ time: start - 1000 })
    const newer = await pageText({ after: 1, through: 9, time: start - 500, entries: [] })
    const shorter = await pageText({ after: 0, through: 3, time: start, entries: [] })
    const { url } = await serve(eventOf(old), eventOf(newer), eventOf(old), eventOf(shorter))
    const store = follow(url)
    await until(() => store.errors.length > 0)
    expect(store.errors[0]?.message).toContain('the journal of the publisher has lost entries')
    expect(store.knowledge()?.ageSeconds).toBeGreaterThanOrEqual(500)
    expect(store.findRevocations([cidNumber(1)])).toEqual([{ id: cidNumber(1) }])
  })

  it('RVK-27 is left when it sends bytes, but no page', async () => {
    const served = await serveStream((outgoing) => {
      const timer = setInterval(() => outgoing.write(': still here\n'), 1)
      outgoing.on('close', () => clearInterval(timer))
    })
    closing.push(served.close)
    const store = follow(served.url, { idleMs: 50 })
    await until(() => store.errors.length > 1)
    expect(store.errors[0]?.message).toBe('the feed sent nothing for 50 ms')
  })

  it.each<[string, string]>([
    ['a line that does not end', `data: ${'a'.repeat(1 << 16)}`],
    ['lines that do not end an event', `data: ${'a'.repeat(1 << 10)}\n`],
    ['comments', `:${'a'.repeat(1 << 10)}\n`],
    ['empty lines', '\n'.repeat(1 << 12)],
  ])('RVK-28 is left when it sends %s without end', async (_, text) => {
    const served = await serveStream((outgoing) => pour(outgoing, text))
    closing.push(served.close)
    const store = follow(served.url)
    await until(() => store.errors.length > 0)
    await store.close()
    expect(store.errors[0]?.message).toBe(`the feed sent more than ${maxPageText} characters without an end`)
  })

  it.each(['\r', '\r\n', '\n'])(
    'is read with lines that end in %j, and ids, waits and kinds of events',
    async (end) => {
      const text = `: hello\nretry: 5\nevent: page\nid: x\ndata: ${await pageText()}\n\n`.replaceAll('\n', end)
      const served = await serve(text, end)
      closing.push(served.close)
      const store = follow(served.url)
      await until(() => store.knowledge() !== undefined)
      expect([store.findRevocations([cidNumber(1)]), store.errors]).toEqual([[{ id: cidNumber(1) }], []])
      await store.close()
    },
  )

  it('RVK-28 is left when its headers do not end', async () => {
    const server = createServer()
    server.on('connection', (socket) => {
      socket.on('error', () => undefined)
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = (): void => {
        if (!socket.destroyed) socket.write(`x-${'a'.repeat(1_000)}: b\r\n`, () => setImmediate(more))
      }
      more()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const store = follow(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await until(() => store.errors.length > 1)
  })

  it.each<[string, number, Record<string, string>]>([
    ['an error', 500, { 'content-type': 'text/event-stream' }],
    ['another type', 200, { 'content-type': 'text/html' }],
    ['a redirect', 302, { location: 'http://127.0.0.1:1/' }],
  ])('is left when it responds with %s', async (_, status, headers) => {
    const server = createServer((_request, outgoing) => outgoing.writeHead(status, headers).end('x'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => void server.close())
    const store = follow(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await until(() => store.errors.length > 1)
    expect(() => store.findRevocations([cidNumber(1)])).toThrow('not complete yet')
  })
})

describe('RVK-29 the token of a revocation', async () => {
  const proofs = await chainOf(alice, bob)
  const [grant] = proofs
  if (grant === undefined) throw new Error('no grant')
  const id = String(grant.cid)
  const token = encodeContainerBytes([await revoke({ issuer: alice, delegation: grant }), ...proofs])

  async function copyOf(given: RevocationEntry, requireTokens = false): Promise<Copy> {
    const { url } = await serve(eventOf(await pageText({ through: 2, entries: [given, entry(cidNumber(2))] })))
    return follow(url, { requireTokens })
  }

  it('is verified again', async () => {
    const store = await copyOf({ ids: [id], revoker: alice.did, expiration: never, token })
    await store.ready()
    expect(store.findRevocations([id, alice.did])).toEqual([{ id, revoker: alice.did }])
  })

  it.each<[string, Partial<RevocationEntry>]>([
    ['another delegation', { ids: [cidNumber(5)] }],
    ['one delegation too many', { ids: [id, bob.did] }],
    ['another revoker', { revoker: bob.did }],
    ['the operator', { revoker: undefined as never }],
    ['nothing', { token: new Uint8Array(9) }],
  ])('does not count for %s: the other entries are added, and the copy is not current', async (_, change) => {
    const given = { ids: [id], revoker: alice.did, expiration: never, token, ...change }
    if (given.revoker === undefined) delete (given as { revoker?: unknown }).revoker
    const store = await copyOf(given as RevocationEntry)
    await until(() => store.errors.length > 0)
    expect(store.errors[0]?.message).toMatch(/^the token of a revocation of the feed /)
    expect(store.knowledge()).toBe(undefined)
    expect(store.findRevocations([cidNumber(2)])).toEqual([{ id: cidNumber(2) }])
    expect(() => store.findRevocations([id, cidNumber(5), bob.did])).toThrow('not complete yet')
  })

  describe('that cannot be verified any more', () => {
    const web = parseDid('did:web:mallory.example')
    const payload = { ...invocationPayload(web), cmd: '/ucan/revoke', args: { revoke: grant.cid }, exp: null }

    /** A revocation by a `did:web`, whose keys the follower cannot find, or which are others now. */
    async function byWeb(): Promise<RevocationEntry> {
      const given = { ...delegationPayload(web, (alice as Signer).did), sub: web }
      const own = await decodeDelegation(await sealRaw(mallory as Signer, { payload: given }))
      const revocation = await sealRaw(mallory as Signer, {
        tag: 'ucan/inv@1.0.0',
        payload: { ...payload, args: { revoke: own.cid } },
      })
      const proof = encodeContainerBytes([{ bytes: revocation }, own])
      return { ids: [String(own.cid)], revoker: web, expiration: never, token: proof }
    }

    /** A revocation by a key to which the owner gave the right for a time that has passed. */
    async function byExpired(): Promise<RevocationEntry> {
      const key = mallory as Signer
      const right = await delegateRaw(alice as Signer, key, { command: '/ucan/revoke', expiration: 1_000 })
      const revocation = await revoke({
        issuer: key,
        subject: (alice as Signer).did,
        delegation: grant as never,
        proofs: [right],
      })
      return {
        ids: [id],
        revoker: (alice as Signer).did,
        expiration: never,
        token: encodeContainerBytes([revocation, right, ...proofs]),
      }
    }

    it.each([
      ['key_unresolved', false, keyResolver()],
      ['key_unresolved', true, keyResolver()],
      ['signature_invalid', false, undefined],
      ['signature_invalid', true, undefined],
    ] as const)('stops no follower: %s, required: %s', async (code, requireTokens, given) => {
      const other = {
        resolve: (did: Did) => keyResolver().resolve(did, {}) ?? { keys: [namedKey(bob as Signer, did)] },
      }
      const resolver = given ?? (other as DidResolver)
      const own = await byWeb()
      const entries = requireTokens ? [own] : [own, entry(cidNumber(2))]
      const { url } = await serve(eventOf(await pageText({ through: 2, entries })))
      const store = follow(url, { requireTokens, resolver })
      await store.ready()
      const found = store.findRevocations([...own.ids, web])
      expect(found).toEqual(requireTokens ? [] : [{ id: own.ids[0], revoker: web }])
      const reported = [`the token of a revocation of the feed was refused: ${code}`]
      expect(store.errors.map(({ message }) => message)).toEqual(requireTokens ? reported : [])
    })

    it.each([true, false])(
      'because the right to revoke has expired is accepted, required: %s',
      async (requireTokens) => {
        const { url } = await serve(eventOf(await pageText({ entries: [await byExpired()] })))
        const store = follow(url, { requireTokens })
        await store.ready()
        expect(store.findRevocations([id, (alice as Signer).did])).toHaveLength(1)
        expect(store.errors).toEqual([])
      },
    )
  })

  it('can be required of each entry', async () => {
    const store = await copyOf({ ids: [id], revoker: alice.did, expiration: never, token }, true)
    await until(() => store.errors.length > 0)
    expect(store.errors[0]?.message).toContain('has no token; `requireTokens` is set')
    expect(() => store.findRevocations([cidNumber(2)])).toThrow('not complete yet')
  })
})

/** Writes a text again and again while the reader takes it. */
function pour(outgoing: ServerResponse, text: string): void {
  const more = (): void => {
    if (outgoing.destroyed) return
    outgoing.write(text, () => setImmediate(more))
  }
  more()
}
