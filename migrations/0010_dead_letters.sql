-- Mail that could not be sent is found by its age.
CREATE INDEX outbox_dead ON outbox (due_at) WHERE is_dead = 1;
