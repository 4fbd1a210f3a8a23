//! Every bound in one place: nothing in the program grows without a line here.
//!
//! What an operator may change is in `config`; what stands here is what no setting can lift.

/// Bytes of one keyword (RFC 9051 §2.3.2).
pub const KEYWORD_BYTES_MAX: usize = 100;
/// Keywords in one mailbox: the bits of a mask, less the sign.
pub const KEYWORDS_PER_MAILBOX_MAX: usize = 63;
/// Bytes of a mailbox name in UTF-8.
pub const MAILBOX_NAME_BYTES_MAX: usize = 1_000;
/// Levels of a mailbox name.
pub const MAILBOX_DEPTH_MAX: usize = 32;
/// Mailboxes in one account.
pub const MAILBOXES_PER_ACCOUNT_MAX: usize = 10_000;
/// Bytes of the name of an annotation's entry.
pub const METADATA_NAME_BYTES_MAX: usize = 512;
/// Bytes of an annotation's value; RFC 5464 §4.1 asks for 1,024. A command of IMAP has room for two.
pub const METADATA_VALUE_BYTES_MAX: usize = 32 * 1024;
/// Annotations of one mailbox, and of an account as a server; RFC 5464 §4.1 asks for 10.
pub const METADATA_ENTRIES_MAX: usize = 1_000;
/// Entries that one command asks for.
pub const METADATA_ASKED_MAX: usize = 100;
/// Bytes of all annotations of an account, names included, and those of deleted mailboxes that can
/// still be restored.
pub const METADATA_BYTES_PER_ACCOUNT_MAX: usize = 1024 * 1024;
/// Removed annotations of an account that are remembered, so that other sessions can be told.
pub const METADATA_REMOVED_MAX: usize = 1_000;
/// Bytes of an address: 256 of local part (pitfall 18), `@`, 255 of domain.
pub const ADDRESS_BYTES_MAX: usize = 512;

