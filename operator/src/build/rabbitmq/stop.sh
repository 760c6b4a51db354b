#!/bin/sh
# Before a node of several goes: waits until no queue would lose its majority, and only then hands its leaders over. When
# the wait fails nothing is drained, and the node goes as it would have gone without this.
if rabbitmq-upgrade --timeout 90 await_online_quorum_plus_one; then
  rabbitmq-upgrade --timeout 60 drain
fi
