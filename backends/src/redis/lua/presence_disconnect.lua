-- KEYS: 1 sockets (set), 2 their order (zset), 3 latest socket, 4 online users (zset), 5 presence (hash)
-- ARGV: 1 user, 2 socket, 3 grace ms
-- Returns 1 if this was the user's last socket.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local was_there = redis.call('SREM', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[2])
if redis.call('GET', KEYS[3]) == ARGV[2] then
  local latest = redis.call('ZREVRANGE', KEYS[2], 0, 0)[1]
  if latest then
    redis.call('SET', KEYS[3], latest, 'KEEPTTL')
  else
    redis.call('DEL', KEYS[3])
  end
end
if was_there == 0 or redis.call('SCARD', KEYS[1]) > 0 then
  return 0
end
-- XX: a user who is not listed has gone already.
redis.call('ZADD', KEYS[4], 'XX', now + tonumber(ARGV[3]), ARGV[1])
redis.call('HSET', KEYS[5], 'lastSeen', string.format('%d', now))
return 1
