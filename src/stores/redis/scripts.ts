// node only: HMAC

import { type Script, script } from './client.ts'

/** Seconds for which an entry is kept after its end, because the clocks of services differ: the largest tolerance. */
export const keepFor = 300

/**
 * Every script begins with it. KEYS[1] has the epoch and the fingerprint of the secret; ARGV[1] is a fingerprint.
 * STO-05
 *
 * ARGV[2] is the name of the request, which is the second value of each answer. A client that confuses its answers
 * is noticed.
 */
export const opening: string = `
local request = ARGV[2]
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'epoch', 'forgotten', 'revocations', 'limits')
if not known[1] then return {'unprepared', request} end
if known[1] ~= ARGV[1] then return {'secret', request} end
`

/**
 * A change for scripts that may have one other change alone. Redis writes two changes with `EXEC` behind them. A single
 * one would be lost if the log ended within a script before it, and ends without `EXEC` once more (decision 064).
 */
export const closing: string = `redis.call('HSET', KEYS[1], 'closed', '1')`

/**
 * Prepares the stores unless they are. ARGV: fingerprint, request, epoch, and whether it replaces an earlier one: then
 * the times at which entries were forgotten belong to the data before it. Returns the fingerprint that they have.
 */
export const prepareScript: Script = script(`
redis.call('HSETNX', KEYS[1], 'fingerprint', ARGV[1])
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[3]) == 1 then
  redis.call('HSET', KEYS[1], 'forgotten', '0')
  redis.call('HSET', KEYS[1], 'revocations', '0')
end
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'epoch')
if known[1] == ARGV[1] and ARGV[4] == '1' and tonumber(ARGV[3]) > tonumber(known[2]) then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[3])
  redis.call('HSET', KEYS[1], 'forgotten', '0')
  redis.call('HSET', KEYS[1], 'revocations', '0')
  redis.call('HDEL', KEYS[1], 'limits', 'processed')
end
return {'prepared', ARGV[2], known[1]}
`)

/** Returns the epoch. */
export const epochScript: Script = script(`${opening}
return {'epoch', request, known[2]}
`)

/**
 * The time before which entries may be forgotten: the earlier one by the clocks of the service and of the server, so
 * that one wrong clock forgets nothing. It is noted before the first entry is forgotten: a server that is killed while
 * it writes its log can forget the first entries alone (decision 064).
 */
export const forgettable: string = `
local function forgettable(time)
  return math.min(tonumber(time), tonumber(redis.call('TIME')[1]) - ${keepFor})
end
local function note(field, before)
  -- A server without memory refuses a script that begins with a command that takes some.
  redis.call('HDEL', KEYS[1], '')
  redis.call('HSET', KEYS[1], field, before)
end
`

/**
 * Forgets calls that ended before a time, `most` of them, and notes the time: calls that ended before it are refused
 * from then on, because a clock can go back.
 */
const forgetCalls = `${forgettable}
local function forget(time, most)
  local before = forgettable(time)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. before, 'LIMIT', 0, most)
  if #gone == 0 then return 0 end
  if before > tonumber(known[3]) then
    note('forgotten', before)
    known[3] = before
  end
  redis.call('ZREM', KEYS[2], unpack(gone))
  return #gone
end
`

/**
 * Claims a call under the name of a request. A client that lost its connection may send the request once more, and gets
 * the same answer. KEYS: stores, calls, made. Returns a kind and a value.
 */
export const claimFunction: string = `${forgetCalls}
local function claim(epoch, name, ends, time, milliseconds)
  if known[2] ~= epoch then return {'epoch', known[2]} end
  forget(time, 3)
  if ends ~= 'inf' and tonumber(ends) < tonumber(known[3]) + ${keepFor} then return {'expired'} end
  local before = redis.call('ZSCORE', KEYS[2], name)
  if not before then
    redis.call('ZADD', KEYS[2], ends, name)
    redis.call('SET', KEYS[3], '1', 'PX', milliseconds)
    return {'claimed', '1'}
  end
  if before ~= 'inf' and (ends == 'inf' or tonumber(ends) > tonumber(before)) then
    redis.call('ZADD', KEYS[2], ends, name)
    ${closing}
  end
  return {'claimed', redis.call('GET', KEYS[3]) or '0'}
end
`

/**
 * Claims a call. KEYS: stores, calls, made. ARGV: fingerprint, request, the epoch that the caller knows, the call, its
 * expiration or `inf`, the time before which calls may be forgotten, and the milliseconds for which the request is
 * known.
 */
export const claimScript: Script = script(`${opening}${claimFunction}
local answer = claim(ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
table.insert(answer, 2, request)
return answer
`)

/** Forgets calls. KEYS: stores, calls. ARGV: fingerprint, request, the time, and how many. Returns how many. */
export const forgetCallsScript: Script = script(`${opening}${forgetCalls}
return {'forgotten', request, tostring(forget(ARGV[3], tonumber(ARGV[4])))}
`)

/**
 * Finds revocations of KEYS[first] and the following ones, first the delegations and then the principals. `query` is
 * JSON: the number of the delegations, and the revokers that count for them. Others are not read. Returns the revokers
 * of each id, and whether there is one.
 */
