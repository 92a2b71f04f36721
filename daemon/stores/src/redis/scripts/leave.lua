-- Takes uploads that are gone out of the indices. KEYS: the base and 'uploads'. ARGV: the base, what stands before an id in the
-- key of its record, or '' not to look there, the ids.

local base, stem = ARGV[1], ARGV[2]
for number = 3, #ARGV do
  if stem == '' or redis.call('EXISTS', stem .. ARGV[number]) == 0 then leave(base, ARGV[number]) end
end
return 1
