-- Accounts, mailboxes, messages and bodies. docs/storage.md explains the columns.
-- Braces mark what differs by engine: src/store/engine/dialect.rs.
-- Times are microseconds since 1970. Names are in UTF-8, their keys folded by the program.

-- Identifiers are taken in blocks, so that giving one out writes nothing.
CREATE TABLE sequences (
    name TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
) {clustered};

INSERT INTO sequences (name, next) VALUES ('account', 1), ('blob', 1);

-- The row that is locked to change the tree of names or the credentials.
CREATE TABLE accounts (
    account_id BIGINT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    next_mailbox_id BIGINT NOT NULL,
    last_uid_validity BIGINT NOT NULL
) {clustered};

-- By address: the one table whose key an account cannot lead, since it is how accounts are found.
CREATE TABLE credentials (
    address TEXT{binary} NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    is_primary BIGINT NOT NULL,
    created_at BIGINT NOT NULL
) {clustered};

CREATE INDEX credentials_of_account ON credentials (account_id);
CREATE UNIQUE INDEX one_primary_address ON credentials (account_id) WHERE is_primary = 1;

-- The lock, the UID allocator and the counters of a mailbox. INBOX is mailbox 1 of its account.
-- A deleted mailbox keeps its row, and has no key: name_key IS NULL means deleted.
CREATE TABLE mailboxes (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    uid_next BIGINT NOT NULL,
    highest_mod_seq BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    unseen BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    oldest_arrived BIGINT NOT NULL,
    horizon BIGINT NOT NULL,
    uid_validity BIGINT NOT NULL,
    special_use TEXT,
    name TEXT{binary} NOT NULL,
    name_key TEXT{binary},
    deleted_at BIGINT,
    PRIMARY KEY (account_id, mailbox_id)
) {clustered};

-- Written by every delivery: room on the page for the row's next version keeps indexes out of it.
{postgres} ALTER TABLE mailboxes SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX mailboxes_by_name ON mailboxes (account_id, name_key);

CREATE TABLE keywords (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    bit BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, bit)
) {clustered};

-- What a snapshot reads comes first.
CREATE TABLE messages (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    mod_seq BIGINT NOT NULL,
    flags BIGINT NOT NULL,
    keywords BIGINT NOT NULL,
    size BIGINT NOT NULL,
    internal_date BIGINT NOT NULL,
    blob_id BIGINT NOT NULL,
    created_mod_seq BIGINT NOT NULL,
    save_date BIGINT NOT NULL,
    arrived_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) {clustered};

CREATE INDEX messages_by_change ON messages (account_id, mailbox_id, mod_seq);

-- What left messages. blob_id is NULL once nothing can be read or restored.
CREATE TABLE expunged (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    mod_seq BIGINT NOT NULL,
    flags BIGINT NOT NULL,
    keywords BIGINT NOT NULL,
    size BIGINT NOT NULL,
    internal_date BIGINT NOT NULL,
    blob_id BIGINT,
    reason BIGINT NOT NULL,
    expunged_at BIGINT NOT NULL,
    save_date BIGINT NOT NULL,
    arrived_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) {clustered};

CREATE INDEX expunged_by_change ON expunged (account_id, mailbox_id, mod_seq);

-- One row a body. Blob identifiers are never used twice in any account, so the embedded engine may
-- keep these three in the order of arrival: a delivery then appends.
CREATE TABLE blobs (
    account_id BIGINT NOT NULL,
{sqlite}    blob_id INTEGER PRIMARY KEY,
{postgres}    blob_id BIGINT NOT NULL,
    size BIGINT NOT NULL,
    state BIGINT NOT NULL,
    refs BIGINT NOT NULL,
    hash {bytes} NOT NULL
{postgres}    , PRIMARY KEY (account_id, blob_id)
);

CREATE INDEX blobs_unfinished ON blobs (state) WHERE state <> 3;

CREATE TABLE blob_map (
    account_id BIGINT NOT NULL,
{sqlite}    blob_id INTEGER PRIMARY KEY,
{postgres}    blob_id BIGINT NOT NULL,
    thread_id BIGINT NOT NULL,
    header_bytes BIGINT NOT NULL,
    envelope {bytes} NOT NULL,
    map {bytes} NOT NULL,
    header {bytes}
{postgres}    , PRIMARY KEY (account_id, blob_id)
);

CREATE TABLE bodies (
    account_id BIGINT NOT NULL,
{sqlite}    blob_id INTEGER PRIMARY KEY,
{postgres}    blob_id BIGINT NOT NULL,
    bytes {bytes} NOT NULL
{postgres}    , PRIMARY KEY (account_id, blob_id)
);

-- Mostly compressed already, or soon moved elsewhere; most fit a page, and need no page of their own.
{postgres} ALTER TABLE bodies ALTER COLUMN bytes SET STORAGE EXTERNAL;
{postgres} ALTER TABLE bodies SET (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE message_ids (
    account_id BIGINT NOT NULL,
    hash BIGINT NOT NULL,
    thread_id BIGINT NOT NULL,
    PRIMARY KEY (account_id, hash)
) {clustered};

CREATE TABLE deliveries (
    account_id BIGINT NOT NULL,
    digest {bytes} NOT NULL,
    delivered_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, digest)
) {clustered};

CREATE TABLE subscriptions (
    account_id BIGINT NOT NULL,
    name_key TEXT{binary} NOT NULL,
    name TEXT{binary} NOT NULL,
    PRIMARY KEY (account_id, name_key)
) {clustered};
