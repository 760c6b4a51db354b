-- What members do with messages and rooms beyond sending.

CREATE TABLE reactions (
    room_id    uuid        NOT NULL,
    seq        bigint      NOT NULL,
    user_id    uuid        NOT NULL,
    emoji      text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq, user_id, emoji)
);

-- The words of messages, for search. Filled behind the sends, never by them: splitting a text into words and adding
-- them to an inverted index costs several times what storing the message does. Each vector also holds its room and
-- its sender as words of their own, so that a search intersects them inside the index, however common its words are.
CREATE TABLE message_words (
    room_id    uuid     NOT NULL,
    seq        bigint   NOT NULL,
    message_id uuid     NOT NULL,
    words      tsvector NOT NULL,
    PRIMARY KEY (room_id, seq)
);

CREATE INDEX message_words_words ON message_words USING gin (words);

-- Up to which seq a room's words are there, and up to which they were before the last step.
CREATE TABLE search_progress (
    room_id   uuid PRIMARY KEY,
    prior_seq bigint NOT NULL,
    seq       bigint NOT NULL
);

CREATE TABLE drafts (
    room_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    content    text        NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE INDEX drafts_of_user ON drafts (user_id);

CREATE TABLE invites (
    room_id     uuid        NOT NULL,
    invite_id   uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    invited_by  uuid        NOT NULL,
    status      text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'declined', 'expired')),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    answered_at timestamptz,
    PRIMARY KEY (room_id, invite_id)
);

-- A user has at most one open invite into a room.
CREATE UNIQUE INDEX invites_open_key ON invites (room_id, user_id) WHERE status = 'pending';
CREATE INDEX invites_id ON invites (invite_id);
CREATE INDEX invites_of_user ON invites (user_id) WHERE status = 'pending';

-- Who asked to be let into a group whose policy is approval.
CREATE TABLE join_requests (
    room_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    request_id uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE TABLE room_bans (
    room_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    banned_by  uuid        NOT NULL,
    reason     text        NOT NULL DEFAULT '',
    until      timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE TABLE calls (
    room_id     uuid        NOT NULL,
    call_id     uuid        NOT NULL,
    media       text        NOT NULL CHECK (media IN ('audio', 'video')),
    state       text        NOT NULL DEFAULT 'ringing'
                CHECK (state IN ('ringing', 'ongoing', 'ended', 'refused', 'missed', 'cancelled', 'unavailable')),
    caller_id   uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    -- Until when it rings.
    rings_until timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at    timestamptz,
    end_reason  text,
    PRIMARY KEY (room_id, call_id)
);

-- A room is in one call at a time: of two who call at once, one gets through.
CREATE UNIQUE INDEX calls_live_key ON calls (room_id) WHERE state IN ('ringing', 'ongoing');
CREATE INDEX calls_id ON calls (call_id);
CREATE INDEX calls_ringing ON calls (rings_until) WHERE state = 'ringing';

CREATE TABLE call_participants (
    room_id   uuid NOT NULL,
    call_id   uuid NOT NULL,
    user_id   uuid NOT NULL,
    state     text NOT NULL CHECK (state IN ('ringing', 'joined', 'refused', 'left')),
    joined_at timestamptz,
    left_at   timestamptz,
    PRIMARY KEY (room_id, call_id, user_id)
);

-- For the deletion of a room by an admin: the pair may then open a new one.
CREATE INDEX dm_pairs_room ON dm_pairs (room_id);
