import { Redis } from 'ioredis'
import { prepareRedisStores, redisProcessedSets, redisStores } from 'procura/store/redis'
import { service } from '../../test/services/redis.service.ts'
import { redisServer } from '../../test/services/redis-server.ts'
import { kindsOf, later, nextCall, type OpenPrunedStores, partsOf, type SharedStores, secret } from './pruned-stores.ts'

/** Rows that one script makes. */
const atOnce = 20_000

/** Adds rows from a serial number on. Their ends and names are in order, so each is added after the one before. */
const fillScript = `
local seed, first, count, ends, total = ARGV[1], tonumber(ARGV[6]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[7])
local serial = first
local function name()
  serial = serial + 1
  return string.format('%08x', serial) .. redis.sha1hex(seed .. ':' .. serial):sub(1, 24)
end
local held, sealed = string.format('%016.0f', tonumber(ARGV[4])), string.rep('x', 118)
local function add(key, make)
  for from = 1, count, 1000 do
    local values = {}
    for i = from, math.min(from + 999, count) do
      local score, member = make(ends + math.floor((first + i - 1) * 660 / total))
      table.insert(values, score)
      table.insert(values, member)
    end
    redis.call('ZADD', '{procura}:' .. key, unpack(values))
  end
end
if ARGV[5] == '0' then return add('calls', function(at) return at, name() end) end
add('processed', function(at) return at, name() end)
add('ends', function(at)
  local id = name()
  redis.call('HSET', '{procura}:revoked:' .. id, '', at)
  redis.call('ZADD', '{procura}:journal', redis.call('HINCRBY', '{procura}:stores', 'head', 1), id .. ':')
  redis.call('HSET', '{procura}:journal-entries', id .. ':', sealed)
  redis.call('ZADD', '{procura}:journal-ends', at, id .. ':')
  return at, id
end)
add('limit-ends', function(at)
  local limit = name()
  redis.call('HSET', '{procura}:limits', 'used:' .. limit, '1', 'held:' .. limit, '1:1')
  redis.call('ZADD', '{procura}:limit-holds', 0, limit .. ':' .. held .. ':' .. name() .. ':1')
  return at, limit
end)`

/** The stores in a Redis server that writes each change to disk before it answers. */
export const prunedRedis: OpenPrunedStores = async (_, size) => {
  if (service.find() === undefined) return undefined
  const server = await redisServer('--auto-aof-rewrite-percentage', '0', '--slowlog-log-slower-than', '-1')
  await server.start()
  const clients = [0, 1].map(() => new Redis({ port: server.port, host: '127.0.0.1' })) as [Redis, Redis]
  const options = { client: clients[0], secret, timeoutMs: 60_000 }
  await prepareRedisStores({ ...options, epoch: 0 })
  await clients[0].config('SET', 'appendonly', 'no')
  let seed = 0
  const fill = async (count: number, end: number, others: boolean): Promise<void> => {
    seed += 1
    for (let first = 0; first < count; first += atOnce) {
      const rows = Math.min(atOnce, count - first)
      await clients[0].eval(fillScript, 0, seed, rows, end, later() - 100, others ? '1' : '0', first, count)
    }
  }
  for (const { end, calls, others } of partsOf(size)) {
    await fill(calls, end, false)
    await fill(others, end, true)
  }
  await clients[0].config('SET', 'appendonly', 'yes')
  while (/aof_rewrite_(in_progress|scheduled):1/.test(await clients[0].info('persistence')))
    await new Promise((resolve) => setTimeout(resolve, 200))
  await clients[0].config('SET', 'slowlog-max-len', '1000000')
  await clients[0].config('SET', 'slowlog-log-slower-than', '0')
  const { replay, revocations, limitStore } = redisStores(options)
  const processed = redisProcessedSets(options)
  const other = redisStores({ ...options, client: clients[1] }).replay
  const sets = { calls: 'calls', processed: 'processed', revocations: 'ends', limits: 'limit-ends' } as const
  const count = (store: keyof SharedStores): Promise<number> => clients[0].zcard(`{procura}:${sets[store]}`)
  return {
    kinds: kindsOf({ calls: replay, processed, revocations, limits: limitStore }, count),
    async claim() {
      await other.claim(nextCall(), later(), {})
    },
    async takeSteps() {
      const slow = (await clients[0].slowlog('GET', 1_000_000)) as readonly (readonly [
        number,
        number,
        number,
        readonly string[],
      ])[]
      await clients[0].slowlog('RESET')
      // A claim is a script, too, and a short one.
      return slow
        .filter(([, , , [command]]) => command?.toLowerCase() === 'evalsha')
        .map(([, , micros]) => micros / 1_000)
    },
    async close() {
      for (const client of clients) client.disconnect()
      await server.remove()
    },
  }
}
