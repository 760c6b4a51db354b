#!/bin/sh
# Starts Valkey, or Redis where that is what the image has, with the password in a file that only this user can read:
# an argument would show in the process list.
set -eu
umask 077

password=$(sed 's/["\\]/\\&/g' /etc/chatcluster/credentials/redis-password)
printf 'include /etc/chatcluster/config/redis.conf\nrequirepass "%s"\n' "$password" > /run/redis/redis.conf
unset password

if command -v valkey-server >/dev/null; then
  exec valkey-server /run/redis/redis.conf
fi
exec redis-server /run/redis/redis.conf
