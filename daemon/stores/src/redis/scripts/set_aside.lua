-- What is under an upload's name is not what cairn put there: it is set aside for a look, and forgotten.
-- KEYS: the record, its extents, its digest state, where it is set aside.

if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[4])
  redis.call('PEXPIRE', KEYS[4], string.format('%.0f', GRACE))
end
redis.call('DEL', KEYS[2], KEYS[3])
return 1
