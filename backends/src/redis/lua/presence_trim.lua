-- KEYS: 1 online users (zset), 2 gateways by last beat (zset); then for each user: sockets, their order, presence
-- ARGV: 1 gateway timeout ms, 2 lease ms, 3 TTL of the socket keys ms, 4 TTL of an offline presence ms; then users
-- Returns the users who went offline.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- Taken off the list, so that a gateway that was only cut off learns at its next beat that its sockets were swept.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%d', now - tonumber(ARGV[1])))
local live = {}
for _, gateway in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  live[gateway] = true
end
local gone = {}
for i = 5, #ARGV do
  local user = ARGV[i]
  local sockets, order, presence = KEYS[3 * (i - 4)], KEYS[3 * (i - 4) + 1], KEYS[3 * (i - 4) + 2]
  local kept, dead = 0, 0
  for _, socket in ipairs(redis.call('SMEMBERS', sockets)) do
    if live[string.match(socket, '^(.*):[^:]*$')] then
      kept = kept + 1
    else
      redis.call('SREM', sockets, socket)
      redis.call('ZREM', order, socket)
      dead = dead + 1
    end
  end
  if kept > 0 then
    redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[2]), user)
    redis.call('PEXPIRE', sockets, ARGV[3])
    redis.call('PEXPIRE', order, ARGV[3])
    redis.call('PEXPIRE', presence, ARGV[2])
  else
    local lease = tonumber(redis.call('ZSCORE', KEYS[1], user) or '0')
    -- The gateway has been silent for longer than the grace after a last socket.
    if dead > 0 or lease <= now then
      if redis.call('ZREM', KEYS[1], user) == 1 then
        redis.call('HSET', presence, 'status', 'offline', 'activity', '')
        if dead > 0 then
          redis.call('HSET', presence, 'lastSeen', string.format('%d', now))
        else
          redis.call('HSETNX', presence, 'lastSeen', string.format('%d', now))
        end
        redis.call('PEXPIRE', presence, ARGV[4])
        gone[#gone + 1] = user
      end
    end
  end
end
return gone
