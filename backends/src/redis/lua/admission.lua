-- KEYS: 1 senders that were looked up, 2 bucket, 3 duplicate guard, 4 sends of the same content,
--       5 set while the sender is to be looked up each time
-- ARGV: 1 sender, 2 '1' if the sender was looked up just now, 3 burst, 4 tokens per second, 5 job, 6 TTL of the guard s,
--       7 sends from which it is spam (0: not counted), 8 their window ms, 9 the client's id of the send
-- Returns the verdict and what belongs to it.
if ARGV[2] ~= '1' and (redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 or redis.call('EXISTS', KEYS[5]) == 1) then
  return {'unknown', ''}
end
local wait = take_token(KEYS[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
if wait > 0 then
  return {'limited', tostring(wait)}
end
local first = redis.call('SET', KEYS[3], ARGV[5], 'NX', 'GET', 'EX', ARGV[6])
if first and first ~= ARGV[5] then
  return {'repeat', first}
end
if ARGV[7] ~= '0' and is_repeated(KEYS[4], ARGV[9], tonumber(ARGV[7]), tonumber(ARGV[8])) then
  -- A refused send must not count as the first one: its repeat would pass uncounted.
  redis.call('DEL', KEYS[3])
  return {'spam', ''}
end
return {'admitted', ''}
