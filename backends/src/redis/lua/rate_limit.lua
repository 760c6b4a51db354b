-- KEYS[1] bucket; ARGV[1] burst; ARGV[2] tokens per second. Returns 0, or the milliseconds until the next token.
return take_token(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))
