-- What a grace period needs: accounts that can come back, and one cleaner at a time.

-- NULL unless the account is deleted; its mailboxes were then deleted in the same moment.
ALTER TABLE accounts ADD COLUMN deleted_at BIGINT;

-- The addresses of deleted accounts: nobody logs in with them or gets mail, and others may take them.
CREATE TABLE deleted_credentials (
    account_id BIGINT NOT NULL,
    address TEXT{binary} NOT NULL,
    password_hash TEXT NOT NULL,
    is_primary BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, address)
) {clustered};

-- Who does a piece of background work, and until when the others leave it to them.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at BIGINT NOT NULL
) {clustered};