/// Bytes of one IMAP command line before login, literals included.
pub const IMAP_FRAME_BEFORE_LOGIN_BYTES_MAX: usize = 8 * 1024;
/// Bytes of one IMAP command after login, literals of at most this size included. Long UID sets need
/// room (pitfall 109); a message on its way in by APPEND does not count.
pub const IMAP_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one LMTP command line (RFC 5321 §4.5.3.1.4 asks for 512; extensions need more).
pub const LMTP_LINE_BYTES_MAX: usize = 4 * 1024;
/// Recipients of one LMTP transaction (RFC 5321 §4.5.3.1.8 asks for 100).
pub const LMTP_RECIPIENTS_MAX: usize = 1_000;
/// Bytes of one line of ManageSieve, strings in quotes included (RFC 5804 §4 has 1,024 for each).
pub const SIEVE_LINE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of one ManageSieve command before login, literals included.
pub const SIEVE_FRAME_BEFORE_LOGIN_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a literal that is too large and is skipped; one that is larger ends the connection.
pub const SIEVE_SKIPPED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of what is said of a script's mistakes.
pub const SCRIPT_REPORT_BYTES_MAX: usize = 8 * 1024;
/// Bytes of all compiled scripts that are kept, as far as their texts tell.
pub const COMPILED_SCRIPTS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Compiled scripts that others include.
pub const INCLUDED_SCRIPTS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Runs of an account's scripts that are kept to be told.
pub const SCRIPT_RUNS_KEPT: i64 = 20;
/// Ranges of UIDs in one row of what happened in IMAP; a change of more has several.
pub const EVENT_RANGES_MAX: usize = 1_024;
/// Different sets of changed flags in one STORE that scripts are told apart; of more they are told all.
pub const EVENT_FLAG_SETS_MAX: usize = 64;
/// Bytes that wait in a connection's input buffer.
pub const INPUT_BYTES_MAX: usize = 128 * 1024;
/// Bytes of output after which a session waits until the peer has read them.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a message that are kept in memory on their way in; more goes to the spool.
pub const MESSAGE_IN_MEMORY_BYTES_MAX: usize = 64 * 1024;
/// Bytes that one spool job writes.
pub const SPOOL_CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of one slice of a body on its way out.
pub const BODY_SLICE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of the header of an attached message that are read to pick fields from it; fields beyond are
/// not found. The message's own header has no such bound.
pub const PART_HEADER_BYTES_MAX: u64 = 1024 * 1024;
/// Messages in one batch of a FETCH that reads the store.
pub const FETCH_BATCH_MESSAGES_MAX: usize = 256;
/// Wrong commands in one connection before it is closed.
pub const BAD_COMMANDS_MAX: u32 = 50;
/// Messages in one chunk of a snapshot.
pub const SNAPSHOT_CHUNK_MESSAGES: usize = 4_096;
/// Jobs that wait in one lane of the pool; more are refused at once.
pub const LANE_JOBS_MAX: usize = 4_096;
/// Threads that look up recipients, each for one at a time, where they do not share a statement.
pub const FIND_THREADS_MAX: usize = 32;
/// Threads that wait for commits: as many jobs can share one.
pub const WRITE_THREADS_MAX: usize = 64;
/// Threads that wait for bodies from object storage; each may read several at once.
pub const REMOTE_THREADS_MAX: usize = 16;
/// Seconds after which a pool thread without work ends.
pub const LANE_THREAD_IDLE_SECONDS: u64 = 20;
/// Bytes of a message that still goes by the lane of small writes; larger ones, which are read into
/// memory whole, have few threads of their own.
pub const MESSAGE_ON_WRITE_LANE_BYTES_MAX: u64 = 1024 * 1024;
/// Passwords that are remembered as right, as keyed hashes.
pub const LOGIN_CACHE_ENTRIES_MAX: usize = 16_384;
/// Seconds for which a right password is remembered.
pub const LOGIN_CACHE_SECONDS: u64 = 300;
/// Wrong passwords for one address from one peer, within [`LOGIN_FAILURE_SECONDS`], after which the
/// rest of that time every password is wrong.
pub const LOGIN_FAILURES_MAX: u32 = 10;
/// Seconds over which wrong passwords are counted.
pub const LOGIN_FAILURE_SECONDS: u64 = 60;
/// Pairs of address and peer whose wrong passwords are counted.
pub const LOGIN_FAILURE_ENTRIES_MAX: usize = 16_384;
/// Bytes of all snapshots that are kept beside those that sessions hold.
pub const SNAPSHOT_CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of the copies that one delivery has in memory for one commit; a larger copy goes alone.
pub const DELIVERY_BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// References of one message that are kept for its thread (pitfall 17).
pub const REFERENCES_MAX: usize = 32;
/// Delivered-To fields of one message that are looked at (pitfall 14).
pub const DELIVERED_TO_MAX: usize = 100;
/// Mailboxes whose last change is remembered for those who start to watch; twice as many at most.
pub const RECENT_CHANGES_MAX: usize = 4_096;
/// Mailboxes that wait to be told to other nodes; with more, those are told that something is missing.
pub const OUTBOX_MAILBOXES_MAX: usize = 65_536;
/// Bytes of one notice to other nodes: PostgreSQL takes fewer than 8,000.
pub const NOTICE_BYTES_MAX: usize = 7_999;
/// Other nodes that are remembered.
pub const NODES_MAX: usize = 1_000;
/// Watched mailboxes that one query reads again.
pub const WATCHED_IN_QUERY_MAX: usize = 500;
/// Bytes of buffers that a loop keeps for later use.
pub const POOLED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of one buffer that is kept.
pub const POOLED_BUFFER_BYTES_MAX: usize = 512 * 1024;
/// Connections that are told at the same time that there are too many; more are just closed.
pub const REFUSALS_MAX: usize = 64;
/// Connections that one listener accepts before others have their turn.
pub const ACCEPTS_PER_TURN_MAX: usize = 64;
/// Steps of one connection before others have their turn.
pub const STEPS_PER_TURN_MAX: usize = 64;
/// Bytes that one connection reads and writes before others have their turn.
pub const TURN_BYTES_MAX: usize = 1024 * 1024;
/// Seconds that a TLS handshake may take.
pub const TLS_HANDSHAKE_SECONDS_MAX: u32 = 30;
/// Seconds in which a peer must have taken some of what we wrote (pitfall 107).
pub const WRITE_STALL_SECONDS_MAX: u32 = 120;
/// Seconds for which a closed connection waits for the peer's end, so that no reset overtakes our
/// last words.
pub const LINGER_SECONDS_MAX: u32 = 2;
/// Bytes that are read and thrown away in that time.
pub const LINGER_BYTES_MAX: usize = 1024 * 1024;
/// Seconds over which the pace of awaited input is measured (pitfall 61).
pub const PACE_SECONDS: u32 = 180;
/// Bytes that must come in that time: one a second.
pub const PACE_BYTES_MIN: u32 = 180;

