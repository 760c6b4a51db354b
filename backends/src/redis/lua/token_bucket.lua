-- Refills the bucket for the time gone by and takes one token if there is one.
-- Returns 0, or the milliseconds until the next token.
local function take_token(key, burst, rate)
  -- Redis's own clock: gateways whose clocks differ still share one bucket.
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
  local bucket = redis.call('HMGET', key, 'tokens', 'at')
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
  redis.call('HSET', key, 'tokens', string.format('%.17g', tokens), 'at', string.format('%.17g', now))
  -- A bucket that is full again says the same as one that is gone.
  redis.call('PEXPIRE', key, math.ceil((burst - tokens) * 1000 / rate) + 1000)
  return wait
end
