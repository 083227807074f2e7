// node only: HMAC

/**
 * Limits in Redis. Decision 064 describes the layout.
 *
 * - `limits`: a hash with `used:LIMIT`, the final amounts, and `held:LIMIT`, the sum and the number of the holds;
 * - `limit-ends`: the limits by their expiration, or by a later deadline of a reservation;
 * - `limit-holds`: amounts that count for a while, as `LIMIT:END:RESERVATION:AMOUNT`, in this order, with a `p` before
 *   the end of an amount that is not committed;
 * - `limit-calls`: the reservations, as text;
 * - `limit-call-ends`: the reservations by the end of their last hold;
 * - `limit-tasks`: the tasks that are paid for, by their expiration.
 *
 * A server that was killed while it wrote the changes of a script can make the first of them later, beside those of the
 * scripts after it. So no change is relative to a value: a change that is made twice, or late, counts once. STO-07
 *
 * @module
 */

import { type Script, script } from './client.ts'
import { forgettable, keepFor, opening } from './scripts.ts'

/** The kinds of the keys of limits, in the order in which scripts receive them. */
export const limitKeys = [
  'limits',
  'limit-ends',
  'limit-holds',
  'limit-calls',
  'limit-call-ends',
  'limit-tasks',
] as const

/** Reads and writes holds and reservations. */
const holdFunctions = `
local function digits(number) return string.format('%.0f', number) end
local function padded(time) return string.format('%016.0f', time) end

local function use(limit, amount)
  if amount == '0' then return end
  local used = redis.call('HGET', limits, 'used:' .. limit) or 0
  redis.call('HSET', limits, 'used:' .. limit, digits(tonumber(used) + tonumber(amount)))
end

-- The sum and the number of the holds of a limit. They are added up if the known number is another one.
local function held(limit)
  local from, to = '[' .. limit .. ':', '(' .. limit .. ';'
  local number = redis.call('ZLEXCOUNT', holds, from, to)
  local value = redis.call('HGET', limits, 'held:' .. limit) or '0:0'
  local sum, count = value:match('^(%d+):(%d+)$')
  if count and tonumber(count) == number then return tonumber(sum), number end
  sum = 0
  for _, member in ipairs(redis.call('ZRANGEBYLEX', holds, from, to)) do sum = sum + tonumber(member:match(':(%d+)$')) end
  return sum, number
end

local function setHeld(limit, sum, number)
  redis.call('HSET', limits, 'held:' .. limit, digits(sum) .. ':' .. digits(number))
end

local function memberOf(id, entry, pending)
  return entry.limit .. (pending and ':p' or ':') .. padded(entry.ends) .. ':' .. id .. ':' .. entry.amount
end

local function hold(id, entry, pending)
  local sum, number = held(entry.limit)
  if redis.call('ZADD', holds, 0, memberOf(id, entry, pending)) == 0 then return end
  setHeld(entry.limit, sum + tonumber(entry.amount), number + 1)
end

local function drop(limit, member, amount)
  local sum, number = held(limit)
  if redis.call('ZREM', holds, member) == 0 then return end
  setHeld(limit, sum - tonumber(amount), number - 1)
end

local function write(id, phase, entries)
  local parts, last = {phase}, 0
  for i, entry in ipairs(entries) do
    parts[i + 1] = table.concat({entry.limit, entry.kind, entry.amount, entry.ends, entry.later, entry.task}, ',')
    last = math.max(last, tonumber(entry.ends))
  end
  redis.call('HSET', calls, id, table.concat(parts, '|'))
  redis.call('ZADD', callEnds, digits(last), id)
end

local function read(id)
  local value = redis.call('HGET', calls, id)
  if not value then return nil end
  local call = {pending = value:sub(1, 1) == 'p', entries = {}}
  for limit, kind, amount, ends, later, task in value:gmatch('|(%x+),(%a+),(%d+),(%d+),(%d+),(%x*)') do
    table.insert(call.entries, {limit = limit, kind = kind, amount = amount, ends = ends, later = later, task = task})
  end
  return call
end

-- Ends a reservation with all its holds. Memory is freed first: then a full server takes the rest of the script.
local function finish(id, call)
  redis.call('HDEL', calls, id)
  redis.call('ZREM', callEnds, id)
  for _, entry in ipairs(call.entries) do drop(entry.limit, memberOf(id, entry, call.pending), entry.amount) end
end

-- The holds of a limit that are over, from a place to another one. A committed one has the amount 1.
local function over(limit, mark, now)
  return '[' .. limit .. mark, '(' .. limit .. mark .. padded(now + 1)
end

local function sumOf(members)
  local sum = 0
  for _, member in ipairs(members) do sum = sum + tonumber(member:match(':(%d+)$')) end
  return sum
end

-- Ends some reservations of a limit that were not committed and are over, each as a whole: the call of another service,
-- whose clock is behind, must not be committed after another call took its amount. So those that remain count until a
-- later call ends them. Returns how many holds it ended.
local function expire(limit, now, most)
  local from, to = over(limit, ':p', now)
  local ended = 0
  for _, member in ipairs(most > 0 and redis.call('ZRANGEBYLEX', holds, from, to, 'LIMIT', 0, most) or {}) do
    if ended >= most then break end
    local id, amount = member:match('^%x+:p%d+:(%x+):(%d+)$')
    local call = read(id)
    if call and call.pending then finish(id, call) else drop(limit, member, amount) end
    ended = ended + (call and #call.entries or 1)
  end
  return ended
end

-- Removes some committed holds of a limit that are over. Returns how many. They count as gone before that, too.
local function clear(limit, now, most)
  local from, to = over(limit, ':', now)
  local members = most > 0 and redis.call('ZRANGEBYLEX', holds, from, to, 'LIMIT', 0, most) or {}
  if #members == 0 then return 0 end
  local sum, number = held(limit)
  redis.call('ZREM', holds, unpack(members))
  setHeld(limit, sum - sumOf(members), number - #members)
  return #members
end

-- What remains, where a committed amount that is over does not count, nor the given amounts.
local function left(limit, maximum, now, lapsed)
  local gone = redis.call('ZLEXCOUNT', holds, over(limit, ':', now)) + lapsed
  local used = redis.call('HGET', limits, 'used:' .. limit) or 0
  return math.max(0, tonumber(maximum) - tonumber(used) - held(limit) + gone)
end

-- The earliest time at which a hold of a limit ends.
local function freeAt(limit, now)
  local function next(mark, last)
    local from = '(' .. limit .. mark .. padded(now + 1)
    local member = redis.call('ZRANGEBYLEX', holds, from, '(' .. limit .. last, 'LIMIT', 0, 1)[1]
    return member and tonumber(member:match('^%x+:p?(%d+):')) or math.huge
  end
  local first = math.min(next(':', ':p'), next(':p', ';'))
  return first < math.huge and digits(first) or ''
end
`