/// Writes that wait for the embedded database's writer; whoever comes next waits with them.
pub const WRITES_WAITING_MAX: usize = 1_024;
/// Writes that share one commit.
pub const WRITE_GROUP_JOBS_MAX: usize = 256;
/// Milliseconds after which a group of writes takes no more of them.
pub const WRITE_GROUP_MILLISECONDS_MAX: u64 = 5;
/// Bytes after which a group of writes takes no more of them.
pub const WRITE_GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Threads that commit deliveries to PostgreSQL, several in a statement.
pub const COURIERS: usize = 2;
/// Deliveries in one statement.
pub const DELIVERIES_IN_BATCH_MAX: usize = 64;
/// Threads that look up recipients where they do: who comes while all ask waits for the next.
pub const FINDERS: usize = 2;
/// Addresses that one statement looks up.
pub const FOUND_TOGETHER_MAX: usize = 64;
/// Times that a transaction of PostgreSQL is run before its failure is told.
pub const TRANSACTION_ATTEMPTS_MAX: u32 = 6;
/// Seconds after which one that failed is not run again.
pub const TRANSACTION_RETRY_SECONDS_MAX: u64 = 10;
/// Seconds that PostgreSQL may say nothing beyond the time that a statement may take.
pub const DATABASE_SILENCE_SECONDS: u64 = 5;
/// Seconds between two lines that say that PostgreSQL cannot be reached.
pub const DATABASE_COMPLAINT_SECONDS: u64 = 5;
/// Connections that read the embedded database at once.
pub const READERS_MAX: usize = 16;
/// KiB of pages that the writer's connection keeps.
pub const WRITER_CACHE_KIB: usize = 16 * 1024;
/// KiB of pages that each reading connection keeps.
pub const READER_CACHE_KIB: usize = 2 * 1024;
/// Statements that a connection keeps prepared: more than there are.
pub const PREPARED_STATEMENTS_MAX: usize = 256;
/// Pages in the write-ahead log after which they are copied home.
pub const WAL_PAGES: usize = 4_000;
/// Bytes of write-ahead log that stay on the disk once copied home.
pub const WAL_BYTES_KEPT: usize = 64 * 1024 * 1024;
/// Bytes of a body that live in the embedded database; larger ones are files.
pub const BODY_IN_DATABASE_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a file body's header block that are kept beside its map.
pub const HEADER_KEPT_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of envelopes, maps, headers and bodies after which a batch of a FETCH ends.
pub const FETCH_BATCH_BYTES_MAX: usize = OUTPUT_BYTES_MAX;
/// Rows of the memory of deliveries that one sweep looks at.
pub const DELIVERIES_SWEPT_MAX: i64 = 2_000;
/// Characters of a line in which a script's refusal is told (RFC 5321 §4.5.3.1.5).
pub const REJECT_COLUMNS_MAX: usize = 400;
/// Lines of it. A longer reason of `reject` goes back by mail (RFC 5429 §2.2).
pub const REJECT_LINES_MAX: usize = 100;
/// Messages of one account that wait to leave; what a script sends beyond them is refused to it, and what
/// it would have sent on is kept (pitfall 31).
pub const OUTGOING_PER_ACCOUNT_MAX: i64 = 5_000;
/// Messages that could not be sent and are removed at once.
pub const DEAD_LETTERS_SWEPT_MAX: i64 = 200;
/// Identifiers that a process takes from the store at once.
pub const IDS_TAKEN: i64 = 1_024;
/// Differences that one check of the store tells.
pub const DIFFERENCES_MAX: usize = 1_000;
/// Milliseconds after which a search rests and lets others go first.
pub const SEARCH_SLICE_MILLISECONDS: u64 = 20;
/// Rows the cleaner changes in one transaction.
pub const CLEANED_ROWS_MAX: i64 = 1_000;
/// Rows the cleaner looks at in one transaction, without a lock.
pub const CLEANED_ROWS_READ_MAX: i64 = 10_000;
/// Mailboxes the cleaner looks at in one query.
pub const CLEANED_PAGE_MAILBOXES: i64 = 1_000;
/// Accounts to be removed that the cleaner reads in one query.
pub const CLEANED_PAGE_ACCOUNTS: i64 = 1_000;
/// Bodies that `check --bodies` knows of at a time.
pub const CHECKED_BODIES_MAX: i64 = 1_000;
/// Bodies the cleaner removes in one go.
pub const CLEANED_BODIES_MAX: i64 = 200;
/// Messages that one call lists or restores of those that were deleted.
pub const RESTORED_MESSAGES_MAX: i64 = 1_000;
/// Messages that an import commits together.
pub const IMPORT_BATCH_MESSAGES_MAX: usize = 256;
/// Bytes of messages after which an import commits.
pub const IMPORT_BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Times that a request to S3 is sent before its failure is told.
pub const S3_TRIES_MAX: u32 = 4;
/// Seconds in which a connection to S3 must be there.
pub const S3_CONNECT_SECONDS: u64 = 5;
/// Seconds for which a connection to S3 is kept without use; services close them after 20 or more.
pub const S3_IDLE_SECONDS: u64 = 15;
/// Seconds between two looks at a file of credentials.
pub const S3_CREDENTIALS_SECONDS: u64 = 5;
/// Bytes of each buffer of a connection to S3.
pub const S3_BUFFER_BYTES: usize = 16 * 1024;
/// Bytes of an answer of S3 that is neither an object nor a listing.
pub const S3_ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of one page of a listing: 1,000 keys of at most 1,024 bytes, and what is said of each.
pub const S3_LIST_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bodies that one FETCH reads from S3 at once.
pub const BODIES_AT_ONCE: usize = 16;
/// Bytes of large bodies from S3 that are kept in memory while they are read piece by piece.
pub const BODIES_HELD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of one of them; longer ones are kept in files.
pub const BODY_HELD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of those files, or of one if it is longer than that.
pub const BODIES_SPOOLED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Large bodies of which it is remembered that a piece was read.
pub const BODIES_TOUCHED_MAX: usize = 64;
/// Rows that a look at the background work counts of each kind.
pub const STATUS_ROWS_MAX: i64 = 1_000_000;
/// Bytes of one staged body that is read together with others to be moved.
pub const STAGED_TOGETHER_BYTES_MAX: i64 = 64 * 1024;
/// Files in the local cache.
pub const CACHE_FILES_MAX: usize = 500_000;
/// Seconds that a large body may take from being reserved to the commit of its message, beside those in
/// which it is put into a bucket.
pub const RESERVED_SECONDS: u64 = 3_600;
/// Bytes of one part of a large object; S3 takes 10,000 of them, each of 5 MiB or more. An object of
/// up to two is put whole.
pub const S3_PART_BYTES: usize = 8 * 1024 * 1024;

