-- KEYS[1] times of the latest sends, newest first; ARGV[1] sends from which it is spam; ARGV[2] window in ms.
-- Returns 1 if it is spam.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local repeats = tonumber(ARGV[1])
redis.call('LPUSH', KEYS[1], string.format('%d', now))
redis.call('LTRIM', KEYS[1], 0, repeats - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local nth = redis.call('LINDEX', KEYS[1], repeats - 1)
if nth and now - tonumber(nth) < tonumber(ARGV[2]) then
  return 1
end
return 0
