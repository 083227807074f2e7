import * as jose from 'jose'
import { describe, expect, it } from 'vitest'
import { ArgumentError, StoreError } from '../../src/errors.ts'
import { securityEventReceiver } from '../../src/revocation-sources/security-events/security-event-receiver.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteProcessedSets } from '../../src/stores/sqlite/sqlite-processed-sets.ts'
import { never } from '../../src/time.ts'
import { sqliteFile } from '../stores/open-sqlite.ts'
import {
  alice,
  audience,
  bob,
  claims,
  issuer,
  keys,
  push,
  receive,
  sessionRevoked,
  sign,
  start,
} from './security-events.ts'
import { serveFetch } from './serve.ts'

const other = await jose.generateKeyPair('ES256')
const rsa = await jose.generateKeyPair('RS256')
const purged = 'https://schemas.openid.net/secevent/risc/event-type/account-purged'

async function answerOf(response: Response): Promise<{ readonly status: number; readonly err?: string }> {
  const text = await response.text()
  return { status: response.status, ...(text !== '' && { err: (JSON.parse(text) as { err: string }).err }) }
}

describe('a Security Event Token', () => {
  it('RVK-44 that is pushed over HTTP revokes before it is acknowledged', async () => {
    const { fetch, isRevoked, events } = receive()
    const served = await serveFetch(fetch)
    const body = await sign(claims('1'))
    try {
      const send = { method: 'POST', headers: { 'content-type': 'application/secevent+jwt' }, body }
      const response = await globalThis.fetch(served.url, send)
      expect([response.status, await response.text()]).toEqual([202, ''])
    } finally {
      await served.close()
    }
    expect(isRevoked()).toBe(true)
    expect(events).toEqual([
      {
        type: sessionRevoked,
        subject: { format: 'iss_sub', iss: issuer, sub: 'alice' },
        details: { initiating_entity: 'policy' },
        occurredAt: start,
        issuer,
        id: '1',
      },
    ])
  })

  it('has its subject in the event, and its time in `toe`, if the transmitter writes them there', async () => {
    const { receive: take, isRevoked, events } = receive()
    const payload = claims('1', {
      sub_id: undefined,
      aud: ['https://other.example', audience],
      toe: start - 100,
      events: { [purged]: { subject: { format: 'iss_sub', iss: issuer, sub: 'alice' } } },
    })
    expect(await take(await sign(payload))).toEqual({ accepted: true, repeated: false })
    expect(isRevoked()).toBe(true)
    expect(events).toMatchObject([{ type: purged, occurredAt: start - 100 }])
  })

  it('without consequences is acknowledged', async () => {
    const { fetch, isRevoked } = receive()
    const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification'
    const payload = claims('1', {
      sub_id: { format: 'opaque', id: 'stream' },
      events: { [verification]: { state: 'a' } },
    })
    expect((await fetch(push(await sign(payload)))).status).toBe(202)
    expect(isRevoked()).toBe(false)
  })

  it('is verified with a key set', async () => {
    const jwk = { ...(await jose.exportJWK(keys.publicKey)), kid: 'a', alg: 'ES256' }
    const { receive: take } = receive({ key: jose.createLocalJWKSet({ keys: [jwk] }) })
    expect(await take(await sign(claims('1'), { header: { kid: 'a' } }))).toMatchObject({ accepted: true })
    // RVK-43: the copy of the key set can be older than the key.
    await expect(take(await sign(claims('2'), { header: { kid: 'b' } }))).rejects.toThrow(StoreError)
  })
})

