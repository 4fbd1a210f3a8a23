//! What scripts may do, and who takes what they send: `[sieve]` and `[relay]`.

use super::{Key, Section};

const SIEVE: Section = Section("sieve");
const RELAY: Section = Section("relay");

pub(super) const KEYS: &[Key] = &[
    SIEVE.key(
        "before",
        "",
        "A Sieve script that runs on everybody's mail, before their own. If it decides where a message
goes, nothing else runs. It is read again when it has changed; if it has mistakes then, the
one before stays.",
        |c| &mut c.sieve.before,
    ),
    SIEVE.key(
        "after",
        "",
        "One that runs if neither it nor their own has decided. Spam into Junk, for example:
require [\"fileinto\"]; if header :contains \"X-Spam-Flag\" \"YES\" { fileinto \"Junk\"; }",
        |c| &mut c.sieve.after,
    ),
    SIEVE.key(
        "global",
        "",
        "The folder where include :global finds scripts, as NAME.sieve.",
        |c| &mut c.sieve.global,
    ),
    SIEVE.key(
        "lists",
        "",
        "The folder of external lists (extlists), as NAME.txt with a member a line: \"tag:…:NAME\",
\":NAME\" and \":addrbook:NAME\" in scripts. A file that changes is read again.",
        |c| &mut c.sieve.lists,
    ),
    SIEVE.key(
        "log",
        "",
        "Which runs sora-admin sieve log shows: \"off\", \"errors\", or \"all\", with what matched.",
        |c| &mut c.sieve.log,
    ),
    SIEVE.key(
        "imap_script",
        "",
        "A script that sees what happens in IMAP (RFC 6785), before a mailbox's own: require
\"imapsieve\"; environment \"imap.cause\", \"imap.mailbox\", \"vnd.sora.imap.source\".",
        |c| &mut c.sieve.imap_script,
    ),
    SIEVE.key(
        "imap_mailboxes",
        "",
        "In which mailboxes: names with commas between, special uses such as \\Junk, or * for all. What
is copied or moved is seen if it goes there or comes from there.",
        |c| &mut c.sieve.imap_mailboxes,
    ),
    SIEVE.key(
        "imap_causes",
        "",
        "Of append, copy (and move) and flag, those that it sees.",
        |c| &mut c.sieve.imap_causes,
    ),
    SIEVE.key(
        "learn_spam",
        "",
        "A command that gets each message that somebody moves into the mailbox with \\Junk on its input,
and SORA_USER and SORA_MAILBOX: \"/usr/bin/rspamc learn_spam\", \"/usr/bin/sa-learn --spam\".",
        |c| &mut c.sieve.learn_spam,
    ),
    SIEVE.key(
        "learn_ham",
        "",
        "One that gets what is moved out of it again, if not into that with \\Trash.",
        |c| &mut c.sieve.learn_ham,
    ),
    SIEVE.key(
        "spam_header",
        "",
        "The header field in which a checker says how certainly a message is spam, for the tests spamtest
and spamtest :percent: its name, or its name and a pattern whose first group counts.
\"X-Spam-Score\", \"X-Spam-Status: score=(-?[0-9.]+)\", \"X-Spamd-Bar: ^(\\\\+*)\" with strlen.",
        |c| &mut c.sieve.spam.header,
    ),
    SIEVE.key(
        "spam_type",
        "",
        "\"score\" is a number, \"strlen\" counts characters, \"text\" is one of spam_texts.",
        |c| &mut c.sieve.spam.kind,
    ),
    SIEVE.key("spam_max_value", "", "The number that is certainly spam.", |c| {
        &mut c.sieve.spam.max_value
    }),
    SIEVE.key(
        "spam_texts",
        "",
        "Words, and 1 (clear) to 10 (spam) for each, 0 for not checked: \"No=1, Maybe=5, Yes=10\".",
        |c| &mut c.sieve.spam.texts,
    ),
    SIEVE.key(
        "virus_header",
        "",
        "The same of viruses, for the test virustest.",
        |c| &mut c.sieve.virus.header,
    ),
    SIEVE.key("virus_type", "", "", |c| &mut c.sieve.virus.kind),
    SIEVE.key("virus_max_value", "", "", |c| &mut c.sieve.virus.max_value),
    SIEVE.key(
        "virus_texts",
        "",
        "1 (clear) to 5 (certain), 0 for not checked: \"Clean=1, Infected=5\".",
        |c| &mut c.sieve.virus.texts,
    ),
    SIEVE.key("max_actions", "", "What one run may do. Beyond it the message is kept.", |c| {
        &mut c.sieve.max_actions
    }),
    SIEVE.key("max_redirects", "", "", |c| &mut c.sieve.max_redirects),
    SIEVE.key("max_list_members", "", "To which redirect :list may send.", |c| {
        &mut c.sieve.max_list_members
    }),
    SIEVE.key("max_includes", "", "", |c| &mut c.sieve.max_includes),
    SIEVE.key("max_include_depth", "", "", |c| &mut c.sieve.max_include_depth),
    SIEVE.key("max_string_size", "", "", |c| &mut c.sieve.max_string_size),
    SIEVE.key("max_variables_size", "", "", |c| &mut c.sieve.max_variables_size),
    SIEVE.key("max_instructions", "", "Commands and tests.", |c| {
        &mut c.sieve.max_instructions
    }),
    SIEVE.key("max_match_steps", "", "Bytes that are compared.", |c| {
        &mut c.sieve.max_match_steps
    }),
    SIEVE.key("max_globals", "", "Global variables.", |c| &mut c.sieve.max_globals),
    SIEVE.key("max_edits", "", "Changes to a message, and what they may add to it.", |c| {
        &mut c.sieve.max_edits
    }),
    SIEVE.key("max_added_size", "", "", |c| &mut c.sieve.max_added_size),
    SIEVE.key("max_copied_size", "", "Of all changed copies of a message.", |c| {
        &mut c.sieve.max_copied_size
    }),
    SIEVE.key("max_questions", "", "To the database.", |c| &mut c.sieve.max_questions),
    SIEVE.key("max_trace_lines", "", "That the log of a run has.", |c| {
        &mut c.sieve.max_trace_lines
    }),
    RELAY.key(
        "host",
        "",
        "The server that takes the mail that leaves: what Sieve scripts send on, answer, refuse and
notify. \"smtp.example.com:587\", \"[::1]:25\" or \"unix:/run/relay\". Without one, scripts that want
to send are told so, and the mail is kept.",
        |c| &mut c.relay.host,
    ),
    RELAY.key(
        "protocol",
        "",
        "\"smtp\", \"lmtp\", or \"sendmail\" for the command below, which needs no host.",
        |c| &mut c.relay.protocol,
    ),
    RELAY.key(
        "tls",
        "",
        "\"auto\" uses STARTTLS if the relay offers it, and asks for its certificate only if there is a
ca_file or a user. \"starttls\" and \"implicit\" (TLS from the first byte, port 465) send nothing
without it, and always check. \"none\" never uses TLS.",
        |c| &mut c.relay.tls,
    ),
    RELAY.key(
        "ca_file",
        "",
        "PEM certificates to trust in place of the system's.",
        |c| &mut c.relay.ca_file,
    ),
    RELAY.key(
        "user",
        "",
        "Whom to log in as, if the relay wants that. With \"auto\" only over TLS.",
        |c| &mut c.relay.user,
    ),
    RELAY.key("password", "", "", |c| &mut c.relay.password),
    RELAY.key(
        "sendmail",
        "",
        "With protocol = \"sendmail\": the command. It gets -i -f SENDER -- RECIPIENT.",
        |c| &mut c.relay.sendmail,
    ),
    RELAY.key(
        "srs_domain",
        "",
        "Mail that is sent on keeps its sender, which SPF may then refuse. With a domain of yours here
the sender is rewritten (SRS), and reports come back to SRS0=...@that-domain. Have that domain
delivered to the LMTP of this server, which sends them on to whoever wrote.",
        |c| &mut c.relay.srs_domain,
    ),
    RELAY.key(
        "srs_secret",
        "",
        "At least 16 characters that nobody knows, the same on all nodes.",
        |c| &mut c.relay.srs_secret,
    ),
    RELAY.key(
        "max_attempts",
        "",
        "A message is tried after 1m, 5m, 15m, 1h, 6h and then every 24h. After so many tries it is left
alone and shown by sora-admin outbox list, until somebody retries or deletes it there...",
        |c| &mut c.relay.max_attempts,
    ),
    RELAY.key(
        "keep_failed",
        "",
        "...or it has been there for so long.",
        |c| &mut c.relay.keep_failed,
    ),
];
