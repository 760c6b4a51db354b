-- Users among each other, and those who keep order.

-- Two rows a friendship, so that one's friends lie side by side.
CREATE TABLE friendships (
    user_id   uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    friend_id uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    since     timestamptz NOT NULL,
    PRIMARY KEY (user_id, friend_id),
    CHECK (user_id <> friend_id)
);

CREATE TABLE friend_requests (
    request_id  uuid PRIMARY KEY,
    from_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    to_id       uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    status      text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'refused')),
    created_at  timestamptz NOT NULL,
    answered_at timestamptz,
    CHECK (from_id <> to_id)
);

-- A pair has at most one open request, whoever made it.
CREATE UNIQUE INDEX friend_requests_open_key
    ON friend_requests (LEAST(from_id, to_id), GREATEST(from_id, to_id)) WHERE status = 'pending';
CREATE INDEX friend_requests_from ON friend_requests (from_id, created_at);
CREATE INDEX friend_requests_to ON friend_requests (to_id, created_at);

CREATE TABLE stories (
    story_id      uuid PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    content       text        NOT NULL DEFAULT '',
    attachment_id uuid,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);

CREATE INDEX stories_of_user ON stories (user_id, expires_at);
CREATE INDEX stories_expiry ON stories (expires_at);
CREATE INDEX stories_of_file ON stories (attachment_id) WHERE attachment_id IS NOT NULL;

CREATE TABLE story_views (
    story_id  uuid        NOT NULL REFERENCES stories ON DELETE CASCADE,
    user_id   uuid        NOT NULL,
    viewed_at timestamptz NOT NULL,
    PRIMARY KEY (story_id, user_id)
);

CREATE TABLE story_likes (
    story_id uuid        NOT NULL REFERENCES stories ON DELETE CASCADE,
    user_id  uuid        NOT NULL,
    liked_at timestamptz NOT NULL,
    PRIMARY KEY (story_id, user_id)
);

CREATE TABLE story_comments (
    comment_id uuid PRIMARY KEY,
    story_id   uuid        NOT NULL REFERENCES stories ON DELETE CASCADE,
    user_id    uuid        NOT NULL,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX story_comments_of_story ON story_comments (story_id, created_at);

CREATE TABLE reports (
    report_id   uuid PRIMARY KEY,
    reporter_id uuid        NOT NULL,
    target_type text        NOT NULL CHECK (target_type IN ('user', 'message', 'room', 'story')),
    target_id   uuid        NOT NULL,
    reason      text        NOT NULL,
    notes       text,
    status      text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'resolved', 'rejected')),
    decided_by  uuid,
    decided_at  timestamptz,
    decision    text,
    created_at  timestamptz NOT NULL
);

CREATE INDEX reports_by_status ON reports (status, report_id);

-- Who did what to whom, for admins; only ever added to.
CREATE TABLE audit_log (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    -- NULL: nobody known, as with a failed login.
    actor_id uuid,
    action   text        NOT NULL,
    target   text,
    ip       text,
    details  jsonb       NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_log_time ON audit_log (at);
CREATE INDEX audit_log_actor ON audit_log (actor_id, entry_id);
CREATE INDEX audit_log_action ON audit_log (action, entry_id);

CREATE TABLE push_subscriptions (
    subscription_id uuid PRIMARY KEY,
    user_id         uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    endpoint        text        NOT NULL,
    p256dh          text        NOT NULL,
    auth            text        NOT NULL,
    created_at      timestamptz NOT NULL
);

-- A browser that another user logs in to hears that user's notifications from then on.
CREATE UNIQUE INDEX push_subscriptions_endpoint_key ON push_subscriptions (md5(endpoint));
CREATE INDEX push_subscriptions_of_user ON push_subscriptions (user_id);

CREATE TABLE exports (
    export_id   uuid PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    status      text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'ready', 'failed')),
    -- Where in the object store the archive lies.
    object      text,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz
);

CREATE INDEX exports_of_user ON exports (user_id);