export const findFunction: string = `
local function find(first, query)
  local found, any = {}, false
  local asked = cjson.decode(query)
  for i = first, #KEYS do
    local revokers = {}
    if i >= first + asked.delegations then revokers = redis.call('HKEYS', KEYS[i])
    elseif redis.call('EXISTS', KEYS[i]) == 1 then
      for at, last in ipairs(redis.call('HMGET', KEYS[i], unpack(asked.revokers))) do
        if last then table.insert(revokers, asked.revokers[at]) end
      end
    end
    any = any or #revokers > 0
    table.insert(found, revokers)
  end
  return found, any
end
`

/**
 * Finds revocations. KEYS: stores, and one for each id. ARGV: fingerprint, request, query. Returns the time before
 * which revocations were forgotten and, for each id, its revokers.
 */
export const findScript: Script = script(`${opening}${findFunction}
return {'found', request, known[4], (find(2, ARGV[3]))}
`)

/**
 * Adds a revocation, and an entry of the journal for each id that applies longer than before. KEYS: stores, the ends of
 * all, those of the journal, and one for each id. ARGV: fingerprint, request, revoker, the time until which it is kept,
 * a name for a new journal, the channel, and for each id itself and its encrypted entry.
 *
 * Numbers are given within a script, so no entry appears after one with a larger number.
 */
export const addScript: Script = script(`${opening}
redis.call('HSETNX', KEYS[1], 'journal', ARGV[5])
local ends, head = ARGV[4], nil
local function later(last) return not last or (last ~= 'inf' and (ends == 'inf' or tonumber(ends) > tonumber(last))) end
for i = 6, #KEYS do
  local id, sealed = ARGV[2 * i - 5], ARGV[2 * i - 4]
  local name = id .. ':' .. ARGV[3]
  if later(redis.call('HGET', KEYS[i], ARGV[3])) then redis.call('HSET', KEYS[i], ARGV[3], ends) end
  if later(redis.call('ZSCORE', KEYS[2], id)) then redis.call('ZADD', KEYS[2], ends, id) end
  if later(redis.call('ZSCORE', KEYS[5], name)) then
    head = redis.call('HINCRBY', KEYS[1], 'head', 1)
    redis.call('ZADD', KEYS[3], head, name)
    redis.call('HSET', KEYS[4], name, sealed)
    redis.call('ZADD', KEYS[5], ends, name)
  end
end
if head then redis.call('PUBLISH', ARGV[6], tostring(head)) end
return {'added', request}
`)

/**
 * Lists entries of the journal. KEYS: stores, those of the journal. ARGV: fingerprint, request, a name for a new
 * journal, the number after which the list begins, and how many. Returns the epoch, the time before which revocations
 * were forgotten, the name, the last number, and for each entry its number and the encrypted entry.
 */
export const listScript: Script = script(`${opening}
redis.call('HSETNX', KEYS[1], 'journal', ARGV[3])
local found = redis.call('HMGET', KEYS[1], 'journal', 'head')
local answer = {'listed', request, known[2], known[4], found[1], found[2] or '0'}
if ARGV[5] == '0' then return answer end
local rows = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[4], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
for i = 1, #rows, 2 do
  table.insert(answer, rows[i + 1])
  table.insert(answer, redis.call('HGET', KEYS[3], rows[i]))
end
return answer
`)

/**
 * Forgets entries of the journal. KEYS: stores, those of the journal. ARGV: fingerprint, request, the time, how many.
 */
export const forgetJournalScript: Script = script(`${opening}${forgettable}
local before = forgettable(ARGV[3])
local gone = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. before, 'LIMIT', 0, ARGV[4])
if #gone > 0 and before > tonumber(known[4]) then note('revocations', before) end
for _, name in ipairs(gone) do
  redis.call('ZREM', KEYS[2], name)
  redis.call('HDEL', KEYS[3], name)
  redis.call('ZREM', KEYS[4], name)
end
return {'forgotten', request, tostring(#gone)}
`)

/**
 * Returns ids whose revocations ended. KEYS: stores, the ends of all. ARGV: fingerprint, request, the time, how many.
 */
export const endedScript: Script = script(`${opening}${forgettable}
local before = forgettable(ARGV[3])
return {'ended', request, redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. before, 'LIMIT', 0, ARGV[4])}
`)

/**
 * Forgets the revocations of ids if they ended, and notes the time. KEYS: stores, the ends of all, and one for each id.
 * ARGV: fingerprint, request, the time, and each id.
 */
export const forgetRevocationsScript: Script = script(`${opening}${forgettable}
local before = forgettable(ARGV[3])
for i = 3, #KEYS do
  local last = redis.call('ZSCORE', KEYS[2], ARGV[i + 1])
  if last and last ~= 'inf' and tonumber(last) < before then
    if before > tonumber(known[4]) then
      note('revocations', before)
      known[4] = before
    end
    redis.call('DEL', KEYS[i])
    redis.call('ZREM', KEYS[2], ARGV[i + 1])
  end
end
return {'forgotten', request}
`)

/**
 * Keeps a key for personal data unless there is one. KEYS: stores, person. ARGV: fingerprint, request, the encrypted
 * key.
 */
export const keepKeyScript: Script = script(`${opening}
if redis.call('SETNX', KEYS[2], ARGV[3]) == 1 then ${closing} end
return {'key', request, redis.call('GET', KEYS[2])}
`)

/** Returns the encrypted key of a person. */
export const findKeyScript: Script = script(`${opening}
return {'key', request, redis.call('GET', KEYS[2])}
`)

/** Replaces the key of a person by an empty value, which is never replaced. */
export const destroyKeyScript: Script = script(`${opening}
redis.call('SET', KEYS[2], '')
${closing}
return {'destroyed', request}
`)
