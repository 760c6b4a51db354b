-- Notifications on their way to users' browsers; a row goes when its push service took it, or will never.

CREATE TABLE push_deliveries (
    delivery_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id uuid        NOT NULL REFERENCES push_subscriptions ON DELETE CASCADE,
    user_id         uuid        NOT NULL,
    -- What the browser gets, before it is encrypted.
    payload         text        NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL
);

CREATE INDEX push_deliveries_due ON push_deliveries (due_at);
CREATE INDEX push_deliveries_of_subscription ON push_deliveries (subscription_id);
