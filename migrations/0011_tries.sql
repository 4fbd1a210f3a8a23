-- How often a body was taken to be moved before, whether or not it was refused: its object may be there.
ALTER TABLE uploads ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