/** Most holds that a script ends at once: of periods and reservations that are over, and of limits that expired. */
const holdsAtOnce = 500

/** Reserves, commits and forgets. */
const callFunctions = `
-- Counts the entries of a call that is final.
local function count(id, entries)
  local kept = {}
  for _, entry in ipairs(entries) do
    if entry.kind ~= 'total' then
      entry.ends = entry.later
      hold(id, entry, false)
      table.insert(kept, entry)
    elseif entry.task == '' then
      use(entry.limit, entry.amount)
    elseif not redis.call('ZSCORE', tasks, entry.task) then
      use(entry.limit, entry.amount)
      if entry.amount ~= '0' then redis.call('ZADD', tasks, redis.call('ZSCORE', limitEnds, entry.limit), entry.task) end
    end
  end
  if #kept > 0 then write(id, 'c', kept) end
end

-- Makes a reservation final. Returns false when it was given back.
local function commit(id, now)
  local call = read(id)
  if not call then return false end
  if not call.pending then return true end
  for _, entry in ipairs(call.entries) do
    if tonumber(entry.ends) <= now or not redis.call('ZSCORE', holds, memberOf(id, entry, true)) then
      finish(id, call)
      return false
    end
  end
  finish(id, call)
  for _, entry in ipairs(call.entries) do
    -- The period of a rate begins now: it was counted from the deadline.
    if entry.kind == 'rate' then entry.later = digits(tonumber(entry.later) - tonumber(entry.ends) + now) end
  end
  count(id, call.entries)
  return true
end

-- The entries are the rest of ARGV from a place on, in groups of seven values. Returns a kind and its values.
local function reserve(id, now, deadline, final, from)
  if redis.call('HEXISTS', calls, id) == 1 then return {'taken'} end
  local entries = {}
  for i = from, #ARGV, 7 do
    table.insert(entries, {limit = ARGV[i], kind = ARGV[i + 1], maximum = ARGV[i + 2], amount = ARGV[i + 3],
      ends = deadline, later = ARGV[i + 4], expiration = ARGV[i + 5], task = ARGV[i + 6]})
  end
  for _, entry in ipairs(entries) do
    local ends = entry.expiration
    if ends ~= 'inf' and tonumber(ends) < tonumber(known[5] or 0) + ${keepFor} then return {'expired'} end
  end
  local room = ${holdsAtOnce}
  for i, entry in ipairs(entries) do
    room = room - expire(entry.limit, now, room)
    room = room - clear(entry.limit, now, room)
    if entry.task ~= '' and redis.call('ZSCORE', tasks, entry.task) then
      entry.amount = '0'
    else
      local remaining = left(entry.limit, entry.maximum, now, 0)
      if remaining == 0 or remaining < tonumber(entry.amount) then
        local free = entry.kind == 'rate' and remaining == 0 and freeAt(entry.limit, now) or ''
        return {'short', tostring(i - 1), digits(remaining), free}
      end
    end
  end
  for _, entry in ipairs(entries) do
    local last = redis.call('ZSCORE', limitEnds, entry.limit)
    local ends = entry.expiration
    -- A reservation can be committed until its deadline, also after the end of the delegation.
    if final ~= '1' and ends ~= 'inf' and tonumber(deadline) > tonumber(ends) then ends = deadline end
    if not last or (last ~= 'inf' and (ends == 'inf' or tonumber(ends) > tonumber(last))) then
      redis.call('ZADD', limitEnds, ends, entry.limit)
    end
  end
  if final == '1' then
    count(id, entries)
  else
    write(id, 'p', entries)
    for _, entry in ipairs(entries) do hold(id, entry, true) end
  end
  return {'reserved'}
end

-- Forgets reservations that are over and limits that expired, \`most\` of each, and notes the time. A call of a delegation
-- that expired before it is refused from then on, because a clock can go back. Returns the largest number of one kind, or
-- \`most\` if there is more to forget: reservations and limits can have many holds, of which a script ends some.
local function forgetLimits(now, before, most)
  local ended = redis.call('ZRANGEBYSCORE', callEnds, '-inf', now, 'LIMIT', 0, most)
  local room, done = ${holdsAtOnce}, 0
  for _, id in ipairs(ended) do
    if room <= 0 then done = most break end
    redis.call('ZREM', callEnds, id)
    local call = read(id)
    if call then finish(id, call) end
    room = room - (call and #call.entries or 0)
  end
  local paid = redis.call('ZRANGEBYSCORE', tasks, '-inf', '(' .. before, 'LIMIT', 0, most)
  for _, task in ipairs(paid) do redis.call('ZREM', tasks, task) end
  local expired = redis.call('ZRANGEBYSCORE', limitEnds, '-inf', '(' .. before, 'LIMIT', 0, most)
  if #expired > 0 and before > tonumber(known[5] or 0) then
    note('limits', before)
    known[5] = before
  end
  room = ${holdsAtOnce}
  for _, limit in ipairs(expired) do
    local members = redis.call('ZRANGEBYLEX', holds, '[' .. limit .. ':', '(' .. limit .. ';', 'LIMIT', 0, room + 1)
    local more = #members > room
    if more then table.remove(members) end
    if #members > 0 then redis.call('ZREM', holds, unpack(members)) end
    room = room - #members
    if more then done = most break end
    redis.call('ZREM', limitEnds, limit)
    redis.call('HDEL', limits, 'used:' .. limit, 'held:' .. limit)
  end
  return math.max(#ended, #paid, #expired, done)
end
`

