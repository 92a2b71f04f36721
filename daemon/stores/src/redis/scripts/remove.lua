-- Forgets an upload. KEYS: the record, its extents, its digest state. ARGV: the base of the indices or '', the upload's id.

redis.call('DEL', unpack(KEYS))
if ARGV[1] ~= '' then leave(ARGV[1], ARGV[2]) end
return 1
