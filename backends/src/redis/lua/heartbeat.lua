-- KEYS[1] members scored by their last beat in ms; ARGV[1] who beats, or ''; ARGV[2] timeout in ms.
-- Returns 1 if the one who beats was not on the list, and the live members.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local is_new = 0
-- The silent go first: one of them who beats again is to learn that it was off the list.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%d', now - tonumber(ARGV[2])))
if ARGV[1] ~= '' then
  is_new = redis.call('ZADD', KEYS[1], now, ARGV[1])
end
return {is_new, redis.call('ZRANGE', KEYS[1], 0, -1)}
