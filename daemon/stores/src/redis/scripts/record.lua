-- Records one extent.
-- KEYS: the record, its extents. ARGV: offset, end, class of the length, the rest of the member, the epoch or '', the
-- moment at which the upload ends, the base of the indices or '', the upload's id.
-- Answers 'unknown', 'corrupt', {'state', …}, {'epoch', …} or {'recorded', received bytes, members that left}.

local record, extents = KEYS[1], KEYS[2]
local offset, finish, class, rest, epoch, expires, base, id = unpack(ARGV)

local head = redis.call('HMGET', record, 'state', 'epoch', 'received', 'rewrites', 'count', 'sequence', 'classes',
  'chunksize', 'filesize', 'staged', 'name', 'cairn')
if not head[12] then
  return redis.call('EXISTS', record) == 1 and {'corrupt'} or {'unknown'}
end
local state, current, received, rewrites, count, sequence, classes, chunk_size, length, staged, name =
  unpack(head, 1, 11)
if not (state and current and is_number(received) and is_number(rewrites) and is_number(staged) and classes and name
    and string.match(name, '\n') and string.match(classes, '^%x*$') and #classes % 2 == 0 and #classes <= 128
    and tonumber(count) and tonumber(sequence) and tonumber(chunk_size) and tonumber(chunk_size) >= 1) then
  return {'corrupt'}
end
if state ~= 'open' then return {'state', state} end
if epoch ~= '' and epoch ~= current then return {'epoch', current} end

if mend(record, extents, count) then
  received, count, classes = '0000000000000000', '0', ''
end

local found = overlapping(extents, classes, offset, finish)
table.sort(found, function(a, b) return string.sub(a, 3, 34) < string.sub(b, 3, 34) end)

-- The same receipt once more, because an answer was lost on its way: it is there.
for _, member in ipairs(found) do
  if string.sub(member, 3, 34) == offset .. finish and string.sub(member, 48) == rest then
    redis.call('HSET', record, 'expires', expires)
    let_go(expires, record, extents)
    return {'recorded', received, {}}
  end
end

-- What is new of it: the gaps between those that overlap.
local gaps, covered = {}, {}
local reached = offset
for _, member in ipairs(found) do
  local first, last = string.sub(member, 3, 18), string.sub(member, 19, 34)
  if first > reached then gaps[#gaps + 1] = {reached, first} end
  if last > reached then reached = last < finish and last or finish end
  if first >= offset and last <= finish then covered[#covered + 1] = member end
end
if reached < finish then gaps[#gaps + 1] = {reached, finish} end
for _, gap in ipairs(gaps) do received = add(received, subtract(gap[2], gap[1])) end

-- Everything is known; from here on it is written. A Redis that is full refuses the first thing that adds, or nothing.
sequence = tonumber(sequence) + 1
redis.call('ZADD', extents, 0, class .. offset .. finish .. string.format('%013x', sequence) .. rest)
for first = 1, #covered, 1000 do
  redis.call('ZREM', extents, unpack(covered, first, math.min(first + 999, #covered)))
end

local fields = {'received', received, 'expires', expires, 'count', tostring(tonumber(count) + 1 - #covered),
  'sequence', string.format('%.0f', sequence)}
local function set(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
if #found > 0 then set('rewrites', rewrites == MOST and '0000000000000000' or add(rewrites, '0000000000000001')) end
if received > staged then set('staged', received) end
local known = false
for present in string.gmatch(classes, '%x%x') do known = known or present == class end
if not known then set('classes', classes .. class) end

-- The chunks, as the tutorial shows them: one that is there whole is 1; of another, how much is there is remembered.
local size, total = tonumber(chunk_size), tonumber(length or '')
local function show(first, last)
  if last > EXACT or last / size > MOST_SHOWN then return end
  local number = math.floor(first / size) + 1
  while (number - 1) * size < last do
    local from = (number - 1) * size
    local to = from + size
    if total and to > total then to = total end
    local part = math.min(last, to) - math.max(first, from)
    if part < to - from then
      local sum = redis.pcall('HINCRBY', record, 'part_' .. number, string.format('%.0f', part))
      part = type(sum) == 'number' and sum or part
    end
    if part >= to - from then
      set('chkidx_' .. number, '1')
      redis.call('HDEL', record, 'part_' .. number)
    end
    if to <= from then return end
    number = number + 1
  end
end
for _, gap in ipairs(gaps) do show(inexact(gap[1]), inexact(gap[2])) end
set_fields(record, fields)
let_go(expires, record, extents)

-- An index that was evicted is made anew, entry by entry.
if base ~= '' and not redis.call('ZSCORE', base .. 'expires', id) then enter(base, id, name, state, expires) end
return {'recorded', received, covered}
