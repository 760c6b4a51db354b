-- KEYS: 1 sockets (set), 2 their order (zset), 3 latest socket, 4 online users (zset), 5 presence (hash)
-- ARGV: 1 user, 2 socket, 3 lease ms, 4 TTL of the socket keys ms, 5 most sockets
-- Returns {1 if the user was offline before, sockets beyond the limit}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease = tonumber(redis.call('ZSCORE', KEYS[4], ARGV[1]) or '0')
-- Within the grace after the last socket the user never left.
local came_online = lease <= now

redis.call('SADD', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', now, ARGV[2])
local evicted = {}
while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[5]) do
  local oldest = redis.call('ZPOPMIN', KEYS[2])[1]
  redis.call('SREM', KEYS[1], oldest)
  evicted[#evicted + 1] = oldest
end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[4], now + tonumber(ARGV[3]), ARGV[1])
if came_online then
  redis.call('HSET', KEYS[5], 'status', 'online', 'activity', '')
end
redis.call('PEXPIRE', KEYS[5], ARGV[3])
return {came_online and 1 or 0, evicted}
