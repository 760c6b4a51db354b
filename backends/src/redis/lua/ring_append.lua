-- KEYS[1] hash seq -> message; ARGV[1] capacity; ARGV[2] TTL in ms; ARGV[3..] seq, message, seq, message …
-- An empty message is a hole that only moves the head.
local capacity = tonumber(ARGV[1])
local head = tonumber(redis.call('HGET', KEYS[1], 'head') or '0')
local before = head
for i = 3, #ARGV, 2 do
  head = math.max(head, tonumber(ARGV[i]))
end
for i = 3, #ARGV, 2 do
  local seq = tonumber(ARGV[i])
  if seq > head - capacity and ARGV[i + 1] ~= '' then
    redis.call('HSET', KEYS[1], string.format('%d', seq), ARGV[i + 1])
  end
end
-- What fell out: usually as many as came in. After a long hole in the ring everything older goes at once.
if head - before >= capacity then
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local seq = tonumber(field)
    if seq and seq <= head - capacity then
      redis.call('HDEL', KEYS[1], field)
    end
  end
else
  for seq = before - capacity + 1, head - capacity do
    redis.call('HDEL', KEYS[1], string.format('%d', seq))
  end
end
redis.call('HSET', KEYS[1], 'head', string.format('%d', head))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
