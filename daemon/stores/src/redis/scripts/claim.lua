-- Raises the epoch. KEYS: the record. Answers nothing, {'corrupt'} or {'claimed', the epoch}.

local cairn, epoch = unpack(redis.call('HMGET', KEYS[1], 'cairn', 'epoch'))
if not cairn then
  return redis.call('EXISTS', KEYS[1]) == 1 and {'corrupt'} or false
end
if not epoch or not string.match(epoch, '^%d+$') or #epoch > 18 then return {'corrupt'} end
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
return {'claimed', redis.call('HGET', KEYS[1], 'epoch')}
