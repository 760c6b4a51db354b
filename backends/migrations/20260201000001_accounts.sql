-- Accounts and their sessions. They belong to no room: in a sharded installation they are reference tables.

CREATE TABLE users (
    user_id       uuid PRIMARY KEY,
    -- NULL only once the account is deleted: a nameless tombstone that messages still point to.
    email         text,
    username      text        NOT NULL,
    name          text        NOT NULL,
    first_name    text        NOT NULL DEFAULT '',
    middle_name   text        NOT NULL DEFAULT '',
    last_name     text        NOT NULL DEFAULT '',
    phone         text,
    avatar_url    text,
    bio           text        NOT NULL DEFAULT '',
    role          text        NOT NULL DEFAULT 'USER' CHECK (role IN ('USER', 'ADMIN')),
    dm_policy     text        NOT NULL DEFAULT 'everyone' CHECK (dm_policy IN ('everyone', 'friends')),
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    deleted_at    timestamptz,
    -- banned_until NULL with banned_at set: for good.
    banned_at     timestamptz,
    banned_until  timestamptz,
    ban_reason    text,
    -- Muted everywhere by an admin until then.
    muted_until   timestamptz,
    mute_reason   text,
    CHECK (email IS NOT NULL OR deleted_at IS NOT NULL)
);

CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_username_key ON users (lower(username));
-- Search by the beginning of a name, whatever the database's collation.
CREATE INDEX users_username_prefix ON users (lower(username) text_pattern_ops) WHERE deleted_at IS NULL;
CREATE INDEX users_name_prefix ON users (lower(name) text_pattern_ops) WHERE deleted_at IS NULL;

CREATE TABLE sessions (
    session_id   uuid PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    user_agent   text,
    ip           text,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    revoked_at   timestamptz
);

CREATE INDEX sessions_of_user ON sessions (user_id) WHERE revoked_at IS NULL;

-- Every refresh token of a session until it expires, the used ones too: that is how a stolen one is noticed.
CREATE TABLE refresh_tokens (
    -- SHA-256: the token itself has 256 random bits, so nothing slower is needed.
    token_hash bytea PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
