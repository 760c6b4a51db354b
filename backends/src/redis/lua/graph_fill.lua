-- KEYS: 1 friends, 2 groups, 3 blocks (sets), 4 that they are known, 5 version;
-- ARGV: 1 version that they were read at, 2 TTL of the sets ms, 3 TTL of the knowledge ms, 4-6 how many of each, 7.. all of them.
-- Returns 1 if they were cached.
if (tonumber(redis.call('GET', KEYS[5])) or 0) ~= tonumber(ARGV[1]) then
  return 0
end
local from = 7
for set = 1, 3 do
  local last = from + tonumber(ARGV[3 + set]) - 1
  redis.call('DEL', KEYS[set])
  for i = from, last, 1000 do
    redis.call('SADD', KEYS[set], unpack(ARGV, i, math.min(i + 999, last)))
  end
  redis.call('PEXPIRE', KEYS[set], ARGV[2])
  from = last + 1
end
redis.call('SET', KEYS[4], 1, 'PX', ARGV[3])
return 1
