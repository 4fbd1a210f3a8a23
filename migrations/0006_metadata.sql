-- Annotations (RFC 5464) of mailboxes, and under mailbox 0 of the account as a server. What was removed
-- stays for a while without a value, so that other sessions can be told.

-- How often the annotations of an account have changed.
ALTER TABLE accounts ADD COLUMN metadata_mod_seq BIGINT NOT NULL DEFAULT 0;

CREATE TABLE metadata (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    name TEXT{binary} NOT NULL,
    mod_seq BIGINT NOT NULL,
    value {bytes},
    PRIMARY KEY (account_id, mailbox_id, name)
) {clustered};
