-- What scripts send: written with the delivery that it comes from, sent by whichever node has the lease.

CREATE TABLE outbox (
    account_id BIGINT NOT NULL,
    outbox_id BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    options TEXT NOT NULL,
    queued_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    is_dead BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    size BIGINT NOT NULL,
    message {bytes} NOT NULL,
    PRIMARY KEY (account_id, outbox_id)
) {clustered};

{postgres} ALTER TABLE outbox ALTER COLUMN message SET STORAGE EXTERNAL;
CREATE INDEX outbox_due ON outbox (due_at) WHERE is_dead = 0;

-- To whom a script has answered lately (RFC 5230), and what it has seen (RFC 7352).
CREATE TABLE script_memory (
    account_id BIGINT NOT NULL,
    digest {bytes} NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, digest)
) {clustered};

CREATE INDEX script_memory_expiry ON script_memory (expires_at);

-- The last runs of an account's scripts that are worth telling.
CREATE TABLE script_runs (
    account_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    ran_at BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (account_id, run_id)
) {clustered};
