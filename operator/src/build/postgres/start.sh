#!/bin/sh
# Starts Postgres on $PGDATA: makes the database on an empty volume, and sets the application's password on each start,
# so that a rotated password takes effect. Works alike with every image that has the usual programs in PATH.
set -eu

credentials=/etc/chatcluster/credentials
config="-c config_file=/etc/chatcluster/config/postgresql.conf -c hba_file=/etc/chatcluster/config/pg_hba.conf"
password=$(sed "s/'/''/g" "$credentials/postgres-password")

# Runs one statement in the server's single-user mode: no client and no network needed. A statement that fails ends the
# start, and is not logged, because it may hold the password.
alone() {
  # shellcheck disable=SC2086 # the options are words
  echo "$2" | postgres --single -D "$1" $config -c exit_on_error=on -c log_min_error_statement=panic postgres >/dev/null
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Made aside and renamed in one step: a start that was cut short leaves nothing that looks finished.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --auth=scram-sha-256 --pwfile="$credentials/postgres-password" \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums
  alone "$PGDATA.new" "CREATE ROLE chat LOGIN PASSWORD '$password'"
  alone "$PGDATA.new" "CREATE DATABASE chat OWNER chat"
  rm -rf "$PGDATA"
  mv "$PGDATA.new" "$PGDATA"
else
  # A pod that was killed leaves its pid behind; in this container nothing else can be running.
  rm -f "$PGDATA/postmaster.pid"
  alone "$PGDATA" "ALTER ROLE chat LOGIN PASSWORD '$password'"
fi

unset password
# shellcheck disable=SC2086 # the options are words
exec postgres -D "$PGDATA" $config
