import { readFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import * as http from 'node:http'
import * as https from 'node:https'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Did, parseDid } from '../../../src/core/did/did.ts'
import { parseDidKey } from '../../../src/core/did/did-key.ts'
import { type FetchLike, webResolver } from '../../../src/core/did/did-web.ts'
import { publicFetch } from '../../../src/core/did/did-web-node.ts'
import { ResolutionError } from '../../../src/errors.ts'
import { listenInTest } from '../../support/listen-in-test.ts'

const key = parseDidKey('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')

/** The same server behaviour, reached by the platform's fetch and by the one that checks addresses. */
describe.each([
  ['the platform', serveHttp],
  ['publicFetch', serveHttps],
] as const)('webResolver with the fetch of %s, and a server on this machine', (_, serve) => {
  it('reads a document', async () => {
    const { did, fetch } = await serve((_, response) => sendDocument(response, did))
    expect((await webResolver({ fetch }).resolve(did, {}))?.keys).toEqual([key])
  })

  it('WEB-04 does not follow a redirect [attack 67]', async () => {
    const asked: (string | undefined)[] = []
    const { did, fetch } = await serve((request, response) => {
      asked.push(request.url)
      if (request.url === '/elsewhere') return sendDocument(response, did)
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    await expect(webResolver({ fetch }).resolve(did, {})).rejects.toThrow(ResolutionError)
    expect(asked).toEqual(['/.well-known/did.json'])
  })

  it('WEB-05 stops reading at 64 KiB, also of a compressed bomb [attack 69]', async () => {
    for (const [encoding, message] of [
      ['identity', 'more than 65536 bytes'],
      // A fetch that does not decompress reads 20 KB that are not JSON.
      ['gzip', /more than 65536 bytes|not valid JSON/],
    ] as const) {
      const { did, fetch } = await serve((_, response) => {
        const body = Buffer.alloc(encoding === 'gzip' ? 20_000_000 : 200_000, ' ')
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        response.end(encoding === 'gzip' ? gzipSync(body) : body)
      })
      await expect(webResolver({ fetch }).resolve(did, {})).rejects.toThrow(message)
    }
  })

  it('WEB-06 leaves a server that sends a byte at a time, and closes the connection [attack 69]', async () => {
    let closed = (): void => {}
    const closing = new Promise<void>((resolve) => (closed = resolve))
    const { did, fetch } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => {
        clearInterval(timer)
        closed()
      })
    })
    await expect(webResolver({ fetch, timeoutMs: 300 }).resolve(did, {})).rejects.toThrow('timed out after 300 ms')
    await closing
  })

  it('WEB-06 gives up a silent server', async () => {
    const { did, fetch } = await serve(() => {})
    await expect(webResolver({ fetch, timeoutMs: 200 }).resolve(did, {})).rejects.toThrow('timed out after 200 ms')
  })

  it('takes no document of another DID, and no half of one', async () => {
    const other = parseDid('did:web:other.example')
    const wrong = await serve((_, response) => sendDocument(response, other))
    await expect(webResolver({ fetch: wrong.fetch }).resolve(wrong.did, {})).rejects.toThrow('of the document is not')
    const half = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"id":')
      setTimeout(() => response.destroy(), 20)
    })
    await expect(webResolver({ fetch: half.fetch }).resolve(half.did, {})).rejects.toThrow(ResolutionError)
  })

  it('resolves undefined for a missing document', async () => {
    const { did, fetch } = await serve((_, response) => response.writeHead(404).end())
    expect(await webResolver({ fetch }).resolve(did, {})).toBeUndefined()
  })

  it('WEB-11 rejects when the server is unreachable [attack 72]', async () => {
    const { did, fetch, server } = await serve(() => {})
    await new Promise((resolve) => server.close(resolve))
    await expect(webResolver({ fetch }).resolve(did, {})).rejects.toThrow(ResolutionError)
  })
})

