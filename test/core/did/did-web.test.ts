import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Did, parseDid } from '../../../src/core/did/did.ts'
import { parseDidKey } from '../../../src/core/did/did-key.ts'
import { type FetchLike, type WebResolverOptions, webResolver } from '../../../src/core/did/did-web.ts'
import { ArgumentError, MalformedError, ResolutionError } from '../../../src/errors.ts'

const did = parseDid('did:web:id.example:agents:mail')
const url = 'https://id.example/agents/mail/did.json'
const key = parseDidKey('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')
const nextKey = parseDidKey('did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp')

afterEach(() => vi.useRealTimers())

describe('webResolver', () => {
  it('returns the keys of the document and the document itself', async () => {
    const text = JSON.stringify(documentOf(did))
    const { resolver, fetch } = make(() => answer(text))
    const hash = createHash('sha256').update(text).digest('base64url')
    expect(await resolver.resolve(did, {})).toEqual({ keys: [key], documentHash: `sha256-${hash}` })
    expect(fetch).toHaveBeenCalledOnce()
    const [asked, init] = fetch.mock.calls[0]!
    expect(asked).toBe(url)
    expect(init).toMatchObject({ credentials: 'omit', headers: { 'accept-encoding': 'identity' } })
  })

  it('WEB-04 follows no redirect [attack 67]', async () => {
    const { resolver, fetch } = make(() => answer(JSON.stringify(documentOf(did))))
    await resolver.resolve(did, {})
    expect(fetch.mock.calls[0]![1].redirect).toBe('error')
    for (const [name, value] of [
      ['redirected', true],
      ['url', 'https://169.254.169.254/did.json'],
    ] as const) {
      const followed = make(() => {
        const response = answer(JSON.stringify(documentOf(did)))
        return Object.defineProperty(response, name, { value })
      })
      await expect.soft(followed.resolver.resolve(did, {})).rejects.toThrow(ResolutionError)
    }
    for (const status of [301, 302, 303, 307, 308]) {
      const other = make(() => new Response(null, { status, headers: { location: 'https://127.0.0.1/' } }))
      await expect.soft(other.resolver.resolve(did, {})).rejects.toThrow(`status ${status}`)
    }
  })

  it('WEB-03 requests the default port also when it is explicit, and accepts the document', async () => {
    const usual = parseDid('did:web:id.example%3A443:agents')
    const platformAnswer = () =>
      Object.defineProperty(answer(JSON.stringify(documentOf(usual))), 'url', {
        value: 'https://id.example/agents/did.json',
      })
    const { resolver, fetch } = make(platformAnswer)
    expect((await resolver.resolve(usual, {}))?.keys).toEqual([key])
    expect(new URL(fetch.mock.calls[0]![0]).href).toBe('https://id.example/agents/did.json')
  })

  it('WEB-05 reads no more than 64 KiB, however it is sent [attack 69]', async () => {
    const document = { ...documentOf(did), filler: '' }
    document.filler = 'x'.repeat(65_536 - JSON.stringify(document).length)
    const text = JSON.stringify(document)
    expect(await make(() => answer(text)).resolver.resolve(did, {})).toBeDefined()
    await expect(make(() => answer(`${text} `)).resolver.resolve(did, {})).rejects.toThrow('more than 65536 bytes')
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++
        controller.enqueue(new Uint8Array(16_384))
      },
    })
    await expect(make(() => answer(endless)).resolver.resolve(did, {})).rejects.toThrow('more than 65536 bytes')
    expect(pulled).toBeLessThan(10)
  })

  it('WEB-06 waits three seconds in all, for a fetch that hangs and for a body that drips [attack 69]', async () => {
    vi.useFakeTimers()
    const drip = () =>
      new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          await new Promise((resolve) => setTimeout(resolve, 1_000))
          controller.enqueue(Uint8Array.of(32))
        },
      })
    for (const respond of [() => new Promise<Response>(() => {}), () => answer(drip())]) {
      const { resolver } = make(respond)
      const outcome = vi.fn()
      void Promise.resolve(resolver.resolve(did, {})).then(outcome, outcome)
      await vi.advanceTimersByTimeAsync(2_999)
      expect(outcome).not.toHaveBeenCalled()
      await vi.advanceTimersByTimeAsync(1)
      expect(outcome.mock.calls[0]![0]).toMatchObject({ code: 'ERR_RESOLUTION' })
      expect(String(outcome.mock.calls[0]![0])).toContain('timed out after 3000 ms')
    }
  })

  it('WEB-06 aborts the fetch when the time is over', async () => {
    vi.useFakeTimers()
    let signal: AbortSignal | undefined
    const { resolver } = make((_, init) => {
      signal = init.signal
      return new Promise<Response>(() => {})
    })
    const answered = expect(resolver.resolve(did, {})).rejects.toThrow(ResolutionError)
    await vi.advanceTimersByTimeAsync(3_000)
    await answered
    expect(signal?.aborted).toBe(true)
  })

  it.each([
    ['text/html', JSON.stringify(documentOf(did))],
    ['text/plain', JSON.stringify(documentOf(did))],
    ['', JSON.stringify(documentOf(did))],
    ['application/json', ''],
    ['application/json', '<html>'],
    ['application/json', `${JSON.stringify(documentOf(did))}x`],
    ['application/json', Uint8Array.of(0x22, 0xff, 0x22)],
  ])('WEB-07 reads JSON that is called JSON, not %s %#', async (type, body) => {
    await expect(make(() => answer(body, type)).resolver.resolve(did, {})).rejects.toThrow(ResolutionError)
  })

  it.each(['application/did+json', 'application/did+ld+json', 'application/json; charset=utf-8', 'Application/JSON'])(
    'WEB-07 reads %s',
    async (type) => {
      const text = JSON.stringify(documentOf(did))
      expect(await make(() => answer(text, type)).resolver.resolve(did, {})).toBeDefined()
    },
  )

  it('takes the document of no other DID [attack 70]', async () => {
    const other = JSON.stringify(documentOf(parseDid('did:web:evil.example')))
    await expect(make(() => answer(other)).resolver.resolve(did, {})).rejects.toThrow('the `id` of the document is not')
  })

  it('WEB-08 asks hosts with local names only when it may [attack 66]', async () => {
    for (const text of ['did:web:localhost%3A8443', 'did:web:metadata.google.internal', 'did:web:intranet']) {
      const local = parseDid(text)
      const respond = () => answer(JSON.stringify(documentOf(local)))
      const { resolver, fetch } = make(respond)
      await expect.soft(resolver.resolve(local, {})).rejects.toThrow(ResolutionError)
      expect(fetch).not.toHaveBeenCalled()
      expect(await make(respond, { allowPrivateAddresses: true }).resolver.resolve(local, {})).toBeDefined()
    }
  })

  it('WEB-08 asks only the hosts that are listed, when there is a list', async () => {
    const respond = () => answer(JSON.stringify(documentOf(did)))
    expect(await make(respond, { allowHosts: ['id.example'] }).resolver.resolve(did, {})).toBeDefined()
    for (const allowHosts of [[], ['example'], ['evil.id.example'], ['id.example.com']]) {
      const { resolver, fetch } = make(respond, { allowHosts })
      await expect.soft(resolver.resolve(did, {})).rejects.toThrow('is not in `allowHosts`')
      expect(fetch).not.toHaveBeenCalled()
    }
  })

  it('WEB-08 takes no entry that could never be a host of a DID', () => {
    for (const host of ['ID.EXAMPLE', 'https://id.example', 'id.example:443', 'id.example/', 'id.example.', '', ' ']) {
      expect.soft(() => webResolver({ allowHosts: ['id.example', host] })).toThrow('must be a host in lower case')
    }
  })

  it('WEB-12 asks no host that has an address that is not public [attack 66]', async () => {
    const respond = () => answer(JSON.stringify(documentOf(did)))
    const asked: string[] = []
    const lookup = (addresses: readonly string[]) => async (host: string) => {
      asked.push(host)
      return addresses
    }
    expect(await make(respond, { lookup: lookup(['93.184.215.14']) }).resolver.resolve(did, {})).toBeDefined()
    expect(asked).toEqual(['id.example'])
    for (const addresses of [['10.0.0.1'], ['93.184.215.14', '127.0.0.1'], ['::1'], [], ['nonsense']]) {
      const { resolver, fetch } = make(respond, { lookup: lookup(addresses) })
      await expect.soft(resolver.resolve(did, {})).rejects.toThrow('has an address that is not public')
      expect(fetch).not.toHaveBeenCalled()
    }
    const cause = new Error('no such name')
    const { resolver } = make(respond, { lookup: () => Promise.reject(cause) })
    await expect(resolver.resolve(did, {})).rejects.toMatchObject({ code: 'ERR_RESOLUTION', cause })
  })

  it('calls `lookup` without its settings', async () => {
    const receivers: unknown[] = []
    async function lookup(this: unknown) {
      receivers.push(this)
      return ['93.184.215.14']
    }
    await make(() => answer(JSON.stringify(documentOf(did))), { lookup }).resolver.resolve(did, {})
    expect(receivers).toEqual([undefined])
  })

  it('rejects a DID that leads nowhere, and leaves other methods to others', async () => {
    const { resolver, fetch } = make(() => answer(''))
    await expect(resolver.resolve(parseDid('did:web:127.0.0.1'), {})).rejects.toThrow(MalformedError)
    expect(await resolver.resolve(key.did, {})).toBeUndefined()
    expect(fetch).not.toHaveBeenCalled()
  })

  it.each([404, 410])('resolves undefined for the status %d', async (status) => {
    expect(await make(() => new Response(null, { status })).resolver.resolve(did, {})).toBeUndefined()
  })

  it.each([201, 206, 400, 401, 403, 429, 500, 503])('rejects for the status %d [attack 72]', async (status) => {
    const { resolver } = make(() => new Response('{}', { status, headers: { 'content-type': 'application/json' } }))
    await expect(resolver.resolve(did, {})).rejects.toThrow(`status ${status}`)
  })

  it('rejects with the error of the network as its cause [attack 72]', async () => {
    const cause = new TypeError('fetch failed')
    const { resolver } = make(() => Promise.reject(cause))
    await expect(resolver.resolve(did, {})).rejects.toMatchObject({ code: 'ERR_RESOLUTION', cause })
  })
})

