-- Writes a whole record: a new one, or one that was rebuilt.
-- KEYS: the record, its extents, its digest state. ARGV: whether it is doubted (0, 1), the moment at which
-- the upload ends, its id, the base of the indices or '', how many of the following are fields; fields and values in turn;
-- members of its extents.
-- With admission, ARGV goes on behind an empty text: the key of another record but for its id, the most that may be open,
-- the most bytes that may be staged or ''. The record is then written only if the owner may.
-- Answers {'written'}, {'taken'}, {'exists', its id, the head}, {'too many', how many} or {'over', staged bytes}.

local record, extents, prefix = KEYS[1], KEYS[2], KEYS[3]
local doubted, expires, id, base = unpack(ARGV, 1, 4)
local fields, members, admission = {}, {}, nil
local last_field = 5 + tonumber(ARGV[5])
for number = 6, last_field do fields[#fields + 1] = ARGV[number] end
local number = last_field + 1
while ARGV[number] and ARGV[number] ~= '' do
  members[#members + 1] = ARGV[number]
  number = number + 1
end
if ARGV[number] == '' then admission = {unpack(ARGV, number + 1, number + 3)} end
local own = {}
for field = 1, #fields, 2 do own[fields[field]] = fields[field + 1] end
local owner, key = string.match(own['name'], '^([^\n]*)\n(.*)$')

if admission and key ~= '' then
  local other = redis.call('HGET', base .. 'keys:' .. owner, key)
  local head = other and redis.call('HMGET', admission[1] .. other, unpack(HEAD))
  if head and head[1] then return {'exists', other, head} end
  -- What it names is gone.
  if other then
    leave(base, other)
    redis.call('HDEL', base .. 'keys:' .. owner, key)
  end
end
if redis.call('EXISTS', record) == 1 then return {'taken'} end
if admission then
  local open, staged = 0, '0000000000000000'
  for _, other in ipairs(redis.call('SMEMBERS', base .. 'open:' .. owner)) do
    local state, bytes = unpack(redis.call('HMGET', admission[1] .. other, 'state', 'staged'))
    if in_progress(state) then
      open = open + 1
      if is_number(bytes) then staged = add(staged, bytes) end
    else
      redis.call('SREM', base .. 'open:' .. owner, other)
    end
  end
  if open >= tonumber(admission[2]) then return {'too many', open} end
  if admission[3] ~= '' and add(staged, own['staged']) > admission[3] then return {'over', staged} end
end

-- A Redis that is full refuses the first thing that adds, or nothing.
set_fields(record, fields)
redis.call('DEL', extents, prefix)
redis.call('HSET', record, 'run', doubted == '1' and '' or current_run())
for member = 1, #members do redis.call('ZADD', extents, 0, members[member]) end
let_go(expires, record, extents)
if base ~= '' then enter(base, id, own['name'], own['state'], expires) end
return {'written'}