describe('publicFetch', () => {
  it('WEB-13 connects to no address that is not public, whatever was looked up before [attack 66]', async () => {
    let asked = 0
    const { did, ca } = await serveHttps((_, response) => {
      asked++
      sendDocument(response, did)
    })
    const answers = ['93.184.215.14', '127.0.0.1']
    const lookup = async () => [{ address: answers.shift() ?? '127.0.0.1', family: 4 }]
    const resolver = webResolver({
      lookup: async () => (await lookup()).map(({ address }) => address),
      fetch: publicFetch({ lookup, ca }),
    })
    const failure = await Promise.resolve(resolver.resolve(did, {})).catch((error: unknown) => error)
    expect(String(failure)).toContain('has an address that is not public')
    expect(answers).toEqual([])
    expect(asked).toBe(0)
  })

  it('WEB-13 refuses a name of which one address is not allowed, a name without any, and a failed look-up', async () => {
    const { did, ca, url } = await serveHttps((_, response) => sendDocument(response, did))
    const isAllowed = (address: string) => address === '127.0.0.1'
    const ask = (addresses: readonly string[]) =>
      publicFetch({ ca, isAllowed, lookup: async () => addresses.map((address) => ({ address, family: 4 })) })
    const init = { redirect: 'error', credentials: 'omit', headers: {}, signal: new AbortController().signal } as const
    expect((await ask(['127.0.0.1'])(url, init)).status).toBe(200)
    await expect(ask(['127.0.0.1', '10.0.0.1'])(url, init)).rejects.toThrow('not public')
    await expect(ask([])(url, init)).rejects.toThrow('not public')
    const cause = new Error('no such name')
    await expect(publicFetch({ ca, lookup: () => Promise.reject(cause) })(url, init)).rejects.toBe(cause)
  })

  it('WEB-13 refuses when a look-up or its check fails in another way, and nothing is left unhandled', async () => {
    const init = { redirect: 'error', credentials: 'omit', headers: {}, signal: new AbortController().signal } as const
    const fail = (): never => {
      throw new Error('failed')
    }
    const address = async () => [{ address: '127.0.0.1', family: 4 }]
    const failing = [
      { lookup: fail },
      { lookup: address, isAllowed: fail },
      { lookup: address, isAllowed: (async () => true) as never },
      { lookup: address, isAllowed: (() => Promise.reject(new Error('failed'))) as never },
      { lookup: address, isAllowed: (() => 1) as never },
      { lookup: async () => undefined as never },
      { lookup: async () => [null] as never },
    ]
    for (const options of failing) {
      await expect(publicFetch(options)('https://id.example.com:9/did.json', init)).rejects.toThrow()
    }
  })

  it('WEB-13 connects to no address for a check that returns anything but true', async () => {
    const init = { redirect: 'error', credentials: 'omit', headers: {}, signal: new AbortController().signal } as const
    for (const wrong of [async () => false, async () => true, () => 'no', () => ({})]) {
      const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
      const fetch = publicFetch({ isAllowed: wrong as never, lookup })
      for (const host of ['id.example.com', '127.0.0.1']) {
        await expect(fetch(`https://${host}:9/did.json`, init)).rejects.toThrow('`isAllowed` must return true or false')
      }
    }
  })

  it('WEB-13 refuses an address in the place of a name', async () => {
    const init = { redirect: 'error', credentials: 'omit', headers: {}, signal: new AbortController().signal } as const
    for (const host of ['127.0.0.1', '[::1]', '[::ffff:7f00:1]', '2130706433', '0x7f.1', '169.254.169.254']) {
      await expect.soft(publicFetch()(`https://${host}:9/did.json`, init), host).rejects.toThrow('not a public address')
    }
  })

  it('asks the name service of the machine when it is given no other', async () => {
    const init = { redirect: 'error', credentials: 'omit', headers: {}, signal: new AbortController().signal } as const
    await expect(publicFetch()('https://localhost:9/did.json', init)).rejects.toThrow('not public')
  })

  it('trusts only the configured certificates', async () => {
    const { did, url } = await serveHttps((_, response) => sendDocument(response, did))
    const fetch = publicFetch({ isAllowed: () => true, lookup: async () => [{ address: '127.0.0.1', family: 4 }] })
    const init = { redirect: 'error', credentials: 'omit', headers: {}, signal: new AbortController().signal } as const
    await expect(fetch(url, init)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })
})

interface Served {
  readonly did: Did
  readonly url: string
  readonly fetch: FetchLike
  readonly server: Server
  readonly ca: string
}

async function serveHttp(listener: RequestListener): Promise<Served> {
  const server = http.createServer(listener)
  const port = await listenInTest(server)
  // the platform's fetch knows neither the name nor the certificate, so that only the path is kept
  const local: FetchLike = async (url, init) => {
    const response = await fetch(`http://127.0.0.1:${port}${new URL(url).pathname}`, init)
    return Object.defineProperty(response, 'url', { value: response.redirected ? response.url : url })
  }
  return { ...addressOf(port), fetch: local, server, ca: '' }
}

async function serveHttps(listener: RequestListener): Promise<Served> {
  const [ca = '', privateKey = ''] = ['certificate', 'key'].map((name) =>
    readFileSync(new URL(`../../fixtures/crypto/tls/${name}.pem`, import.meta.url), 'utf8'),
  )
  const server = https.createServer({ cert: ca, key: privateKey }, listener)
  const port = await listenInTest(server)
  const isAllowed = (address: string) => address === '127.0.0.1'
  const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
  return { ...addressOf(port), fetch: publicFetch({ isAllowed, lookup, ca }), server, ca }
}

function addressOf(port: number): { readonly did: Did; readonly url: string } {
  return { did: parseDid(`did:web:id.example%3A${port}`), url: `https://id.example:${port}/.well-known/did.json` }
}

function sendDocument(response: ServerResponse<IncomingMessage>, id: Did): void {
  const method = { id: '#key', type: 'Multikey', controller: id, publicKeyMultibase: key.did.slice('did:key:'.length) }
  response.writeHead(200, { 'content-type': 'application/did+json' })
  response.end(
    JSON.stringify({
      id,
      verificationMethod: [method],
      capabilityInvocation: ['#key'],
      capabilityDelegation: ['#key'],
    }),
  )
}
