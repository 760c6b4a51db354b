-- Whether an acknowledged send left the queue is asked by its job: a client message id may be stored by an earlier job while
-- a repeat of it, and others of the sender before that, are still queued.

ALTER TABLE acknowledged_sends DROP COLUMN client_msg_id;
