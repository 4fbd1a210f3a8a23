-- PostgreSQL took these indexes for the key, and read whole mailboxes for one message, where an average
-- mailbox is small: by its statistics account and mailbox alone lead to one row, whichever index has them.
-- Partial ones serve only statements that name the condition: those by change.
{postgres} DROP INDEX messages_by_change;
{postgres} CREATE INDEX messages_by_change ON messages (account_id, mailbox_id, mod_seq) WHERE mod_seq > 0;
{postgres} DROP INDEX expunged_by_change;
{postgres} CREATE INDEX expunged_by_change ON expunged (account_id, mailbox_id, mod_seq) WHERE mod_seq > 0;
