-- Bodies in object storage: staged here first, then moved by whichever node takes them.

-- How an object is to be read, and its bytes where that does not follow from the body's. 0: there is
-- no object; the bytes are in the database or in a file.
ALTER TABLE blobs ADD COLUMN form BIGINT NOT NULL DEFAULT 0;
ALTER TABLE blobs ADD COLUMN object_bytes BIGINT NOT NULL DEFAULT 0;

-- What waits to be moved or removed, oldest first, and how much it is.
DROP INDEX blobs_unfinished;
CREATE INDEX blobs_unfinished ON blobs (state, blob_id, size) WHERE state <> 3;

-- Who moves a staged body, or brings a large one, and until when the others leave it alone.
CREATE TABLE uploads (
    account_id BIGINT NOT NULL,
    blob_id BIGINT NOT NULL,
    holder TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (account_id, blob_id)
) {clustered};
