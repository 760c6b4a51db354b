-- KEYS[1] counter; ARGV[1] limit; ARGV[2] window in ms; ARGV[3] 1 to count a hit, 0 to look.
-- Returns 0, or the milliseconds until the window ends.
local limit = tonumber(ARGV[1])
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local refused
if ARGV[3] == '1' then
  refused = count >= limit
  if not refused then
    count = redis.call('INCR', KEYS[1])
    if count == 1 then
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
  end
else
  refused = count >= limit
end
if not refused then
  return 0
end
local left = redis.call('PTTL', KEYS[1])
if left < 1 then
  -- A counter without an end would refuse for ever.
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return left
