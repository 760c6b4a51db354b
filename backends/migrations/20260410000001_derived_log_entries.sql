-- What happened to the messages of a room, or by a user, in a window of a few seconds: kept until the window is over and
-- the event log is told (`analytics.message`, `analytics.user.activity`).

CREATE TABLE activity_windows (
    begins   timestamptz NOT NULL,
    about    text        NOT NULL CHECK (about IN ('room', 'user')),
    -- The room's or the user's.
    id       uuid        NOT NULL,
    messages bigint      NOT NULL,
    updates  bigint      NOT NULL,
    deletes  bigint      NOT NULL,
    reads    bigint      NOT NULL,
    PRIMARY KEY (begins, about, id)
    -- Room for the next counts of a window on the same page: no index entry is written for them.
) WITH (fillfactor = 50);

-- The W3C trace context of the act, for the entry's header.
ALTER TABLE event_outbox ADD COLUMN traceparent text;
