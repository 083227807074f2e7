import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LimitEntry, LimitRequest, LimitStore } from '../../src/core/authorization/limits/limit-store.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { redisPersonalKeyStore } from '../../src/stores/redis/redis-personal-key-store.ts'
import { redisProcessedSets } from '../../src/stores/redis/redis-processed-sets.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import { type RedisServer, redisServer } from './redis-server.ts'

/**
 * Redis writes the changes of a script to its log within MULTI and EXEC. If it is killed while it writes them, it
 * ignores the first ones at its next start, but leaves them in the log, before the changes of later scripts. At the
 * start after that it makes all of them: a part of a script that was lost, and was perhaps sent again since, comes
 * back.
 */
const secret = new Uint8Array(32).fill(7)
const server: RedisServer = await redisServer()
const start = Math.floor(Date.now() / 1000)
let client: Redis

beforeAll(() => server.start())
afterAll(async () => {
  client?.disconnect()
  await server.remove()
})

const entries: readonly LimitEntry[] = [
  { key: 'uses', kind: 'total', maximum: 20, amount: 1, expiration: start + 3600 },
  { key: 'sum', kind: 'total', maximum: 1000, amount: 7, expiration: start + 3600 },
  { key: 'rate', kind: 'rate', maximum: 20, amount: 1, window: 10, expiration: start + 3600 },
  { key: 'busy', kind: 'concurrent', maximum: 20, amount: 1, expiration: start + 3600 },
]

/** The changes during which the server is killed. Before them, calls are reserved, and one of them is over. */
const changes: Readonly<Record<string, (store: LimitStore) => unknown>> = {
  'a reservation that is final': (store) => store.reserve(request('call', true), {}),
  'a reservation': (store) => store.reserve(request('call', false), {}),
  'a commit': (store) => store.commit('open', {}),
  'a release': (store) => store.release('open', {}),
  'the end of a call': (store) => store.release('final', {}),
}

function request(reservation: string, commit: boolean, seconds = 300): LimitRequest {
  return { reservation, entries, deadline: start + seconds, commit }
}

const keys = () => redisPersonalKeyStore({ client, secret, timeoutMs: 20_000 })
const sets = () => redisProcessedSets({ client, secret, timeoutMs: 20_000 })

/** Stores whose clock is some seconds after the start. */
function storeAt(seconds: number): LimitStore {
  return redisStores({ client, secret, timeoutMs: 20_000, clock: { now: () => start + seconds } }).limitStore
}

async function restart(): Promise<void> {
  client?.disconnect()
  await server.kill()
  await server.start()
  client = new Redis({ port: server.port, host: '127.0.0.1', enableReadyCheck: false })
  client.on('error', () => undefined)
}

async function left(seconds: number): Promise<readonly number[]> {
  return (await storeAt(seconds).remaining(entries, {})).map(({ remaining }) => remaining)
}

/** The log of the server. */
function logFile(): string {
  const folder = join(server.folder, 'appendonlydir')
  const name = readdirSync(folder).find((file) => file.endsWith('.incr.aof'))
  return join(folder, name as string)
}

/** The places of the commands of the last transaction of a log that contains a text. */
function commandsOf(log: Buffer, content: string): readonly number[] {
  const from = log.lastIndexOf('*1\r\n$5\r\nMULTI\r\n', log.lastIndexOf(content))
  const text = log.subarray(from, log.indexOf('EXEC\r\n', from) + 6).toString('latin1')
  return [...text.matchAll(/\*\d+\r\n\$\d+\r\n[A-Za-z]+\r\n/g)].map(({ index }) => from + index)
}

/**
 * Kills the server while it writes the last script, at each of its changes, starts it, lets it work, and starts it
 * again.
 *
 * @param prepare - makes the entries; the last script is the one that is lost.
 * @param work - after the first start.
 * @param check - after the second start.
 * @param content - is in the changes of the script that is lost, if it is not the last one.
 */
async function cutEverywhere(
  prepare: () => Promise<unknown>,
  work: () => Promise<unknown>,
  check: (place: number) => Promise<void>,
  content = 'EXEC',
): Promise<void> {
  const files = join(server.folder, 'appendonlydir')
  const copy = join(server.folder, 'copy')
  rmSync(files, { recursive: true, force: true })
  await restart()
  await prepareRedisStores({ client, secret, epoch: 0, timeoutMs: 20_000 })
  await prepare()
  client.disconnect()
  await server.kill()
  const log = readFileSync(logFile())
  cpSync(files, copy, { recursive: true })
  const places = commandsOf(log, content)
  expect(places.length).toBeGreaterThan(2)
  // The last one is EXEC.
  for (const place of places.slice(1)) {
    await server.kill()
    rmSync(files, { recursive: true })
    cpSync(copy, files, { recursive: true })
    writeFileSync(logFile(), log.subarray(0, place + 5))
    await restart()
    await work()
    await restart()
    await check(place)
  }
  rmSync(copy, { recursive: true })
}

