import { deflateSync } from 'node:zlib'
import * as jose from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../src/core/ipld/base.ts'
import { ArgumentError, StoreError } from '../../src/errors.ts'
import { type FollowRevocationsOptions, followRevocations } from '../../src/revocation-sources/follow-revocations.ts'
import { compress, decompress, packStatuses, setIndexes } from '../../src/revocation-sources/status-list/status-bits.ts'
import {
  type StatusListSourceOptions,
  statusListSource,
} from '../../src/revocation-sources/status-list/status-list-source.ts'
import { statusListToken } from '../../src/revocation-sources/status-list/status-list-token.ts'
import { actor } from '../support/actors.ts'
import { until } from '../support/until.ts'
import { cidNumber } from './sources.ts'

const uri = 'https://authority.example/agents/1'
const start = 1_000_000
const clock = { now: () => start }
const alice = (await actor('alice')).did
const { privateKey, publicKey } = await jose.generateKeyPair('ES256')
const other = await jose.generateKeyPair('ES256')

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const tokenOf = (statuses: readonly (readonly [number, number])[], change: object = {}): Promise<string> =>
  statusListToken({ jose, key: privateKey, algorithm: 'ES256', uri, size: 1_000, statuses, clock, ...change })

const respond =
  (token: string, type = 'application/statuslist+jwt', status = 200) =>
  async () =>
    new Response(token, { status, headers: { 'content-type': type } })

function follow(change: Partial<StatusListSourceOptions>, options: Partial<FollowRevocationsOptions> = {}) {
  const errors: Error[] = []
  const store = followRevocations({
    source: statusListSource({
      uri,
      jose,
      key: publicKey,
      algorithms: ['ES256'],
      idsOf: (index) => (index === 7 ? [alice] : [cidNumber(index)]),
      clock,
      ...change,
    }),
    clock,
    maxRetryMs: 5,
    onError: (error) => errors.push(error as Error),
    ...options,
  })
  closing.push(store.close)
  return { ...store, errors }
}

