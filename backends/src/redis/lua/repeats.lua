-- Notes a send and says whether it is the `repeats`-th within `window` milliseconds: exact, with at most `repeats`
-- entries a key. A send that comes again under its id, because it was not taken before, is one send.
local function is_repeated(key, id, repeats, window)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%d', now - window))
  redis.call('ZADD', key, 'NX', string.format('%d', now), id)
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - repeats)
  redis.call('PEXPIRE', key, window)
  return redis.call('ZCARD', key) >= repeats
end
