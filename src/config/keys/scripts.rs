//! What scripts may do, and who takes what they send: `[sieve]` and `[relay]`.

use super::{Key, Section};

const SIEVE: Section = Section("sieve");
const RELAY: Section = Section("relay");

pub(super) const KEYS: &[Key] = &[
    SIEVE.key("before",
        "",
        "A Sieve script that runs on everybody's mail, before their own. If it decides where a message
goes, nothing else runs.",
        |c| &mut c.sieve.before,
    ),
    SIEVE.key("after",
        "",
        "One that runs if neither it nor their own has decided. Spam into Junk, for example:
require [\"fileinto\"]; if header :contains \"X-Spam-Flag\" \"YES\" { fileinto \"Junk\"; }",
        |c| &mut c.sieve.after,
    ),
    SIEVE.key("global",
        "",
        "The folder where include :global finds scripts, as NAME.sieve.",
        |c| &mut c.sieve.global,
    ),
    SIEVE.key("log",
        "",
        "Which runs sora-admin sieve log shows: \"off\", \"errors\", or \"all\", with what matched.",
        |c| &mut c.sieve.log,
    ),
    SIEVE.key("imap_script",
        "",
        "A script that sees what happens in IMAP (RFC 6785), before a mailbox's own: require
\"imapsieve\"; environment \"imap.cause\", \"imap.mailbox\", \"vnd.sora.imap.source\".",
        |c| &mut c.sieve.imap_script,
    ),
    SIEVE.key("imap_mailboxes",
        "",
        "In which mailboxes: names with commas between, special uses such as \\Junk, or * for all. What
is copied or moved is seen if it goes there or comes from there.",
        |c| &mut c.sieve.imap_mailboxes,
    ),
    SIEVE.key("imap_causes",
        "",
        "Of append, copy (and move) and flag, those that it sees.",
        |c| &mut c.sieve.imap_causes,
    ),
    SIEVE.key("learn_spam",
        "",
        "A command that gets each message that somebody moves into the mailbox with \\Junk on its input,
and SORA_USER and SORA_MAILBOX: \"/usr/bin/rspamc learn_spam\", \"/usr/bin/sa-learn --spam\".",
        |c| &mut c.sieve.learn_spam,
    ),
    SIEVE.key("learn_ham",
        "",
        "One that gets what is moved out of it again, if not into that with \\Trash.",
        |c| &mut c.sieve.learn_ham,
    ),
    SIEVE.key("max_actions", "", "What one run may do. Beyond it the message is kept.", |c| {
        &mut c.sieve.max_actions
    }),
    SIEVE.key("max_redirects", "", "", |c| &mut c.sieve.max_redirects),
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
    RELAY.key("host",
        "",
        "The server that takes the mail that leaves: what Sieve scripts send on, answer, refuse and
notify. \"smtp.example.com:587\", \"[::1]:25\" or \"unix:/run/relay\". Without one, scripts that want
to send are told so, and the mail is kept.",
        |c| &mut c.relay.host,
    ),
    RELAY.key("protocol",
        "",
        "\"smtp\", \"lmtp\", or \"sendmail\" for the command below, which needs no host.",
        |c| &mut c.relay.protocol,
    ),
    RELAY.key("tls",
        "",
        "\"auto\" uses STARTTLS if the relay offers it, and asks for its certificate only if there is a
ca_file or a user. \"starttls\" and \"implicit\" (TLS from the first byte, port 465) send nothing
without it, and always check. \"none\" never uses TLS.",
        |c| &mut c.relay.tls,
    ),
    RELAY.key("ca_file",
        "",
        "PEM certificates to trust in place of the system's.",
        |c| &mut c.relay.ca_file,
    ),
    RELAY.key("user",
        "",
        "Whom to log in as, if the relay wants that. With \"auto\" only over TLS.",
        |c| &mut c.relay.user,
    ),
    RELAY.key("password", "", "", |c| &mut c.relay.password),
    RELAY.key("sendmail",
        "",
        "With protocol = \"sendmail\": the command. It gets -i -f SENDER -- RECIPIENT.",
        |c| &mut c.relay.sendmail,
    ),
    RELAY.key("max_attempts",
        "",
        "A message is tried after 1m, 5m, 15m, 1h, 6h and then every 24h. After so many tries it is left
alone and shown by sora-admin outbox list, until somebody retries or deletes it there.",
        |c| &mut c.relay.max_attempts,
    ),
];
