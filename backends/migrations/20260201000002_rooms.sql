-- Rooms, their members and their messages. room_id comes first in every key and stands in every unique constraint, so
-- that the tables can be distributed by room as they are.

CREATE TABLE rooms (
    room_id          uuid PRIMARY KEY,
    kind             text        NOT NULL CHECK (kind IN ('dm', 'group')),
    title            text,
    description      text,
    avatar_url       text,
    join_policy      text        NOT NULL DEFAULT 'invite' CHECK (join_policy IN ('invite', 'open', 'approval')),
    created_by       uuid        NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    -- Seconds that a member must wait between two messages; 0: none.
    slow_mode_secs   integer     NOT NULL DEFAULT 0 CHECK (slow_mode_secs >= 0),
    -- The seq of the newest message. Its holder's row lock is what makes seq gapless.
    last_seq         bigint      NOT NULL DEFAULT 0,
    last_activity_at timestamptz NOT NULL,
    member_count     integer     NOT NULL DEFAULT 0,
    deleted_at       timestamptz
)
-- Each batch updates the row: room on the page lets that stay within the page and out of the indexes.
WITH (fillfactor = 50);

-- The one dm of each pair. A directory beside the rooms, keyed by the pair, because the pair is what must be unique.
CREATE TABLE dm_pairs (
    user_low  uuid NOT NULL,
    user_high uuid NOT NULL,
    room_id   uuid NOT NULL,
    PRIMARY KEY (user_low, user_high),
    CHECK (user_low < user_high)
);

CREATE TABLE members (
    room_id            uuid        NOT NULL,
    user_id            uuid        NOT NULL,
    role               text        NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    joined_at          timestamptz NOT NULL,
    -- The room's last_seq when the member came: what lies before counts neither as unread nor as read by them.
    joined_seq         bigint      NOT NULL DEFAULT 0,
    last_delivered_seq bigint      NOT NULL DEFAULT 0,
    last_read_seq      bigint      NOT NULL DEFAULT 0,
    last_read_at       timestamptz,
    -- How many of the member's own messages lie above last_read_seq. With it
    -- unread = rooms.last_seq - last_read_seq - own_after_read, and a send writes no row but its sender's.
    own_after_read     bigint      NOT NULL DEFAULT 0,
    last_sent_at       timestamptz,
    -- No notifications until then: the member's own wish.
    muted_until        timestamptz,
    -- May not send until then: a moderator's.
    silenced_until     timestamptz,
    PRIMARY KEY (room_id, user_id)
)
WITH (fillfactor = 70);

CREATE INDEX members_of_user ON members (user_id, room_id);

CREATE TABLE messages (
    room_id         uuid        NOT NULL,
    seq             bigint      NOT NULL,
    message_id      uuid        NOT NULL,
    job_id          uuid        NOT NULL,
    sender_id       uuid        NOT NULL,
    client_msg_id   text,
    -- Whether client_msg_id is a UUID and so remembered for good; others come round again after 24 h.
    client_id_lasts boolean     NOT NULL DEFAULT false,
    kind            text        NOT NULL DEFAULT 'text'
                    CHECK (kind IN ('text', 'image', 'file', 'video', 'audio', 'call')),
    content         text        NOT NULL,
    -- The first 200 characters of a longer content; NULL where the content is its own preview.
    preview         text,
    -- The answered message, and the thread's first one, by their place in this room.
    reply_seq       bigint,
    thread_seq      bigint,
    thread_id       uuid,
    reply_count     bigint      NOT NULL DEFAULT 0,
    mentions        uuid[]      NOT NULL DEFAULT '{}',
    -- What messages rarely have is kept as the client will see it: reading a page then needs no further table.
    forwarded_from  jsonb,
    attachments     jsonb,
    reactions       jsonb,
    call            jsonb,
    pinned_at       timestamptz,
    pinned_by       uuid,
    edited_at       timestamptz,
    edit_version    integer     NOT NULL DEFAULT 0,
    deleted_at      timestamptz,
    deleted_by      uuid,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq)
) PARTITION BY HASH (room_id);

DO $$
BEGIN
    FOR p IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE messages_p%s PARTITION OF messages FOR VALUES WITH (MODULUS 16, REMAINDER %s)', p, p);
    END LOOP;
END
$$;

-- A job stores at most one message, however often it is delivered.
CREATE UNIQUE INDEX messages_job_key ON messages (room_id, job_id);
-- A send is stored at most once, however often the client repeats it.
CREATE UNIQUE INDEX messages_client_key ON messages (room_id, sender_id, client_msg_id) WHERE client_id_lasts;
CREATE INDEX messages_recent_client_id ON messages (room_id, sender_id, client_msg_id, seq)
    WHERE NOT client_id_lasts AND client_msg_id IS NOT NULL;
-- A message by its id alone: one probe a partition, and no second table to keep in step.
CREATE INDEX messages_id ON messages (message_id);
CREATE INDEX messages_pinned ON messages (room_id, pinned_at) WHERE pinned_at IS NOT NULL;
CREATE INDEX messages_of_thread ON messages (room_id, thread_seq, seq) WHERE thread_seq IS NOT NULL;

-- Messages that one member deleted for themselves.
CREATE TABLE message_hides (
    room_id   uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    seq       bigint      NOT NULL,
    hidden_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, user_id, seq)
);

-- Who was mentioned where: what the count of unread mentions is taken from.
CREATE TABLE mentions (
    room_id uuid   NOT NULL,
    user_id uuid   NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (room_id, user_id, seq)
);

-- Jobs of a room that store no message and were done.
CREATE TABLE jobs (
    room_id uuid        NOT NULL,
    job_id  uuid        NOT NULL,
    done_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, job_id)
);

CREATE INDEX jobs_age ON jobs (done_at);

-- Who blocked whom; holds both ways.
CREATE TABLE blocks (
    blocker_id uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    blocked_id uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id),
    CHECK (blocker_id <> blocked_id)
);

CREATE INDEX blocks_of_blocked ON blocks (blocked_id, blocker_id);

-- Files that users uploaded; their bytes lie in the object store under the id.
CREATE TABLE attachments (
    attachment_id uuid PRIMARY KEY,
    uploader_id   uuid        NOT NULL,
    file_name     text        NOT NULL,
    mime_type     text        NOT NULL,
    size_bytes    bigint      NOT NULL,
    sha256        text        NOT NULL,
    url           text        NOT NULL,
    thumb_url     text,
    width         integer,
    height        integer,
    duration_ms   bigint,
    created_at    timestamptz NOT NULL
);

CREATE INDEX attachments_of_uploader ON attachments (uploader_id);

-- Which rooms hold a file: who may read it, and whether anybody still needs it.
CREATE TABLE room_attachments (
    room_id       uuid   NOT NULL,
    seq           bigint NOT NULL,
    attachment_id uuid   NOT NULL,
    PRIMARY KEY (room_id, seq, attachment_id)
);

CREATE INDEX room_attachments_of_file ON room_attachments (attachment_id);
