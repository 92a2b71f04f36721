-- Reads a record as far as it is asked for.
-- KEYS: the record, its extents. ARGV: 'head' | 'all' | 'range', offset, end | 'chunk', number.
-- Answers nothing, {'corrupt'}, or {'loaded', doubted (0, 1), the head, members}, or 'far' instead of the members if the
-- chunk lies beyond where numbers are exact.

local record, extents = KEYS[1], KEYS[2]
local view, first, last = unpack(ARGV)
local found = redis.call('HMGET', record, 'run', 'count', 'classes', 'chunksize', unpack(HEAD))
local known, count, classes, chunk_size = unpack(found, 1, 4)
local head = {unpack(found, 5, 4 + #HEAD)}
if not head[1] then
  return redis.call('EXISTS', record) == 1 and {'corrupt'} or false
end
if not (known and tonumber(count) and classes and tonumber(chunk_size)) then return {'corrupt'} end
if not (string.match(classes, '^%x*$') and #classes % 2 == 0 and #classes <= 128) then return {'corrupt'} end
local run = current_run()
local doubted = known ~= run
if mend(record, extents, count) then
  doubted, classes = true, ''
  head[4] = '0000000000000000'
end

-- Who is told everything may compare it with the objects: what they vouch for is this run, and no later one.
if doubted and view == 'all' then redis.pcall('HSET', record, 'looked', run) end

local members = {}
if view == 'all' then
  members = redis.call('ZRANGE', extents, 0, -1)
elseif view == 'range' then
  members = overlapping(extents, classes, first, last)
elseif view == 'chunk' then
  local from = (tonumber(first) - 1) * tonumber(chunk_size)
  local to = from + tonumber(chunk_size)
  if to >= EXACT then return {'loaded', doubted and 1 or 0, head, 'far'} end
  local function text(number) return digits(math.floor(number / WORD), number % WORD) end
  if from >= 0 then members = overlapping(extents, classes, text(from), text(to)) end
end
return {'loaded', doubted and 1 or 0, head, members}
