-- What happened in IMAP and scripts are still to see (RFC 6785): written with the change itself, and only
-- where there is a script to see it.

-- 1: what happens in the mailbox is seen by a script. Beside the counters, so that to know it costs nothing.
ALTER TABLE mailboxes ADD COLUMN scripted BIGINT NOT NULL DEFAULT 0;

CREATE TABLE imap_events (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    mod_seq BIGINT NOT NULL,
    part BIGINT NOT NULL,
    cause BIGINT NOT NULL,
    source_id BIGINT,
    changed_flags TEXT NOT NULL,
    uids TEXT NOT NULL,
    next_uid BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, mod_seq, part)
) {clustered};

CREATE INDEX imap_events_due ON imap_events (due_at);
