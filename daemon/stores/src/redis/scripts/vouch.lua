-- The record is whole, as of the run in which all of it was last looked at while it was doubted. If another server took
-- over since, it stays doubted.
-- KEYS: the record. ARGV: the base of the indices or '', the upload's id. Answers whether there is a record.

local state, name, expires, looked = unpack(redis.call('HMGET', KEYS[1], 'state', 'name', 'expires', 'looked'))
if not (state and name and expires) then return 0 end
if looked then
  redis.call('HSET', KEYS[1], 'run', looked)
  redis.call('HDEL', KEYS[1], 'looked')
end
if ARGV[1] ~= '' and string.match(name, '\n') and tonumber(expires) then
  enter(ARGV[1], ARGV[2], name, state, expires)
end
return 1
