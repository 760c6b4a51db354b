-- KEYS[1] the latest sends by time; ARGV[1] the client's id of the send; ARGV[2] sends from which it is spam;
-- ARGV[3] window in ms. Returns 1 if it is.
return is_repeated(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])) and 1 or 0
