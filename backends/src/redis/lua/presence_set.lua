-- KEYS: 1 online users (zset), 2 presence (hash); ARGV: 1 user, 2 status, 3 activity or '', 4 lease ms
-- Returns 1 if others see something new.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
if lease <= now then
  return 0
end
local before = redis.call('HMGET', KEYS[2], 'status', 'activity')
if (before[1] or 'online') == ARGV[2] and (before[2] or '') == ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[2], 'status', ARGV[2], 'activity', ARGV[3])
if ARGV[2] == 'offline' then
  -- Who appears offline was last seen when that began.
  redis.call('HSET', KEYS[2], 'lastSeen', string.format('%d', now))
end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
