-- The indices of a cluster, which lie in a slot of their own. KEYS: the base and 'uploads'. ARGV: the base, the upload's id,
-- its name, its state, the moment at which it ends; with admission how often somebody was admitted to the owner's when it
-- was looked, or '' without.
-- Answers 1, or 0 if somebody was admitted since, or the id that holds the idempotency key.

local base, id, name, state, expires, seen = unpack(ARGV)
local owner, key = string.match(name, '^([^\n]*)\n(.*)$')
if seen ~= '' then
  local admitted = base .. 'admitted:' .. owner
  if (redis.call('GET', admitted) or '0') ~= seen then return 0 end
  local other = key ~= '' and redis.call('HGET', base .. 'keys:' .. owner, key)
  if other and other ~= id then return other end
  redis.call('INCR', admitted)
  redis.call('PEXPIRE', admitted, 86400000)
end
enter(base, id, name, state, expires)
return 1