/** Alters a signed token. */
function forged(token: string, header: object, signature?: string): string {
  const [, payload, own] = token.split('.')
  return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature ?? own}`
}

async function sharedSecret(): Promise<string> {
  const spki = new TextEncoder().encode(
    await jose.exportSPKI((await jose.generateKeyPair('ES256', { extractable: true })).publicKey),
  )
  return new jose.SignJWT(claims('1')).setProtectedHeader({ alg: 'HS256', typ: 'secevent+jwt' }).sign(spki)
}

describe('a hostile Security Event Token', () => {
  it.each<[string, string, () => Promise<string>]>([
    ['by another key', 'invalid_key', () => sign(claims('1'), { key: other.privateKey })],
    [
      'with its own key in the header',
      'invalid_key',
      async () => {
        const jwk = await jose.exportJWK(other.publicKey)
        return sign(claims('1'), { key: other.privateKey, header: { jwk } })
      },
    ],
    [
      'with `none`',
      'invalid_key',
      async () => forged(await sign(claims('1')), { alg: 'none', typ: 'secevent+jwt' }, ''),
    ],
    ['with a shared secret', 'invalid_key', sharedSecret],
    [
      'with an algorithm that is not configured',
      'invalid_key',
      () => sign(claims('1'), { key: rsa.privateKey, header: { alg: 'RS256' } }),
    ],
    ['with an altered payload', 'invalid_key', async () => (await sign(claims('1'))).replace(/\.(...)/, '.eyK')],
    [
      'with an unknown critical header',
      'invalid_request',
      async () => forged(await sign(claims('1')), { alg: 'ES256', typ: 'secevent+jwt', crit: ['x'], x: 1 }),
    ],
    ['of the type of an ID token', 'invalid_request', () => sign(claims('1'), { header: { typ: 'JWT' } })],
    ['without a type', 'invalid_request', () => sign(claims('1'), { header: { typ: undefined } })],
    ['of another issuer', 'invalid_issuer', () => sign(claims('1', { iss: `${issuer}/` }))],
    ['without an issuer', 'invalid_issuer', () => sign(claims('1', { iss: undefined }))],
    ['for another audience', 'invalid_audience', () => sign(claims('1', { aud: `${audience}/` }))],
    ['for nobody', 'invalid_audience', () => sign(claims('1', { aud: [] }))],
    ['that is no token', 'invalid_request', async () => 'a.b'],
    ['that is empty', 'invalid_request', async () => ''],
    ['in the JSON form', 'invalid_request', async () => JSON.stringify({ payload: 'a', signatures: [] })],
    ['with too many characters', 'invalid_request', () => sign(claims('1', { pad: 'a'.repeat(70_000) }))],
  ])('RVK-40 %s is refused with %s', async (_, err, tokenOf) => {
    const { fetch, isRevoked, refusals, errors, events } = receive()
    expect(await answerOf(await fetch(push(await tokenOf())))).toEqual({ status: 400, err })
    expect([isRevoked(), events, errors]).toEqual([false, [], []])
    expect(refusals).toEqual((await tokenOf()).length > 65_536 ? [] : [err])
  })

  it.each<[string, Record<string, unknown>]>([
    ['an ID token: `sub`', { sub: 'alice' }],
    ['an access token: `exp`', { exp: start + 100 }],
    ['a long expired token', { exp: start - 100 }],
    ['no id', { jti: undefined }],
    ['an empty id', { jti: '' }],
    ['a number as id', { jti: 7 }],
    ['a long id', { jti: 'a'.repeat(513) }],
    ['no time', { iat: undefined }],
    ['a string as time', { iat: `${start}` }],
    ['a time in the future', { iat: start + 71 }],
    ['an old time', { iat: start - 604_800 }],
    ['an invalid time of the event', { toe: 'now' }],
    ['no events', { events: undefined }],
    ['events as a list', { events: [{}] }],
    ['an empty object of events', { events: {} }],
    ['an event that is `true`', { events: { [sessionRevoked]: true } }],
    ['a second event that is null', { events: { [purged]: {}, [sessionRevoked]: null } }],
    ['too many events', { events: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`a:${index}`, {}])) }],
    ['a subject as string', { sub_id: 'alice' }],
    ['a subject as list', { sub_id: undefined, events: { [sessionRevoked]: { subject: ['alice'] } } }],
  ])('RVK-41 with %s is refused as a whole', async (_, change) => {
    const { fetch, isRevoked, refusals, events } = receive()
    expect(await answerOf(await fetch(push(await sign(claims('1', change)))))).toEqual({
      status: 400,
      err: 'invalid_request',
    })
    expect([isRevoked(), events, refusals]).toEqual([false, [], ['invalid_request']])
  })

  it('RVK-41 cannot set a prototype', async () => {
    const payload = JSON.stringify(claims('1')).replace(
      '"initiating_entity":"policy"',
      '"__proto__":{"subject":{"sub":"bob"}}',
    )
    const token = await new jose.CompactSign(new TextEncoder().encode(payload.replace('"sub_id"', '"__proto__"')))
      .setProtectedHeader({ alg: 'ES256', typ: 'secevent+jwt' })
      .sign(keys.privateKey)
    const { receive: take, events, isRevoked } = receive()
    expect(await take(token)).toMatchObject({ accepted: true })
    expect([events.map(({ subject }) => subject), isRevoked()]).toEqual([[undefined], false])
  })

  it('RVK-44 is not repeated in any answer, refusal or error', async () => {
    const token = await sign(claims('secret-id', { aud: 'secret-audience', iss: issuer }))
    const { fetch, errors } = receive({ onRefused: (refusal) => errors.push(refusal) })
    const text = await (await fetch(push(token))).text()
    expect(JSON.stringify([text, errors])).not.toMatch(/secret|eyJ/)
  })
})

describe('a push', () => {
  it('RVK-44 must be a POST of the type of a SET, by an authenticated transmitter', async () => {
    const token = await sign(claims('1'))
    const authorize = (request: Request): boolean => request.headers.get('authorization') === 'Bearer right'
    const { fetch, isRevoked } = receive({ authorize })
    expect(await answerOf(await fetch(push(token)))).toEqual({ status: 400, err: 'authentication_failed' })
    const wrong = push(token, { authorization: 'Bearer right', 'content-type': 'application/jwt' })
    expect(await answerOf(await fetch(wrong))).toEqual({ status: 400, err: 'invalid_request' })
    expect((await fetch(new Request(audience))).status).toBe(405)
    expect(isRevoked()).toBe(false)
    const response = await fetch(
      push(token, { authorization: 'Bearer right', 'content-type': 'Application/SecEvent+JWT; charset=utf-8' }),
    )
    expect([response.status, isRevoked()]).toEqual([202, true])
  })

  it('RVK-44 is refused in English', async () => {
    const { headers } = await receive().fetch(push('a'))
    expect([headers.get('content-type'), headers.get('content-language')]).toEqual(['application/json', 'en'])
  })

  it('RVK-44 whose body does not end is answered at the time limit', async () => {
    const { fetch, errors } = receive({ timeoutMs: 20 })
    const body = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
    const request = new Request(audience, {
      method: 'POST',
      headers: { 'content-type': 'application/secevent+jwt' },
      body,
      duplex: 'half',
    } as RequestInit)
    expect((await fetch(request)).status).toBe(503)
    expect(errors.map(String)).toEqual(['TimeoutError: the body of a SET did not arrive within 20 ms'])
  })
})

describe('a token that cannot be processed', () => {
  it.each<[string, Parameters<typeof receive>[0]]>([
    [
      'mapping throws',
      {
        revocationsOf: () => {
          throw new Error('down')
        },
      },
    ],
    ['mapping rejects', { revocationsOf: () => Promise.reject(new Error('down')) }],
    ['mapping hangs', { revocationsOf: () => new Promise(() => undefined), timeoutMs: 20 }],
    ['mapping returns no list', { revocationsOf: (() => undefined) as never }],
    ['mapping returns an entry of another form', { revocationsOf: () => [{ ids: ['alice'], expiration: never }] }],
    ['store is down', { revocations: { add: () => Promise.reject(new Error('down')) } }],
    ['memory is down', { processed: { has: () => Promise.reject(new Error('down')), add: () => undefined } }],
    ['key set is down', { key: () => Promise.reject(new Error('down')) }],
    ['clock is wrong', { clock: { now: () => Number.NaN } }],
    ['authentication is down', { authorize: () => Promise.reject(new Error('down')) }],
  ])('RVK-43 because the %s has to be sent again', async (_, change) => {
    const { fetch, isRevoked, errors, refusals } = receive(change)
    const response = await fetch(push(await sign(claims('1'))))
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([503, '5', ''])
    expect([isRevoked(), errors.length, refusals]).toEqual([false, 1, []])
  })

  it('RVK-42 is processed when it is sent again, with all its events', async () => {
    let isDown = true
    const added: string[] = []
    const { fetch } = receive({
      revocations: {
        add: ({ ids }) => {
          if (isDown && added.length === 1) throw new Error('down')
          added.push(...ids)
        },
      },
      revocationsOf: ({ type }) => [{ ids: [type === purged ? bob : alice], expiration: never }],
    })
    const token = await sign(claims('1', { events: { [sessionRevoked]: {}, [purged]: {} } }))
    expect((await fetch(push(token))).status).toBe(503)
    isDown = false
    expect((await fetch(push(token))).status).toBe(202)
    expect(added).toEqual([alice, alice, bob])
  })
})

describe('a token that is sent again', () => {
  it('RVK-42 has no further effect', async () => {
    const { fetch, receive: take, events } = receive()
    const token = await sign(claims('1'))
    expect((await fetch(push(token))).status).toBe(202)
    expect(await take(token)).toEqual({ accepted: true, repeated: true })
    // The signature of ECDSA differs, the id does not.
    expect(await take(await sign(claims('1')))).toEqual({ accepted: true, repeated: true })
    expect(await take(await sign(claims('2')))).toEqual({ accepted: true, repeated: false })
    expect(events).toHaveLength(2)
  })

  it('RVK-42 is remembered until its age ends it, by a memory that processes share', async () => {
    const ids = new Map<string, number>()
    const processed = {
      has: async (id: string) => ids.has(id),
      add: (id: string, end: number) => void ids.set(id, end),
    }
    const token = await sign(claims('1'))
    expect(await receive({ processed, maxAge: 100 }).receive(token)).toMatchObject({ repeated: false })
    expect(await receive({ processed, maxAge: 100 }).receive(token)).toMatchObject({ repeated: true })
    expect([...ids]).toEqual([[`${issuer} 1`, start + 100]])
    const late = receive({ processed, maxAge: 100, clock: { now: () => start + 101 } })
    expect(await late.receive(token)).toMatchObject({ accepted: false })
  })
})

describe('STO-12 receivers that share a memory of processed tokens', () => {
  const secret = new Uint8Array(32).fill(7)
  const clock = { now: () => start + 10 }

  /** A database, and a memory of each process that opens it. */
  function shared() {
    const file = sqliteFile()
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    return { file, open: () => sqliteProcessedSets({ database: file.open(), secret, clock }) }
  }

  it('process a token once, also after a restart, and do not confuse issuers', async () => {
    const { file, open } = shared()
    const token = await sign(claims('1'))
    const first = receive({ processed: open() })
    expect(await first.receive(token)).toEqual({ accepted: true, repeated: false })
    const restarted = receive({ processed: open() })
    expect(await restarted.receive(token)).toEqual({ accepted: true, repeated: true })
    expect(restarted.events).toEqual([])
    const another = receive({ processed: open(), issuer: `${issuer}/other` })
    const theirs = await sign(claims('1', { iss: `${issuer}/other` }))
    expect(await another.receive(theirs)).toEqual({ accepted: true, repeated: false })
    file.close()
  })

  it('process a token again after a crash between its revocations and the memory', async () => {
    const { file, open } = shared()
    const token = await sign(claims('1'))
    const memory = open()
    const crashing = { has: memory.has, add: () => Promise.reject(new Error('crash')) }
    const crashed = receive({ processed: crashing })
    await expect(crashed.receive(token)).rejects.toThrow('crash')
    expect(crashed.isRevoked()).toBe(true)
    expect(await receive({ processed: open() }).receive(token)).toEqual({ accepted: true, repeated: false })
    expect(await receive({ processed: open() }).receive(token)).toEqual({ accepted: true, repeated: true })
    file.close()
  })

  it('RVK-43 do not process a token while the memory is down, lost its data, or has another form', async () => {
    const { file, open } = shared()
    const processed = open()
    const { fetch, isRevoked } = receive({ processed })
    file.interrupt(true)
    expect((await fetch(push(await sign(claims('1'))))).status).toBe(503)
    file.interrupt(false)
    file.open().exec('DELETE FROM procura_stores')
    expect((await fetch(push(await sign(claims('1'))))).status).toBe(503)
    const wrong = receive({ processed: { has: () => 1 as never, add: () => undefined } })
    expect((await wrong.fetch(push(await sign(claims('1'))))).status).toBe(503)
    expect([isRevoked(), wrong.isRevoked()]).toEqual([false, false])
    file.close()
  })
})

describe('securityEventReceiver', () => {
  it.each([['HS256'], ['none'], ['dir'], ['es256']])('RVK-40 refuses the algorithm %s', (algorithm) => {
    expect(() => receive({ algorithms: [algorithm] })).toThrow('must be an algorithm with public keys')
  })

  it('refuses a configuration that is incomplete', () => {
    expect(() => receive({ algorithms: [] })).toThrow(ArgumentError)
    expect(() => receive({ key: undefined })).toThrow('`key` must be a public key')
    expect(() => receive({ processed: { has: () => true } as never })).toThrow(ArgumentError)
    expect(() => securityEventReceiver({ jose: {} } as never)).toThrow('must be the module `jose`')
  })

  it('refuses a token that is not a string', async () => {
    await expect(receive().receive(7 as never)).rejects.toThrow(ArgumentError)
  })
})
