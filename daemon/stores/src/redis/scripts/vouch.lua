-- The record is whole as of this run. KEYS: the record, its extents. ARGV: the run or '', the base of the indices or '',
-- the upload's id.

local state, name, expires = unpack(redis.call('HMGET', KEYS[1], 'state', 'name', 'expires'))
if not (state and name and expires) then return 0 end
redis.call('HSET', KEYS[1], 'run', run_of(ARGV[1]))
if ARGV[2] ~= '' and string.match(name, '\n') and tonumber(expires) then
  enter(ARGV[2], ARGV[3], name, state, expires)
end
return 1
