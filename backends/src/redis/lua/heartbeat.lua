-- KEYS[1] members scored by their last beat in ms; ARGV[1] who beats, or ''; ARGV[2] timeout in ms.
-- Returns the live members.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%d', now - tonumber(ARGV[2])))
return redis.call('ZRANGE', KEYS[1], 0, -1)