describe('a Token Status List', () => {
  it('has the bytes of the examples of the draft', async () => {
    const one = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    const two = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]
    for (const [statuses, bits, bytes, lst] of [
      [one, 1, [0xb9, 0xa3], 'eNrbuRgAAhcBXQ'],
      [two, 2, [0xc9, 0x44, 0xf9], 'eNo76fITAAPfAgc'],
    ] as const) {
      const packed = packStatuses(statuses.entries(), statuses.length, bits)
      expect([...packed]).toEqual(bytes)
      expect([...(await decompress(new Uint8Array(Buffer.from(lst, 'base64url')), 9))]).toEqual(bytes)
      expect([...(await decompress(await compress(packed), 9))]).toEqual(bytes)
      const set = statuses.flatMap((status, index) => (status === 0 ? [] : [index]))
      expect([...setIndexes(packed, bits)]).toEqual(set)
    }
  })

  it.each([1, 2, 4, 8] as const)('revokes the ids of each index that is not valid, with %i bits', async (bits) => {
    const token = await tokenOf(
      [
        [3, 1],
        [7, 2 ** bits - 1],
        [999, 1],
      ],
      { bits },
    )
    const { ready, findRevocations, knowledge, errors } = follow({ fetch: respond(token) })
    await ready()
    expect(findRevocations([cidNumber(3), alice, cidNumber(999), cidNumber(4), cidNumber(998)])).toEqual([
      { id: cidNumber(3) },
      { id: alice },
      { id: cidNumber(999) },
    ])
    expect(knowledge()).toMatchObject({ stale: false })
    expect(errors).toEqual([])
  })

  it('has the age of its token, and only grows', async () => {
    let token = await tokenOf([[3, 1]], { clock: { now: () => start - 100 } })
    let time = start
    let asked = 0
    const store = follow(
      {
        clock: { now: () => time },
        fetch: () => {
          asked += 1
          if (asked % 2 === 0) throw new Error('down')
          return respond(token)()
        },
        refreshMs: 1,
      },
      { maxAge: 600, clock: { now: () => time } },
    )
    await store.ready()
    expect(store.knowledge()?.ageSeconds).toBeGreaterThanOrEqual(100)
    time += 50
    token = await tokenOf([[4, 1]], { clock: { now: () => time } })
    await until(() => store.findRevocations([cidNumber(4)]).length > 0)
    expect(store.findRevocations([cidNumber(3)])).toEqual([{ id: cidNumber(3) }])
    expect(store.knowledge()?.ageSeconds).toBeLessThan(50)
  })

  it.each<[string, () => Promise<StatusListSourceOptions['fetch']>]>([
    ['of another key', async () => respond(await tokenOf([], { key: other.privateKey }))],
    ['for another address', async () => respond(await tokenOf([], { uri: `${uri}0` }))],
    ['that has expired', async () => respond(await tokenOf([], { lifetime: 1, clock: { now: () => start - 10 } }))],
    ['as another type of response', async () => respond(await tokenOf([]), 'text/plain')],
    ['with status 500', async () => respond(await tokenOf([]), 'application/statuslist+jwt', 500)],
    ['that is not a token', async () => respond('garbage')],
    ['without end', async () => respond('a'.repeat(5_000_000))],
    ['that is another kind of token', async () => respond(await signed({ sub: uri, iat: start }, 'JWT'))],
    ['without a list', async () => respond(await signed({ sub: uri, iat: start }))],
    [
      'without a time',
      async () => respond(await signed({ sub: uri, status_list: { bits: 1, lst: 'eNrbuRgAAhcBXQ' } })),
    ],
    [
      'with 3 bits',
      async () => respond(await signed({ sub: uri, iat: start, status_list: { bits: 3, lst: 'eNrbuRgAAhcBXQ' } })),
    ],
    [
      'that is not compressed',
      async () => respond(await signed({ sub: uri, iat: start, status_list: { bits: 1, lst: 'AAAA' } })),
    ],
    [
      'that expands to more than its bound',
      async () => respond(await signed({ sub: uri, iat: start, status_list: { bits: 1, lst: bomb } })),
    ],
    ['from the future', async () => respond(await tokenOf([], { clock: { now: () => start + 61 } }))],
    ['never', async () => () => new Promise<never>(() => undefined)],
  ])('RVK-31 is refused when it comes %s', async (how, fetchOf) => {
    const store = follow({ fetch: (await fetchOf()) as never, timeoutMs: 500 })
    await until(() => store.errors.length > 0)
    if (how === 'never') expect(String(store.errors[0])).toContain('the status list did not arrive within 500 ms')
    expect(() => store.findRevocations([cidNumber(1)])).toThrow(StoreError)
  })

  it('RVK-31 waits for `idsOf`, and is refused when it returns anything but an array', async () => {
    const fetch = respond(await tokenOf([[3, 1]]))
    const store = follow({ fetch, idsOf: async (index) => [cidNumber(index)] })
    await store.ready()
    expect(store.findRevocations([cidNumber(3)])).toEqual([{ id: cidNumber(3) }])
    for (const wrong of [new Set([cidNumber(3)]), { ids: [cidNumber(3)] }, undefined, cidNumber(3), ['a name']]) {
      for (const idsOf of [() => wrong, async () => wrong]) {
        const other = follow({ fetch, idsOf: idsOf as never })
        await until(() => other.errors.length > 0)
        expect(() => other.findRevocations([cidNumber(3)])).toThrow(StoreError)
      }
    }
  })

  it('RVK-31 is refused with a list that is not base64url', async () => {
    const token = await signed({ sub: uri, iat: start, status_list: { bits: 1, lst: 'eNrbuRgAAhcBXQ==' } })
    const store = follow({ fetch: respond(token) })
    await until(() => store.errors.length > 0)
    expect(store.errors[0]).toEqual(new StoreError('the status list is malformed'))
    expect(store.knowledge()).toBe(undefined)
  })

  it('RVK-31 is refused with an algorithm that its reader did not name, also `none`', async () => {
    const secret = new Uint8Array(32)
    const shared = await new jose.SignJWT({ sub: uri, iat: start, status_list: { bits: 1, lst: 'eNrbuRgAAhcBXQ' } })
      .setProtectedHeader({ alg: 'HS256', typ: 'statuslist+jwt' })
      .sign(secret)
    const [, payload = ''] = shared.split('.')
    const none = `${Buffer.from('{"alg":"none","typ":"statuslist+jwt"}').toString('base64url')}.${payload}.`
    for (const [token, key] of [
      [shared, secret],
      [none, publicKey],
    ] as const) {
      const store = follow({ fetch: respond(token), key })
      await until(() => store.errors.length > 0)
      expect(store.knowledge()).toBe(undefined)
    }
  })

  it.each(['HS256', 'none', 'es256'])(
    'RVK-31 cannot be read with the algorithm %s, which has no public key',
    (name) => {
      expect(() => follow({ algorithms: ['ES256', name] })).toThrow('must be an algorithm with public keys')
      expect(() => follow({ key: undefined })).toThrow('`key` must be a public key')
    },
  )

  it('refuses statuses for which it has no place', async () => {
    for (const statuses of [[[1_000, 1]], [[-1, 1]], [[0, 2]], [[0.5, 1]]] as const) {
      await expect(tokenOf(statuses as never)).rejects.toThrow(ArgumentError)
    }
    await expect(statusListToken({ jose: {} } as never)).rejects.toThrow('must be the module `jose`')
    for (const uri of ['http://a.example', 'https://a:b@a.example', 'https://:b@a.example'])
      expect(() => statusListSource({ uri, jose } as never)).toThrow('must be an `https:` URL')
  })
})

const bomb = encodeBase64url(deflateSync(new Uint8Array(50_000_000)))

function signed(payload: Record<string, unknown>, typ = 'statuslist+jwt'): Promise<string> {
  return new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ }).sign(privateKey)
}
