-- KEYS: 1 sockets (set), 2 online users (zset), 3 presence (hash); ARGV: 1 user, 2 TTL of an offline presence ms
-- Returns 1 if the user went offline by this very call.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not lease or tonumber(lease) > now or redis.call('SCARD', KEYS[1]) > 0 then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], 'status', 'offline', 'activity', '')
redis.call('HSETNX', KEYS[3], 'lastSeen', string.format('%d', now))
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return 1
