-- Notes a send and says whether it is the `repeats`-th within `window` milliseconds: exact, with at most `repeats`
-- entries a key.
local function is_repeated(key, repeats, window)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('LPUSH', key, string.format('%d', now))
  redis.call('LTRIM', key, 0, repeats - 1)
  redis.call('PEXPIRE', key, window)
  local nth = redis.call('LINDEX', key, repeats - 1)
  return nth and now - tonumber(nth) < window
end