describe('STO-07 LMT-10 limits in Redis whose log ends within a script', () => {
  it.each(Object.entries(changes))('count each call once after two starts: %s', async (_, change) => {
    let now: readonly number[] = []
    let later: readonly number[] = []
    await cutEverywhere(
      async () => {
        await storeAt(0).reserve(request('over', false, 15), {})
        for (const name of ['final', 'other']) await storeAt(2).reserve(request(name, true), {})
        await storeAt(20).reserve(request('open', false), {})
        await change(storeAt(20))
      },
      async () => {
        // Other calls come first, then the one whose answer was lost.
        await storeAt(21).reserve(request('between', true), {})
        await (async () => change(storeAt(21)))().catch(() => undefined)
        await storeAt(21).reserve(request('after', false), {})
        now = await left(21)
        later = await left(400)
      },
      async (place) => {
        const found = await left(21)
        expect(
          found.every((remaining, at) => remaining <= (now[at] as number)),
          `${found} instead of ${now}`,
        ).toBe(true)
        // Amounts of calls that were not committed count until their deadline.
        expect(await left(400), `at ${place}`).toEqual(later)
        await storeAt(400).reserve(request('last', true, 800), {})
        const amounts = entries.map(({ amount }) => amount)
        expect(await left(400), `at ${place}`).toEqual(
          later.map((remaining, at) => remaining - (amounts[at] as number)),
        )
      },
    )
  })
})

describe('STO-07 stores in Redis whose log ends within a script', () => {
  const claim = (name: string, expiration: number, seconds = 0) =>
    redisStores({ client, secret, clock: { now: () => start + seconds }, timeoutMs: 20_000 }).replay.claim(
      name,
      expiration,
      {},
    )

  it.each<[string, () => unknown, () => Promise<unknown>, unknown]>([
    ['PRV-04 a destroyed key', () => keys().destroy('alice'), () => keys().find('alice', {}), undefined],
    [
      'PRV-04 a new key',
      () => keys().obtain('bob', {}),
      async () => (await keys().find('bob', {})) !== undefined,
      true,
    ],
    ['STO-12 a processed SET', () => sets().add('a', start + 600), async () => sets().has('a', start + 600), true],
  ])('keep what was confirmed after the first start: %s', async (_, confirm, find, expected) => {
    await cutEverywhere(
      async () => {
        await keys().obtain('alice', {})
        await claim('lost', start + 600)
      },
      async () => void (await confirm()),
      async () => expect(await find()).toEqual(expected),
    )
  })

  it('RPL-07 keep the later expiry of a call', async () => {
    await cutEverywhere(
      async () => {
        await claim('early', start - 3600, -3700)
        await claim('lost', start + 600)
      },
      async () => void (await claim('early', start + 600, -3700)),
      async () => {
        await redisStores({ client, secret, timeoutMs: 20_000 }).replay.prune()
        expect(await claim('early', start + 600)).toBe(false)
      },
    )
  })
})

describe('STO-07 stores in Redis whose log ends while they forget', () => {
  const cid = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
  const otherCid = 'bafyreibwnmylvsglbfzglba6jvdz7b5w34p4ypecrbjrincneuskezhcq4'
  const ended = start - 3600
  const settings = (seconds: number) => ({ client, secret, timeoutMs: 20_000, clock: { now: () => start + seconds } })
  /** Scripts that forget nothing of the kind in question. */
  const addRevocation = async (): Promise<void> => {
    await redisStores(settings(0)).revocations.add({ ids: [otherCid], expiration: start + 600 })
  }
  const claimCall = async (): Promise<void> => {
    await redisStores(settings(0)).replay.claim('work', start + 600, {})
  }

  it('RPL-04 take no forgotten call again when the clock goes back', async () => {
    await cutEverywhere(
      async () => {
        for (const name of ['a', 'b']) await redisStores(settings(-3700)).replay.claim(name, ended, {})
        await redisStores(settings(0)).replay.prune()
      },
      addRevocation,
      async () => {
        const { replay } = redisStores(settings(-3700))
        for (const name of ['a', 'b']) {
          expect(await Promise.resolve(replay.claim(name, ended, {})).catch(() => 'rejected')).not.toBe(true)
        }
      },
    )
  })

  it('RVK-13 do not answer without a forgotten revocation when the clock goes back', async () => {
    await cutEverywhere(
      async () => {
        await redisStores(settings(-3700)).revocations.add({ ids: [cid], expiration: ended })
        const { revocations } = redisStores(settings(0))
        await revocations.prune()
      },
      claimCall,
      async () => {
        const { revocations } = redisStores(settings(-3700))
        const found = await Promise.resolve(revocations.findRevocations([cid], {})).catch(() => 'rejected')
        expect(found).not.toEqual([])
      },
      '{procura}:revoked:',
    )
  })

  it('LMT-14 do not refill a forgotten limit when the clock goes back', async () => {
    const old = [{ key: 'old', kind: 'total', maximum: 1, amount: 1, expiration: ended }] as const
    const use = (name: string) => ({ reservation: name, entries: old, deadline: ended, commit: true })
    await cutEverywhere(
      async () => {
        await storeAt(-3700).reserve(use('a'), {})
        await redisStores(settings(0)).limitStore.prune()
      },
      claimCall,
      async () => {
        const answer = await (async () => storeAt(-3700).reserve(use('b'), {}))().catch(() => 'rejected')
        expect(answer).not.toEqual({ reserved: true })
      },
    )
  })

  it('STO-12 do not answer that a forgotten SET is unknown when the clock goes back', async () => {
    await cutEverywhere(
      async () => {
        await redisProcessedSets(settings(-3700)).add('a', ended)
        await redisProcessedSets(settings(0)).prune()
      },
      claimCall,
      async () => {
        const answer = await (async () => redisProcessedSets(settings(-3700)).has('a', ended))().catch(() => 'rejected')
        expect(answer).not.toBe(false)
      },
    )
  })
})