// A run of a Sieve script; what is configured may be less.

/// Actions of one run, of which each does something to the mail store or sends mail.
pub const SIEVE_ACTIONS_MAX: usize = 32;
/// Addresses that one run sends a message on to.
pub const SIEVE_REDIRECTS_MAX: usize = 4;
/// Scripts that one run includes.
pub const SIEVE_INCLUDES_MAX: usize = 64;
/// Scripts that include each other; RFC 6609 §3.1 asks for 3.
pub const SIEVE_INCLUDE_DEPTH_MAX: usize = 10;
/// Global variables of one run.
pub const SIEVE_GLOBALS_MAX: usize = 1_024;
/// Bytes of one string; RFC 5229 §6 asks for 4,000 characters.
pub const SIEVE_STRING_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all variables of one run.
pub const SIEVE_VARIABLES_BYTES_MAX: usize = 1024 * 1024;
/// Commands and tests of one run: in loops they count each time.
pub const SIEVE_INSTRUCTIONS_MAX: u64 = 1_000_000;
/// Bytes that one run looks at in comparing, those that are dear counted more than once: half a second
/// of work.
pub const SIEVE_MATCH_STEPS_MAX: u64 = 400_000_000;
/// Changes that one run makes to a message.
pub const SIEVE_EDITS_MAX: usize = 256;
/// Bytes that one run adds to a message.
pub const SIEVE_ADDED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of all changed copies of a message that one run makes, if there is more than one.
pub const SIEVE_COPIED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Questions of one run to the mail store, each of which may be a query.
pub const SIEVE_QUESTIONS_MAX: usize = 256;
/// Bytes of one external list.
pub const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of all external lists that are kept in memory.
pub const LISTS_CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Ids that one run of `duplicate` tests remembers.
pub const SIEVE_TRACKED_MAX: usize = 64;
/// Lines of trace that are kept of one run.
pub const SIEVE_TRACE_LINES_MAX: usize = 2_000;
/// Bytes of one compiled regular expression, and of what its matching keeps.
pub const SIEVE_REGEX_BYTES_MAX: usize = 256 * 1024;
/// Seconds for which `duplicate` remembers an id unless it is told otherwise (RFC 7352 §3.3).
pub const SIEVE_DUPLICATE_SECONDS: u64 = 7 * 86_400;
/// Seconds for which it may be told to.
pub const SIEVE_DUPLICATE_SECONDS_MAX: u64 = 30 * 86_400;
/// Seconds between two answers of `vacation` unless it is told otherwise (RFC 5230 §4.1).
pub const SIEVE_VACATION_SECONDS: u64 = 7 * 86_400;
/// Seconds between them at most.
pub const SIEVE_VACATION_SECONDS_MAX: u64 = 90 * 86_400;
/// Bytes of the References that an answer takes over.
pub const SIEVE_REFERENCES_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a Message-ID that an answer takes over: with a space before it, it is on one line of 998
/// bytes (RFC 5322 §2.1.1).
pub const SIEVE_MESSAGE_ID_BYTES_MAX: usize = 997;
/// Bytes of a field, decoded, that answers and notifications take over, and of an answer's subject.
pub const SIEVE_QUOTED_BYTES_MAX: usize = 1_024;
