-- Keeps a digest state as long as the record. KEYS: the record, its extents, its digest state. ARGV: length, rewrites, state.

local ends = redis.call('HGET', KEYS[1], 'expires')
if not ends or not tonumber(ends) then return 0 end
redis.call('HSET', KEYS[3], 'length', ARGV[1], 'rewrites', ARGV[2], 'state', ARGV[3])
let_go(ends, KEYS[3])
return 1
