-- KEYS[1] bucket; ARGV[1] burst; ARGV[2] tokens per second. Returns 0, or the milliseconds until the next token.
local burst = tonumber(ARGV[1])
local rate = tonumber(ARGV[2])
-- Redis's own clock: gateways whose clocks differ still share one bucket.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1]) or burst
local at = tonumber(bucket[2]) or now
-- max: after a failover the clock may have gone back.
tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000)
local wait = 0
if tokens >= 1 then
  tokens = tokens - 1
else
  wait = math.ceil((1 - tokens) * 1000 / rate)
end
-- 17 digits: the default of 14 would cut a millisecond timestamp's fraction.
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.17g', now))
-- A bucket that is full again says the same as one that is gone.
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) * 1000 / rate) + 1000)
return wait