/**
 * The functions of limits.
 *
 * @param first - the place of the keys of limits among the keys of a script.
 */
export function limitFunctions(first: number): string {
  const keys = limitKeys.map((_, index) => `KEYS[${first + index}]`).join(', ')
  return `
local limits, limitEnds, holds, calls, callEnds, tasks = ${keys}
${holdFunctions}${callFunctions}`
}

/** Entries of each kind that a reservation forgets: more than it adds. */
export const forgottenWithReservation = 3

/** KEYS: stores, those of limits. */
const functions = `${opening}${forgettable}${limitFunctions(2)}
local now = tonumber(ARGV[3])
`

/**
 * Reserves the limits of a call. KEYS: stores, those of limits, made. ARGV: fingerprint, request, the time, the
 * milliseconds for which the request is known, the reservation, its deadline, whether it is final, and the entries.
 *
 * A client that lost its connection may send the request once more: then it gets the same answer.
 */
export const reserveScript: Script = script(`${functions}
if redis.call('EXISTS', KEYS[8]) == 1 then return {'reserved', request} end
forgetLimits(now, forgettable(now - ${keepFor}), ${forgottenWithReservation})
local answer = reserve(ARGV[5], now, ARGV[6], ARGV[7], 8)
if answer[1] == 'reserved' then redis.call('SET', KEYS[8], '1', 'PX', ARGV[4]) end
table.insert(answer, 2, request)
return answer
`)

