-- Where the consumer groups of the event log stand, and what they keep.

CREATE TABLE event_groups (
    group_name  text PRIMARY KEY,
    -- The first entry of the log that the group has not dealt with.
    next_offset bigint      NOT NULL,
    -- Set by a replay that begins at a time; cleared with the first batch from there.
    from_time   timestamptz,
    updated_at  timestamptz NOT NULL
);

-- Entries that a group has dealt with: the log may hold an act twice after a crash, and a replay reads it again.
CREATE TABLE event_receipts (
    group_name text        NOT NULL,
    event_id   uuid        NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (group_name, event_id)
);

CREATE INDEX event_receipts_age ON event_receipts (at);

-- What happened in each minute, by kind: the analytics group's rollup.
CREATE TABLE analytics_minutes (
    minute     timestamptz NOT NULL,
    event_type text        NOT NULL,
    events     bigint      NOT NULL,
    PRIMARY KEY (minute, event_type)
);
