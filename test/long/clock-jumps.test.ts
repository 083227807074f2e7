import { Redis } from 'ioredis'
import sqlite from 'node-sqlite3-wasm'
import { Pool } from 'pg'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { type AuthorizeOptions, uncheckedCommands } from '../../src/core/authorization/options.ts'
import { encodeContainerBytes } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/stores/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/stores/postgres/schema.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { type Clock, never } from '../../src/time.ts'
import { service as postgres } from '../services/postgres.service.ts'
import { postgresServer } from '../services/postgres-server.ts'
import { service as redis } from '../services/redis.service.ts'
import { redisServer } from '../services/redis-server.ts'
import { isMissing } from '../services/service.ts'
import { actor } from '../support/actors.ts'

const secret = new Uint8Array(32).fill(7)
const steps = 150
const [owner, agent, service] = await Promise.all([actor('owner'), actor('agent'), actor('service')])
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail/send', expiration: never })

const hour = 3_600
const year = 365 * 24 * hour
/**
 * Seconds by which clocks jump: corrections, time zones, a battery that is empty, a slew, and a leap second that is
 * repeated.
 */
const jumps = [hour, -hour, -5, 10 * year, 0.0005, -0.5, -1] as const

type Stores = Pick<AuthorizeOptions, 'replay' | 'revocations' | 'limitStore' | 'callStore'>

/** A store, as two services with clocks of their own open it. */
interface Opened {
  open(clock: Clock): Stores
  close?(): void
}

/** A clock that can jump. */
function jumpingClock() {
  let offset = 0
  return {
    now: () => Date.now() / 1000 + offset,
    jump(seconds: number) {
      offset += seconds
    },
    correct() {
      offset = 0
    },
  }
}

function numbersFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

/** The store in memory forgets by itself. */
async function pruneCalls({ replay }: Stores): Promise<void> {
  if ('prune' in replay && typeof replay.prune === 'function') await replay.prune()
}

/** How many calls were allowed in a history, and how many answers were refusals. */
interface Counts {
  allowed: number
  refused: number
}

/**
 * Lets the clocks of two services and of their agents jump while calls are sent again and again, and entries are
 * forgotten. Expects that no call is allowed twice, and that the store is usable with correct clocks where one clock
 * cannot make it forget.
 */
async function playJumps(opened: Opened, seed: number, recovers: boolean): Promise<Counts> {
  const random = numbersFrom(seed)
  const clocks = [jumpingClock(), jumpingClock()] as const
  const stores = clocks.map((clock) => opened.open(clock))
  const services = stores.map((own, index) =>
    createAuthorizer({
      audience: service.did,
      subjects: [owner.did],
      commands: uncheckedCommands,
      clock: clocks[index] as Clock,
      ...own,
    }),
  )
  const sign = async (clock: Clock): Promise<Uint8Array> => {
    const expiresIn = 5 + random(295)
    const call = { issuer: agent, audience: service.did, subject: owner.did, command: '/mail/send', args: {}, clock }
    return encodeContainerBytes([await invoke({ ...call, proofs: [grant], expiresIn }), grant])
  }
  const calls: Uint8Array[] = []
  const allowed = new Map<number, number>()
  const counts: Counts = { allowed: 0, refused: 0 }
  const send = async (at: number): Promise<void> => {
    const decision = await services[random(2)]?.authorize(calls[at] as Uint8Array)
    if (decision?.allowed !== true) {
      counts.refused += 1
      return
    }
    counts.allowed += 1
    allowed.set(at, (allowed.get(at) ?? 0) + 1)
    expect(allowed.get(at), `history ${seed}, call ${at}`).toBe(1)
  }
  for (let step = 0; step < steps; step++) {
    const clock = clocks[random(2)] as (typeof clocks)[number]
    const choice = random(12)
    if (choice < 2) clock.jump(jumps[random(jumps.length)] as number)
    else if (choice === 2) clock.correct()
    else if (choice === 3) await pruneCalls(stores[random(2)] as Stores)
    else if (choice < 7) {
      // The clock of an agent is right, or as wrong as that of a service.
      calls.push(await sign(random(2) === 0 ? clock : jumpingClock()))
      await send(calls.length - 1)
    } else if (calls.length > 0) await send(random(calls.length))
  }
  for (const clock of clocks) clock.correct()
  for (let at = 0; at < calls.length; at++) await send(at)
  calls.push(await sign(jumpingClock()))
  const before = counts.allowed
  await send(calls.length - 1)
  if (recovers) expect(counts.allowed, `history ${seed}, with correct clocks`).toBe(before + 1)
  opened.close?.()
  return counts
}

async function playAll(
  name: string,
  histories: number,
  recovers: boolean,
  open: (seed: number) => Promise<Opened>,
): Promise<void> {
  const sum: Counts = { allowed: 0, refused: 0 }
  for (let seed = 1; seed <= histories; seed++) {
    const { allowed, refused } = await playJumps(await open(seed), seed, recovers)
    sum.allowed += allowed
    sum.refused += refused
  }
  expect(sum.allowed).toBeGreaterThan(histories * 5)
  expect(sum.refused).toBeGreaterThan(histories * 5)
  process.stdout.write(
    `${name}: ${sum.allowed} calls allowed in ${histories} histories, ${sum.refused} refused, 0 twice\n`,
  )
}

describe('RPL-04 no call is allowed twice while clocks jump', () => {
  it('in memory', () =>
    playAll('memory', 500, false, async () => {
      const clocks: Clock[] = []
      // One process has one store, with one clock: that of the service which is ahead at the moment.
      const stores = memoryStores({ clock: { now: () => clocks[0]?.now() ?? Number.NaN } })
      return {
        open(clock) {
          clocks.push(clock)
          return stores
        },
      }
    }))

  it('in SQLite', () =>
    playAll('SQLite', 200, false, async () => {
      const database = new sqlite.Database(':memory:')
      prepareSqliteStores({ database, secret, epoch: 0 })
      return { open: (clock) => sqliteStores({ database, secret, clock }), close: () => database.close() }
    }))

  it('in Redis, which is usable again at once when the clocks are corrected', async () => {
    if (isMissing(redis)) return
    const server = await redisServer('--appendonly', 'no')
    await server.start()
    const client = new Redis({ port: server.port, host: '127.0.0.1' })
    try {
      await playAll('Redis', 200, true, async (seed) => {
        const settings = { client, secret, prefix: `jumps_${seed}`, timeoutMs: 60_000 }
        await prepareRedisStores({ ...settings, epoch: 0 })
        return { open: (clock) => redisStores({ ...settings, clock }) }
      })
    } finally {
      client.disconnect()
      await server.remove()
    }
  })

  it('in PostgreSQL, which is usable again at once when the clocks are corrected', async () => {
    if (isMissing(postgres)) return
    const server = await postgresServer()
    await server.start()
    const client = new Pool({ connectionString: `postgres://postgres@127.0.0.1:${server.port}/postgres`, max: 2 })
    try {
      await playAll('PostgreSQL', 100, true, async (seed) => {
        const settings = { client, secret, prefix: `jumps_${seed}`, timeoutMs: 60_000 }
        await client.query(postgresStoreSchema({ prefix: settings.prefix }))
        await preparePostgresStores({ ...settings, epoch: 0 })
        return { open: (clock) => postgresStores({ ...settings, clock }) }
      })
    } finally {
      await client.end()
      await server.remove()
    }
  })
})
