-- newest_read: some fields of many chunks of one kind, in one call
-- args: count
--   count  how many fields
-- more: the fields, then the keys of the chunks
-- returns for each key its values, as HMGET gives them
-- repeats the same; it changes nothing
-- cost O(keys * fields)

local call, count, fields, found = redis.call, tonumber(ARGV[2]), {}, {}
for i = 1, count do fields[i] = ARGV[2 + i] end
for i = 3 + count, #ARGV do found[#found + 1] = call('HMGET', ARGV[i], unpack(fields)) end
return found
