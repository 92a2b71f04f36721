-- Keeps a challenge with the record, or takes it away. KEYS: the record. ARGV: the challenge to keep, or nothing.
-- Answers the challenge that was taken, or nothing.

if ARGV[1] then
  if redis.call('HEXISTS', KEYS[1], 'cairn') == 1 then redis.call('HSET', KEYS[1], 'challenge', ARGV[1]) end
  return false
end
local taken = redis.call('HGET', KEYS[1], 'challenge')
redis.call('HDEL', KEYS[1], 'challenge')
return taken
