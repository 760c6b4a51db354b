-- KEYS[1] times of the latest sends; ARGV[1] sends from which it is spam; ARGV[2] window in ms. Returns 1 if it is.
return is_repeated(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])) and 1 or 0
