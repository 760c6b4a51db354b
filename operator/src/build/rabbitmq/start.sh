#!/bin/sh
# Starts RabbitMQ: puts the cookie where Erlang insists on it, and writes the application's user as definitions, which
# the broker imports on each start, so that a rotated password takes effect.
set -eu
umask 077

credentials=/etc/chatcluster/credentials

rm -f "$HOME/.erlang.cookie"
cp "$credentials/rabbitmq-erlang-cookie" "$HOME/.erlang.cookie"
chmod 400 "$HOME/.erlang.cookie"

password=$(sed 's/["\\]/\\&/g' "$credentials/rabbitmq-password")
cat > /run/rabbitmq/definitions.json <<EOF
{
  "vhosts": [{"name": "/"}],
  "users": [{"name": "chat", "password": "$password", "tags": ["monitoring"]}],
  "permissions": [{"user": "chat", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}]
}
EOF
unset password

exec rabbitmq-server
