-- KEYS[1] set of members; KEYS[2] version; ARGV[1] version that the members were read at; ARGV[2] TTL in ms;
-- ARGV[3..] members. Returns 1 if they were cached.
if (tonumber(redis.call('GET', KEYS[2])) or 0) ~= tonumber(ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV, 1000 do
  redis.call('SADD', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
