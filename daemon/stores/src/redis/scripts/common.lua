-- What every script begins with.
--
-- Numbers of 64 bits are 16 hexadecimal digits: they compare as texts, and are reckoned with in two halves, because a
-- number of Lua is exact up to 2^53 only. Everything that a script reads is checked before the script changes anything.

local HEAD = {'cairn', 'state', 'epoch', 'received', 'rewrites', 'expires', 'filesize', 'digest'}
local WORD = 4294967296
local MOST = 'ffffffffffffffff'
-- A week, in milliseconds: how long a record outlives its end, so that whoever sweeps sees it end first.
local GRACE = 604800000
-- The end of the year 9999, in milliseconds.
local LAST = 253402300799000
-- Chunks are shown one by one as far as numbers are exact, and for as many as an upload may have in earnest.
local EXACT = 9007199254740992
local MOST_SHOWN = 100000

local function halves(digits)
  return tonumber(string.sub(digits, 1, 8), 16), tonumber(string.sub(digits, 9, 16), 16)
end

local function digits(high, low)
  return string.format('%08x%08x', high, low)
end

local function is_number(text)
  return text and #text == 16 and string.match(text, '^%x+$')
end

-- The sum, or the greatest number there is.
local function add(a, b)
  local ah, al = halves(a)
  local bh, bl = halves(b)
  local high, low = ah + bh, al + bl
  if low >= WORD then high, low = high + 1, low - WORD end
  if high >= WORD then return MOST end
  return digits(high, low)
end

-- The difference, or zero.
local function subtract(a, b)
  if a <= b then return '0000000000000000' end
  local ah, al = halves(a)
  local bh, bl = halves(b)
  if al < bl then ah, al = ah - 1, al + WORD end
  return digits(ah - bh, al - bl)
end

-- As a number of Lua, exact below 2^53.
local function inexact(text)
  local high, low = halves(text)
  return high * WORD + low
end

local function in_progress(state)
  return state == 'open' or state == 'completing'
end

-- The run of this server: the process, and the history of changes that it continues. It is asked for where the data are,
-- so that neither a connection that was mended nor anything between here and the caller can hide another server.
local function current_run()
  local process = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  return (process or '') .. ':' .. (history or '')
end

-- Lets keys go by themselves a grace after the end of the upload; never sooner than a grace from now.
local function let_go(expires, ...)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local moment = math.min(math.max(tonumber(expires), now) + GRACE, LAST)
  for _, key in ipairs({...}) do
    redis.call('PEXPIREAT', key, string.format('%.0f', moment))
  end
end

-- Sets fields of a hash, given as names and values in turn.
local function set_fields(key, fields)
  for first = 1, #fields, 1000 do
    redis.call('HSET', key, unpack(fields, first, math.min(first + 999, #fields)))
  end
end

-- What is kept outside of a slot's own keys. A name is the owner, a line feed, and the idempotency key behind an equals
-- sign, or nothing.

local function enter(base, id, name, state, expires)
  local owner, key = string.match(name, '^([^\n]*)\n(.*)$')
  redis.call('ZADD', base .. 'uploads', 0, id)
  redis.call('ZADD', base .. 'expires', expires, id)
  redis.call('HSET', base .. 'names', id, name)
  redis.call('ZADD', base .. 'owner:' .. owner, 0, id)
  redis.call(in_progress(state) and 'SADD' or 'SREM', base .. 'open:' .. owner, id)
  if key ~= '' then redis.call('HSETNX', base .. 'keys:' .. owner, key, id) end
end

local function leave(base, id)
  local name = redis.call('HGET', base .. 'names', id)
  redis.call('ZREM', base .. 'uploads', id)
  redis.call('ZREM', base .. 'expires', id)
  redis.call('HDEL', base .. 'names', id)
  local owner, key = string.match(name or '', '^([^\n]*)\n(.*)$')
  if not owner then return end
  redis.call('ZREM', base .. 'owner:' .. owner, id)
  redis.call('SREM', base .. 'open:' .. owner, id)
  local keys = base .. 'keys:' .. owner
  if key ~= '' and redis.call('HGET', keys, key) == id then redis.call('HDEL', keys, key) end
end

-- The record's two keys must agree. If one of them was evicted alone, the record is made one that holds nothing, and is
-- doubted: what was stored is found again among the objects.
local function mend(record, extents, count)
  if redis.call('ZCARD', extents) == tonumber(count) then return false end
  local gone = {}
  for _, field in ipairs(redis.call('HKEYS', record)) do
    if string.match(field, '^chkidx_') or string.match(field, '^part_') then gone[#gone + 1] = field end
  end
  for first = 1, #gone, 1000 do
    redis.call('HDEL', record, unpack(gone, first, math.min(first + 999, #gone)))
  end
  redis.call('DEL', extents)
  local zero = '0000000000000000'
  redis.call('HSET', record, 'received', zero, 'count', '0', 'classes', '', 'run', '')
  return true
end

-- The extents that overlap a range, as their members. A member is the class of the length (two digits), the offset, the
-- end (16 each), the number in the order of recording (13), and what Redis need not understand. An extent of class c has
-- less than 2^(c+1) bytes, so that it begins no further before the range than that.
local function overlapping(extents, classes, offset, finish)
  local found = {}
  for class in string.gmatch(classes, '%x%x') do
    local bits = tonumber(class, 16) + 1
    local reach = bits <= 32 and digits(0, 2 ^ bits - 1) or digits(2 ^ (bits - 32) - 1, WORD - 1)
    local first = subtract(offset, reach)
    local members = redis.call('ZRANGEBYLEX', extents, '[' .. class .. first, '(' .. class .. finish)
    for _, member in ipairs(members) do
      if string.sub(member, 19, 34) > offset then found[#found + 1] = member end
    end
  end
  return found
end
