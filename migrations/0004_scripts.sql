-- Sieve scripts. A script's number means these bytes for ever: one that is stored again gets another,
-- so whoever keeps what was compiled keeps it by (account, script).

ALTER TABLE accounts ADD COLUMN next_script_id BIGINT NOT NULL DEFAULT 1;

CREATE TABLE sieve_scripts (
    account_id BIGINT NOT NULL,
    name TEXT{binary} NOT NULL,
    script_id BIGINT NOT NULL,
    is_active BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    size BIGINT NOT NULL,
    script {bytes} NOT NULL,
    PRIMARY KEY (account_id, name)
) {clustered};

CREATE UNIQUE INDEX one_active_script ON sieve_scripts (account_id) WHERE is_active = 1;
