// node only: HMAC

import { type Script, script } from './client.ts'

/** Every script begins with it: KEYS[1] has the epoch and the fingerprint of the secret, and ARGV[1] a fingerprint. STO-05 */
const opening = `
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'epoch', 'latest')
if not known[1] then return {'unprepared'} end
if known[1] ~= ARGV[1] then return {'secret'} end
`

/** Prepares the stores unless they are. ARGV: fingerprint, epoch. Returns the fingerprint that they have. */
export const prepareScript: Script = script(`
redis.call('HSETNX', KEYS[1], 'fingerprint', ARGV[1])
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[2])
redis.call('HSETNX', KEYS[1], 'latest', '0')
return redis.call('HGET', KEYS[1], 'fingerprint')
`)

/** Returns the epoch. */
export const epochScript: Script = script(`${opening}
return {'epoch', known[2]}
`)

/**
 * Claims a call. KEYS: stores, call. ARGV: fingerprint, the epoch that the caller knows, the expiration or `inf`, and the
 * seconds for which an entry is kept after it.
 *
 * An entry is gone when the clock of the server has passed its time, also if the clock goes back afterwards. So the latest
 * time is kept, and a call whose entry could be gone is refused.
 */
export const claimScript: Script = script(`${opening}
if known[2] ~= ARGV[2] then return {'epoch', known[2]} end
local now = tonumber(redis.call('TIME')[1])
local latest = tonumber(known[3])
if now > latest then
  redis.call('HSET', KEYS[1], 'latest', now)
  latest = now
end
local ends = ARGV[3] == 'inf' and math.huge or tonumber(ARGV[3]) + tonumber(ARGV[4])
if ends <= latest then return {'expired'} end
local before = redis.call('GET', KEYS[2])
if before then
  if before ~= 'inf' and (ends == math.huge or ends > tonumber(before)) then
    redis.call('SET', KEYS[2], ends == math.huge and 'inf' or string.format('%.0f', ends))
    if ends ~= math.huge then redis.call('EXPIREAT', KEYS[2], string.format('%.0f', ends)) end
  end
  return {'claimed', '0'}
end
if ends == math.huge then
  redis.call('SET', KEYS[2], 'inf')
else
  redis.call('SET', KEYS[2], string.format('%.0f', ends), 'EXAT', string.format('%.0f', ends))
end
return {'claimed', '1'}
`)

/** Finds revocations. KEYS: stores, and one for each id. Returns, for each id, its revokers. */
export const findScript: Script = script(`${opening}
local found = {'found'}
for i = 2, #KEYS do
  found[i] = redis.call('HKEYS', KEYS[i])
end
return found
`)

/** Adds a revocation. KEYS: stores, and one for each id. ARGV: fingerprint, revoker, the time until which it is kept. */
export const addScript: Script = script(`${opening}
for i = 2, #KEYS do
  local before = redis.call('HGET', KEYS[i], ARGV[2])
  local later = ARGV[3] == 'inf' or not before or (before ~= 'inf' and tonumber(ARGV[3]) > tonumber(before))
  if before ~= 'inf' and later then redis.call('HSET', KEYS[i], ARGV[2], ARGV[3]) end
  local last = 0
  for _, time in ipairs(redis.call('HVALS', KEYS[i])) do
    last = math.max(last, time == 'inf' and math.huge or tonumber(time))
  end
  if last == math.huge then
    redis.call('PERSIST', KEYS[i])
  else
    redis.call('EXPIREAT', KEYS[i], string.format('%.0f', last))
  end
end
return {'added'}
`)

/** Keeps a key for personal data unless there is one. KEYS: stores, person. ARGV: fingerprint, the encrypted key. */
export const keepKeyScript: Script = script(`${opening}
redis.call('SETNX', KEYS[2], ARGV[2])
return {'key', redis.call('GET', KEYS[2])}
`)

/** Returns the encrypted key of a person. */
export const findKeyScript: Script = script(`${opening}
return {'key', redis.call('GET', KEYS[2])}
`)

/** Replaces the key of a person by an empty value, which is never replaced. */
export const destroyKeyScript: Script = script(`${opening}
redis.call('SET', KEYS[2], '')
return {'destroyed'}
`)
