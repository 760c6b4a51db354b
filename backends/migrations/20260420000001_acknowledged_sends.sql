-- The latest send of each member in each room that the broker has taken, while Redis, which holds such notes, is away: a send
-- that bypasses the broker must not overtake it.

CREATE TABLE acknowledged_sends (
    room_id       uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    -- Ascends with time.
    job_id        uuid        NOT NULL,
    client_msg_id text        NOT NULL,
    noted_at      timestamptz NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE INDEX acknowledged_sends_age ON acknowledged_sends (noted_at);
