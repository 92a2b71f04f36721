-- Changes the head if the upload is in one of the states expected.
-- KEYS: the record, its extents, its digest state. ARGV: the states expected, each between spaces; the new state; the length and its
-- 16 digits, or '', ''; the digest and its digits alone, or '', ''; the moment at which the upload ends, or ''; the base
-- of the indices or ''; the upload's id.
-- Answers nothing, {'corrupt'}, {'other', the head} or {'changed', the head, the name}.

local record = KEYS[1]
local from, state, length, long, digest, hash, expires, base, id = unpack(ARGV)
local known, cairn, staged, received, name, chunk_size, ends =
  unpack(redis.call('HMGET', record, 'state', 'cairn', 'staged', 'received', 'name', 'chunksize', 'expires'))
if not cairn then
  return redis.call('EXISTS', record) == 1 and {'corrupt'} or false
end
if not (known and is_number(staged) and is_number(received) and name and string.match(name, '\n')
    and tonumber(chunk_size) and tonumber(chunk_size) >= 1 and tonumber(ends)) then
  return {'corrupt'}
end
if not string.find(from, ' ' .. known .. ' ', 1, true) then
  return {'other', redis.call('HMGET', record, unpack(HEAD))}
end

local fields = {'state', state}
local function set(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
if length ~= '' then
  set('filesize', length)
  set('staged', long > received and long or received)
  local size, total = tonumber(chunk_size), tonumber(length)
  if total <= EXACT and size <= EXACT then
    local over = math.fmod(total, size)
    local count = (total - over) / size + (over > 0 and 1 or 0)
    set('chunkcount', string.format('%.0f', count))
    local last = string.format('%.0f', count)
    if over > 0 and tonumber(redis.call('HGET', record, 'part_' .. last) or '0') >= over then
      set('chkidx_' .. last, '1')
      redis.call('HDEL', record, 'part_' .. last)
    end
  end
end
if digest ~= '' then set('digest', digest); set('filehash', hash) end
if expires ~= '' then set('expires', expires); ends = expires end
set_fields(record, fields)
let_go(ends, KEYS[1], KEYS[2], KEYS[3])
if base ~= '' then enter(base, id, name, state, ends) end
return {'changed', redis.call('HMGET', record, unpack(HEAD))}
