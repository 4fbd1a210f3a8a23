-- What came from another server, so that an import that is run again brings only what is new. A source is
-- a digest of a message's name over there.

CREATE TABLE imported (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    source {bytes} NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, source)
) {clustered};
