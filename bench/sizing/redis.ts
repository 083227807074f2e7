import { Redis } from 'ioredis'
import { prepareRedisStores, redisStores } from 'procura/store/redis'
import { service } from '../../test/services/redis.service.ts'
import { redisServer } from '../../test/services/redis-server.ts'
import type { OpenSizedStores } from './sized-stores.ts'

const secret = new Uint8Array(32).fill(1)

/** Rows that one script makes. */
const atOnce = 10_000

const randomName = `
local function name()
  local parts = {}
  for i = 1, 8 do parts[i] = string.format('%04x', math.random(0, 65535)) end
  return table.concat(parts)
end
math.randomseed(tonumber(ARGV[1]))
`
const fillCalls = `${randomName}
for i = 1, tonumber(ARGV[2]) do redis.call('ZADD', KEYS[1], ARGV[3], name()) end`
const fillRevocations = `${randomName}
for i = 1, tonumber(ARGV[2]) do
  local id = name()
  redis.call('HSET', '{procura}:revoked:' .. id, '', 'inf')
  redis.call('ZADD', '{procura}:ends', 'inf', id)
end`

/** The stores in a Redis server that writes each change to disk before it answers. */
export const sizedRedis: OpenSizedStores = async () => {
  if (service.find() === undefined) return undefined
  const server = await redisServer('--auto-aof-rewrite-percentage', '0')
  await server.start()
  const client = new Redis({ port: server.port, host: '127.0.0.1' })
  const options = { client, secret, timeoutMs: 60_000 }
  await prepareRedisStores({ ...options, epoch: 0 })
  const { replay, revocations } = redisStores(options)
  let seed = 0
  const fill = async (script: string, count: number, ...values: readonly string[]): Promise<void> => {
    for (let left = count; left > 0; left -= atOnce) {
      seed += 1
      const size = String(Math.min(atOnce, left))
      await client.eval(script, 1, '{procura}:calls', String(seed), size, ...values)
    }
  }
  return {
    replay,
    revocations,
    fillCalls: (count, expiration) => fill(fillCalls, count, String(expiration)),
    fillRevocations: (count) => fill(fillRevocations, count),
    async bytes() {
      return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1])
    },
    prune: () => replay.prune(),
    async close() {
      client.disconnect()
      await server.remove()
    },
  }
}