describe('the memory of webResolver', () => {
  it('WEB-09 keeps a document for five minutes, so that a key that was taken out counts no longer [attack 71]', async () => {
    let current = key
    const { resolver, fetch, clock } = make(() => answer(JSON.stringify(documentOf(did, current))))
    expect((await resolver.resolve(did, {}))?.keys).toEqual([key])
    current = nextKey
    clock.time += 300
    expect((await resolver.resolve(did, {}))?.keys).toEqual([key])
    expect(fetch).toHaveBeenCalledTimes(1)
    clock.time += 1
    expect((await resolver.resolve(did, {}))?.keys).toEqual([nextKey])
    expect(fetch).toHaveBeenCalledTimes(2)
  })

  it('WEB-09 asks again when the clock was set back', async () => {
    const { resolver, fetch, clock } = make(() => answer(JSON.stringify(documentOf(did))))
    await resolver.resolve(did, {})
    clock.time -= 1
    await resolver.resolve(did, {})
    expect(fetch).toHaveBeenCalledTimes(2)
  })

  it('WEB-09 keeps failures and absences for half a minute, so that no stranger can make it ask all the time', async () => {
    for (const status of [404, 500]) {
      const { resolver, fetch, clock } = make(() => new Response(null, { status }))
      for (let i = 0; i < 5; i++) await Promise.resolve(resolver.resolve(did, {})).catch(() => {})
      expect(fetch).toHaveBeenCalledTimes(1)
      clock.time += 31
      await Promise.resolve(resolver.resolve(did, {})).catch(() => {})
      expect(fetch).toHaveBeenCalledTimes(2)
    }
  })

  it('WEB-09 keeps a document that gives no key like a failure, whatever is in it', async () => {
    const { resolver, fetch } = make(() => {
      const document = documentOf(did)
      const type = { toString: 1, valueOf: 1 }
      return answer(JSON.stringify({ ...document, verificationMethod: [{ ...document.verificationMethod[0], type }] }))
    })
    for (let i = 0; i < 3; i++) expect(await resolver.resolve(did, {})).toMatchObject({ keys: [] })
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it('WEB-09 keeps as many as it may [attack 73]', async () => {
    const { resolver, fetch } = make((asked) => answer(JSON.stringify(documentOf(didOf(asked)))), { maxEntries: 10 })
    const dids = Array.from({ length: 50 }, (_, i) => parseDid(`did:web:host${i}.example`))
    for (const one of dids) await resolver.resolve(one, {})
    await resolver.resolve(dids.at(-1)!, {})
    expect(fetch).toHaveBeenCalledTimes(50)
    await resolver.resolve(dids[0]!, {})
    expect(fetch).toHaveBeenCalledTimes(51)
  })

  it('WEB-10 sends one request for simultaneous callers, and a caller that gives up does not disturb the others', async () => {
    let release = (_: Response): void => {}
    const { resolver, fetch } = make(() => new Promise<Response>((resolve) => (release = resolve)))
    const controller = new AbortController()
    const left = resolver.resolve(did, { signal: controller.signal })
    const stayed = [resolver.resolve(did, {}), resolver.resolve(did, {})]
    controller.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    release(answer(JSON.stringify(documentOf(did))))
    for (const resolved of await Promise.all(stayed)) expect(resolved?.keys).toEqual([key])
    expect(fetch).toHaveBeenCalledOnce()
  })

  it('WEB-10 makes few requests at a time, to one host and in all [attack 69]', async () => {
    const { resolver, fetch } = make(() => new Promise<Response>(() => {}), { maxConcurrent: 8, timeoutMs: 200 })
    const ask = (text: string) => Promise.resolve(resolver.resolve(parseDid(text), {})).catch((error: unknown) => error)
    const sameHost = Array.from({ length: 5 }, (_, i) => ask(`did:web:slow.example:${i}`))
    expect(fetch).toHaveBeenCalledTimes(0)
    await Promise.resolve()
    const outcomes = Promise.all(sameHost)
    const others = Array.from({ length: 20 }, (_, i) => ask(`did:web:host${i}.example`))
    const texts = [...(await outcomes), ...(await Promise.all(others))].map(String)
    expect(texts.filter((text) => text.includes('too many concurrent requests'))).toHaveLength(3 + 16)
    expect(fetch).toHaveBeenCalledTimes(6)
    // A name that was refused for that reason is requested again at once, and the places are free again.
    const again = ask('did:web:slow.example:4')
    expect(String(await again)).toContain('timed out after 200 ms')
  })

  it('WEB-10 makes 64 requests at a time by default, and a quarter of them to one host', async () => {
    const { resolver, fetch } = make(() => new Promise<Response>(() => {}), { timeoutMs: 50 })
    const ask = (text: string) => Promise.resolve(resolver.resolve(parseDid(text), {})).catch(() => undefined)
    const sameHost = Array.from({ length: 17 }, (_, i) => ask(`did:web:slow.example:${i}`))
    await Promise.resolve()
    expect(fetch).toHaveBeenCalledTimes(12)
    const others = Array.from({ length: 64 }, (_, i) => ask(`did:web:host${i}.example`))
    await Promise.all([...sameHost, ...others])
    expect(fetch).toHaveBeenCalledTimes(48)
  })

  it('WEB-10 keeps places and cache entries for DIDs that resolved before, whatever strangers invent [attack 69]', async () => {
    let isHanging = false
    const respond = (asked: string): Response | Promise<Response> => {
      if (asked === url) return answer(JSON.stringify(documentOf(did)))
      return isHanging ? new Promise<Response>(() => {}) : new Response('', { status: 404 })
    }
    const { resolver, clock } = make(respond, { timeoutMs: 200, maxEntries: 100 })
    expect(await resolver.resolve(did, {})).toBeDefined()
    const invent = (count: number, prefix: string) =>
      Array.from({ length: count }, (_, at) =>
        Promise.resolve(resolver.resolve(parseDid(`did:web:${prefix}${at}.example`), {})).catch(() => undefined),
      )
    for (let round = 0; round < 10; round++) await Promise.all(invent(40, `r${round}-`))
    isHanging = true
    const hanging = invent(100, 'h')
    await Promise.resolve()
    clock.time += 301
    expect(await resolver.resolve(did, {})).toBeDefined()
    await Promise.all(hanging)
  })

  it('WEB-11 does without a document that is too old when the server is down, unless it may not [attack 72]', async () => {
    const up = { is: true }
    const respond = () => (up.is ? answer(JSON.stringify(documentOf(did))) : new Response(null, { status: 503 }))
    const strict = make(respond)
    const lenient = make(respond, { maxStaleSeconds: 600 })
    for (const { resolver, clock } of [strict, lenient]) {
      up.is = true
      await resolver.resolve(did, {})
      up.is = false
      clock.time += 301
    }
    await expect(strict.resolver.resolve(did, {})).rejects.toThrow('status 503')
    expect((await lenient.resolver.resolve(did, {}))?.keys).toEqual([key])
    lenient.clock.time += 31
    expect((await lenient.resolver.resolve(did, {}))?.keys).toEqual([key])
    expect(lenient.fetch).toHaveBeenCalledTimes(3)
    lenient.clock.time += 900 - 301 - 31
    expect((await lenient.resolver.resolve(did, {}))?.keys).toEqual([key])
    lenient.clock.time += 1
    await expect(lenient.resolver.resolve(did, {})).rejects.toThrow('status 503')
  })

  it('WEB-11 lets no old document count when the server has another answer', async () => {
    const bodies = [JSON.stringify(documentOf(did)), JSON.stringify(documentOf(parseDid('did:web:other.example')))]
    const changed = make(() => answer(bodies.shift() ?? ''), { maxStaleSeconds: 600 })
    await changed.resolver.resolve(did, {})
    changed.clock.time += 301
    await expect(changed.resolver.resolve(did, {})).rejects.toThrow('the `id` of the document is not')
    const statuses = [200, 404]
    const gone = make(
      () => (statuses.shift() === 200 ? answer(JSON.stringify(documentOf(did))) : new Response(null, { status: 404 })),
      {
        maxStaleSeconds: 600,
      },
    )
    await gone.resolver.resolve(did, {})
    gone.clock.time += 301
    expect(await gone.resolver.resolve(did, {})).toBeUndefined()
  })

  it.each([
    { cacheSeconds: 301 },
    { cacheSeconds: -1 },
    { negativeCacheSeconds: 1_000 },
    { maxStaleSeconds: Number.NaN },
    { timeoutMs: 0 },
    { timeoutMs: 2 ** 31 },
    { maxEntries: 0 },
    { maxConcurrent: 1.5 },
  ])('is set up with numbers in their ranges, unlike %j', (options) => {
    expect(() => webResolver(options)).toThrow(ArgumentError)
  })
})

function make(respond: (...args: Parameters<FetchLike>) => Response | Promise<Response>, options?: WebResolverOptions) {
  const clock = { time: 1_000_000, now: () => clock.time }
  const fetch = vi.fn<FetchLike>(async (asked, init) => respond(asked, init))
  return { resolver: webResolver({ fetch, clock, ...options }), fetch, clock }
}

function answer(body: BodyInit, type = 'application/did+json'): Response {
  const response = new Response(body, { headers: { 'content-type': type } })
  if (type === '') response.headers.delete('content-type')
  return response
}

function documentOf(id: Did, { did: name } = key) {
  const method = { id: '#key', type: 'Multikey', controller: id, publicKeyMultibase: name.slice('did:key:'.length) }
  return { id, verificationMethod: [method], capabilityInvocation: ['#key'], capabilityDelegation: ['#key'] }
}

function didOf(asked: string): Did {
  return parseDid(`did:web:${new URL(asked).host}`)
}