/** Commits a reservation. KEYS as before. ARGV: fingerprint, request, the time, the milliseconds, the reservation. */
export const commitScript: Script = script(`${functions}
if redis.call('EXISTS', KEYS[8]) == 1 then return {'committed', request, '1'} end
if not commit(ARGV[5], now) then return {'committed', request, '0'} end
redis.call('SET', KEYS[8], '1', 'PX', ARGV[4])
return {'committed', request, '1'}
`)

/** Ends a call. KEYS: stores, those of limits. ARGV: fingerprint, request, the time, the reservation. */
export const releaseScript: Script = script(`${functions}
local id = ARGV[4]
local call = read(id)
if not call then return {'released', request} end
if call.pending then
  finish(id, call)
else
  for _, entry in ipairs(call.entries) do
    if entry.kind == 'concurrent' then drop(entry.limit, memberOf(id, entry, false), entry.amount) end
  end
end
return {'released', request}
`)

/**
 * Returns what remains, and when a rate allows a call: two values for each limit. KEYS: stores, those of limits. ARGV:
 * fingerprint, request, the time, and for each limit its name and its maximum.
 */
export const remainingScript: Script = script(`${functions}
local answer = {'left', request}
for i = 4, #ARGV, 2 do
  local lapsed = sumOf(redis.call('ZRANGEBYLEX', holds, over(ARGV[i], ':p', now)))
  table.insert(answer, digits(left(ARGV[i], ARGV[i + 1], now, lapsed)))
  table.insert(answer, freeAt(ARGV[i], now))
end
return answer
`)

/** Forgets. KEYS: stores, those of limits. ARGV: fingerprint, request, the time, and how many. Returns how many. */
export const forgetLimitsScript: Script = script(`${functions}
return {'forgotten', request, tostring(forgetLimits(now, forgettable(now - ${keepFor}), tonumber(ARGV[4])))}
`)
