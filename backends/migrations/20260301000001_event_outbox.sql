-- Entries of the event log that belong to acts done without the broker: written with the act, appended by a processor.

CREATE TABLE event_outbox (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The entry as JSON, as it goes into the log.
    entry text NOT NULL
);
