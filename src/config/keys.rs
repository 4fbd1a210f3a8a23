//! Every key: where it stands, its flag, what it is for, and the setting behind it. Reading a file,
//! reading flags, `-check`, `-help` and config.toml.example all follow this one table.

use super::unused::UNUSED;
use super::values::Value;
use super::{Config, Listener};

/// One key.
pub(super) struct Key {
    /// `servers.imap`; "" at the top.
    pub(super) section: &'static str,
    /// Its name there.
    pub(super) name: &'static str,
    /// Its flag without the dash; "" if it has none.
    pub(super) flag: &'static str,
    /// For whoever reads the example: lines without `#`.
    pub(super) why: &'static str,
    /// The setting.
    pub(super) at: fn(&mut Config) -> &mut dyn Value,
}

impl Key {
    /// What it is set to.
    pub(super) fn show(&self, config: &Config) -> String {
        (self.at)(&mut config.clone()).show()
    }
}

/// A section and what stands in it.
pub(super) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The key at `section`, `name`.
pub(super) fn find(section: &str, name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.section == section && key.name == name)
}

/// True if a section of that name, or one below it, has keys with or without meaning.
pub(super) fn is_section(path: &str) -> bool {
    let within = |section: &str| {
        section.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    KEYS.iter().any(|key| within(key.section)) || UNUSED.iter().any(|unused| within(unused.section))
}

const fn key(
    section: &'static str,
    name: &'static str,
    flag: &'static str,
    why: &'static str,
    at: fn(&mut Config) -> &mut dyn Value,
) -> Key {
    Key { section, name, flag, why, at }
}

fn imap(config: &mut Config) -> &mut Listener {
    &mut config.servers.imap.listener
}

fn lmtp(config: &mut Config) -> &mut Listener {
    &mut config.servers.lmtp.listener
}

fn pop3(config: &mut Config) -> &mut Listener {
    &mut config.servers.pop3.listener
}

fn managesieve(config: &mut Config) -> &mut Listener {
    &mut config.servers.managesieve.listener
}

const START: &str = "Only servers with start = true listen.";
const ADDR: &str =
    "host:port, [v6]:port, :port (every address) or unix:PATH. STARTTLS is offered here.
\"\" turns it off.";
const TLS_ADDR: &str = "The same with implicit TLS from the first byte.";
const TLS: &str = "true makes addr implicit TLS.";
const CERT: &str =
    "PEM files; SIGHUP reads them again. Without them Sora makes itself a certificate
in data_dir, which clients will ask about.";

const PROXY: &str =
    "Balancers that say for whom they connect, by the PROXY protocol (v1 or v2), and are believed:
addresses, networks, or unix for Unix sockets. From them nothing else is taken; from others, no
such header.";

/// In the order of config.toml.example. Sections are together.
pub(super) const KEYS: &[Key] = &[
    key(
        "",
        "data_dir",
        "",
        "The directory of everything Sora keeps. Made if it is missing; one daemon at a time.",
        |c| &mut c.data_dir,
    ),
    key(
        "",
        "hostname",
        "",
        "The name in greetings and in the Received lines of delivered mail.
\"\" takes this machine's.",
        |c| &mut c.hostname,
    ),
    key(
        "",
        "log_output",
        "logoutput",
        "stderr, stdout, syslog (by /dev/log), or the path of a file that is appended to.",
        |c| &mut c.log_output,
    ),
    key(
        "database",
        "engine",
        "",
        "Where accounts, mailboxes and flags are: \"sqlite\", one file in data_dir, or \"postgres\",
a server that many nodes may share. The rest of this section is for PostgreSQL.",
        |c| &mut c.database.engine,
    ),
    key(
        "database",
        "host",
        "dbhost",
        "A name, an address, or the directory of its Unix socket. With several, commas between, the
one that takes writes is used. The flag chooses engine = \"postgres\", too.",
        |c| &mut c.database.host,
    ),
    key("database", "port", "dbport", "", |c| &mut c.database.port),
    key(
        "database",
        "user",
        "dbuser",
        "No superuser is needed, only the right to make tables in the database.",
        |c| &mut c.database.user,
    ),
    key("database", "password", "dbpassword", "", |c| &mut c.database.password),
    key("database", "name", "dbname", "", |c| &mut c.database.name),
    key(
        "database",
        "tls",
        "dbtls",
        "true speaks TLS, and checks the server's certificate.",
        |c| &mut c.database.tls,
    ),
    key(
        "database",
        "tls_ca_file",
        "",
        "PEM file of the authorities to trust in place of the system's.",
        |c| &mut c.database.tls_ca_file,
    ),
    key(
        "database",
        "connections",
        "",
        "Connections of this process at most. All processes together must fit max_connections of
the server.",
        |c| &mut c.database.connections,
    ),
    key(
        "database",
        "pgbouncer",
        "",
        "true if PgBouncer in transaction mode is in between: nothing is prepared, and nothing is
expected to last from one transaction to the next. It goes with listen = \"poll\".",
        |c| &mut c.database.pgbouncer,
    ),
    key(
        "database",
        "one_account_statements",
        "",
        "true if the database is one that shards by account: deliveries that wait at the same moment are
stored by one statement only if they are to the same account.",
        |c| &mut c.database.one_account_statements,
    ),
    key(
        "database",
        "listen",
        "",
        "How this node hears what other nodes changed, so that its IDLE clients do: \"listen\", by LISTEN
on a connection of its own beside those above, within milliseconds; or \"poll\", by looking
every poll_interval at the mailboxes its clients have selected, where LISTEN is not to be had.",
        |c| &mut c.database.listen,
    ),
    key("database", "poll_interval", "", "", |c| &mut c.database.poll_interval),
    key(
        "database",
        "connect_timeout",
        "",
        "How long to wait for a connection, to be made or to be free.",
        |c| &mut c.database.connect_timeout,
    ),
    key(
        "database",
        "statement_timeout",
        "",
        "How long one statement may take.",
        |c| &mut c.database.statement_timeout,
    ),
    key(
        "database",
        "lock_timeout",
        "",
        "How long one may wait for a mailbox that somebody else changes.",
        |c| &mut c.database.lock_timeout,
    ),
    key(
        "database",
        "log_queries",
        "dblogqueries",
        "true logs every statement, without its values.",
        |c| &mut c.database.log_queries,
    ),
    key(
        "bodies",
        "home",
        "",
        "Where messages are that do not stay in the database: \"directory\", files in data_dir/bodies, or
\"s3\", a bucket (see [s3]).",
        |c| &mut c.bodies.home,
    ),
    key(
        "bodies",
        "inline_max",
        "",
        "With home = \"directory\": messages up to this size live in the database itself, and share its
group commits; a file costs several fsyncs of its own.",
        |c| &mut c.bodies.inline_max,
    ),
    key(
        "bodies",
        "spool_limit",
        "",
        "Room that large messages on their way in may take in data_dir/spool, all together.
Beyond it senders are told to come back later.",
        |c| &mut c.bodies.spool_limit,
    ),
    key(
        "s3",
        "endpoint",
        "s3endpoint",
        "The service: a host such as \"s3.eu-central-1.amazonaws.com\" or \"127.0.0.1:9000\", or a URL
such as \"http://127.0.0.1:9000\". Needed with [bodies] home = \"s3\", like the next four.",
        |c| &mut c.s3.endpoint,
    ),
    key(
        "s3",
        "bucket",
        "s3bucket",
        "It must be there. sora -check tries it.",
        |c| &mut c.s3.bucket,
    ),
    key(
        "s3",
        "region",
        "",
        "The bucket's region; services that have none take any.",
        |c| &mut c.s3.region,
    ),
    key(
        "s3",
        "access_key",
        "s3accesskey",
        "",
        |c| &mut c.s3.access_key,
    ),
    key(
        "s3",
        "secret_key",
        "s3secretkey",
        "",
        |c| &mut c.s3.secret_key,
    ),
    key(
        "s3",
        "session_token",
        "",
        "Only with temporary credentials.",
        |c| &mut c.s3.session_token,
    ),
    key(
        "s3",
        "prefix",
        "",
        "What the name of every object begins with, so that a bucket can hold more than Sora.",
        |c| &mut c.s3.prefix,
    ),
    key(
        "s3",
        "addressing",
        "",
        "Where the bucket stands in a URL: \"path\", \"virtual\" (in the host name), or \"auto\", which is
virtual for Amazon and path elsewhere.",
        |c| &mut c.s3.addressing,
    ),
    key(
        "s3",
        "disable_tls",
        "",
        "true speaks HTTP without TLS, if endpoint does not say which.",
        |c| &mut c.s3.disable_tls,
    ),
    key(
        "s3",
        "ca_file",
        "",
        "PEM file of the authorities to trust in place of the system's.",
        |c| &mut c.s3.ca_file,
    ),
    key(
        "s3",
        "timeout",
        "",
        "Time for one request; a large message has a second more for each megabyte.",
        |c| &mut c.s3.timeout,
    ),
    key(
        "s3",
        "compress",
        "",
        "true stores messages to come compressed (zstd). Without it and encrypt, an object is the
message as it came, for any tool to read.",
        |c| &mut c.s3.compress,
    ),
    key(
        "s3",
        "encrypt",
        "",
        "true stores messages to come encrypted (AES-256-GCM), so that whoever has the bucket cannot
read them.",
        |c| &mut c.s3.encrypt,
    ),
    key(
        "s3",
        "encryption_key",
        "",
        "64 hexadecimal digits: openssl rand -hex 32. Without it encrypted mail is lost: keep a copy.",
        |c| &mut c.s3.encryption_key,
    ),
    key(
        "s3",
        "trace",
        "s3trace",
        "Log every request to the service.",
        |c| &mut c.s3.trace,
    ),
    key(
        "local_cache",
        "path",
        "cachedir",
        "Where messages that were read from S3 are kept near. \"\": data_dir/cache.",
        |c| &mut c.local_cache.path,
    ),
    key(
        "local_cache",
        "capacity",
        "cachesize",
        "The size of all of it; 0 for no cache.",
        |c| &mut c.local_cache.capacity,
    ),
    key(
        "local_cache",
        "max_object_size",
        "cachemaxobject",
        "Larger messages are not kept.",
        |c| &mut c.local_cache.max_object_size,
    ),
    key(
        "uploader",
        "batch_size",
        "uploaderbatchsize",
        "Messages wait in the database until they are in S3. So many are taken at once...",
        |c| &mut c.uploader.batch_size,
    ),
    key(
        "uploader",
        "concurrency",
        "uploaderconcurrency",
        "...and so many are on their way at the same time.",
        |c| &mut c.uploader.concurrency,
    ),
    key(
        "uploader",
        "max_attempts",
        "uploadermaxattempts",
        "When S3 refuses one message so often, that is an error in the log; it stays in the database
and is tried less and less often. S3 that does not answer at all does not count.",
        |c| &mut c.uploader.max_attempts,
    ),
    key(
        "uploader",
        "retry_interval",
        "uploaderretryinterval",
        "From a refusal to the next try; doubled each time.",
        |c| &mut c.uploader.retry_interval,
    ),
    key(
        "uploader",
        "max_body",
        "",
        "Larger messages go to S3 before their delivery is answered, and do not wait in the database.",
        |c| &mut c.uploader.max_body,
    ),
    key(
        "uploader",
        "max_staging_size",
        "",
        "When more than this waits, because S3 is away for long, senders are told to come back later.
0 for no such limit.",
        |c| &mut c.uploader.max_staging_size,
    ),
    key(
        "cleanup",
        "grace_period",
        "",
        "How long expunged messages, and deleted mailboxes and accounts, can be brought back with
sora-admin. After it they are removed for good.",
        |c| &mut c.cleanup.grace_period,
    ),
    key(
        "cleanup",
        "wake_interval",
        "",
        "How often the cleaner looks for what is due; at least \"1m\".",
        |c| &mut c.cleanup.wake_interval,
    ),
    key(
        "cleanup",
        "max_age_restriction",
        "",
        "Messages that came in longer ago than this are expunged, and removed when the grace period
is over too: \"90d\" and a grace of \"7d\" keep nothing longer than 97 days. \"\" keeps all mail.",
        |c| &mut c.cleanup.max_age_restriction,
    ),
    key(
        "sieve",
        "before",
        "",
        "A Sieve script that runs on everybody's mail, before their own. If it decides where a message
goes, nothing else runs.",
        |c| &mut c.sieve.before,
    ),
    key(
        "sieve",
        "after",
        "",
        "One that runs if neither it nor their own has decided. Spam into Junk, for example:
require [\"fileinto\"]; if header :contains \"X-Spam-Flag\" \"YES\" { fileinto \"Junk\"; }",
        |c| &mut c.sieve.after,
    ),
    key(
        "sieve",
        "global",
        "",
        "The folder where include :global finds scripts, as NAME.sieve.",
        |c| &mut c.sieve.global,
    ),
    key(
        "sieve",
        "log",
        "",
        "Which runs sora-admin sieve log shows: \"off\", \"errors\", or \"all\", with what matched.",
        |c| &mut c.sieve.log,
    ),
    key("sieve", "max_actions", "", "What one run may do. Beyond it the message is kept.", |c| {
        &mut c.sieve.max_actions
    }),
    key("sieve", "max_redirects", "", "", |c| &mut c.sieve.max_redirects),
    key("sieve", "max_includes", "", "", |c| &mut c.sieve.max_includes),
    key("sieve", "max_include_depth", "", "", |c| &mut c.sieve.max_include_depth),
    key("sieve", "max_string_size", "", "", |c| &mut c.sieve.max_string_size),
    key("sieve", "max_variables_size", "", "", |c| &mut c.sieve.max_variables_size),
    key("sieve", "max_instructions", "", "Commands and tests.", |c| {
        &mut c.sieve.max_instructions
    }),
    key("sieve", "max_match_steps", "", "Bytes that are compared.", |c| {
        &mut c.sieve.max_match_steps
    }),
    key(
        "relay",
        "host",
        "",
        "The server that takes the mail that leaves: what Sieve scripts send on, answer, refuse and
notify. \"smtp.example.com:587\", \"[::1]:25\" or \"unix:/run/relay\". Without one, scripts that want
to send are told so, and the mail is kept.",
        |c| &mut c.relay.host,
    ),
    key(
        "relay",
        "protocol",
        "",
        "\"smtp\", \"lmtp\", or \"sendmail\" for the command below, which needs no host.",
        |c| &mut c.relay.protocol,
    ),
    key(
        "relay",
        "tls",
        "",
        "\"auto\" uses STARTTLS if the relay offers it, and asks for its certificate only if there is a
ca_file or a user. \"starttls\" and \"implicit\" (TLS from the first byte, port 465) send nothing
without it, and always check. \"none\" never uses TLS.",
        |c| &mut c.relay.tls,
    ),
    key(
        "relay",
        "ca_file",
        "",
        "PEM certificates to trust in place of the system's.",
        |c| &mut c.relay.ca_file,
    ),
    key(
        "relay",
        "user",
        "",
        "Whom to log in as, if the relay wants that. With \"auto\" only over TLS.",
        |c| &mut c.relay.user,
    ),
    key("relay", "password", "", "", |c| &mut c.relay.password),
    key(
        "relay",
        "sendmail",
        "",
        "With protocol = \"sendmail\": the command. It gets -i -f SENDER -- RECIPIENT.",
        |c| &mut c.relay.sendmail,
    ),
    key(
        "relay",
        "max_attempts",
        "",
        "A message is tried after 1m, 5m, 15m, 1h, 6h and then every 24h. After so many tries it is left
alone and shown by sora-admin outbox list, until somebody retries or deletes it there.",
        |c| &mut c.relay.max_attempts,
    ),
    key("servers", "debug", "debug", "Log what every connection does.", |c| &mut c.servers.debug),
    key(
        "servers",
        "max_connections",
        "",
        "Connections in total. An idle one costs a few kilobytes; what the system allows in open
files is raised to fit, or said in the log.",
        |c| &mut c.servers.max_connections,
    ),
    key(
        "servers",
        "max_connections_per_address",
        "",
        "Connections from one address. Loopback is exempt: a proxy or webmail lives there.",
        |c| &mut c.servers.max_connections_per_address,
    ),
    key(
        "servers",
        "max_connections_per_account",
        "",
        "Logged-in connections of one account. A mail program uses about five on each device.",
        |c| &mut c.servers.max_connections_per_account,
    ),
    key(
        "servers",
        "shutdown_grace",
        "",
        "How long SIGTERM waits for what is under way before connections are cut.",
        |c| &mut c.servers.shutdown_grace,
    ),
    key("servers.imap", "start", "imap", START, |c| &mut imap(c).start),
    key("servers.imap", "addr", "imapaddr", ADDR, |c| &mut imap(c).addr),
    key("servers.imap", "tls_addr", "", TLS_ADDR, |c| &mut imap(c).tls_addr),
    key("servers.imap", "tls", "imaptls", TLS, |c| &mut imap(c).tls),
    key("servers.imap", "tls_cert_file", "imaptlscert", CERT, |c| &mut imap(c).tls_cert_file),
    key("servers.imap", "tls_key_file", "imaptlskey", "", |c| &mut imap(c).tls_key_file),
    key("servers.imap", "proxy_protocol_from", "", PROXY, |c| &mut imap(c).proxy_protocol_from),
    key(
        "servers.imap",
        "append_limit",
        "",
        "The largest message a client may append, announced as APPENDLIMIT.",
        |c| &mut c.servers.imap.append_limit,
    ),
    key(
        "servers.imap",
        "insecure_auth",
        "",
        "true takes passwords without TLS from anywhere. Anybody on the way can read them; from
loopback and Unix sockets they are taken in any case.",
        |c| &mut c.servers.imap.insecure_auth,
    ),
    key(
        "servers.imap",
        "idle_timeout",
        "",
        "Silence after which a logged-in client is sent away. RFC 9051 wants at least 30m.",
        |c| &mut c.servers.imap.idle_timeout,
    ),
    key(
        "servers.imap",
        "login_timeout",
        "",
        "Silence after which a client that has not logged in is sent away.",
        |c| &mut c.servers.imap.login_timeout,
    ),
    key("servers.lmtp", "start", "lmtp", START, |c| &mut lmtp(c).start),
    key(
        "servers.lmtp",
        "addr",
        "lmtpaddr",
        "As for IMAP. Whoever can connect here can deliver to anybody: keep it from strangers.",
        |c| &mut lmtp(c).addr,
    ),
    key("servers.lmtp", "tls_addr", "", TLS_ADDR, |c| &mut lmtp(c).tls_addr),
    key("servers.lmtp", "tls", "lmtptls", TLS, |c| &mut lmtp(c).tls),
    key(
        "servers.lmtp",
        "tls_use_starttls",
        "lmtpstarttls",
        "With tls = true: STARTTLS on addr, after all.",
        |c| &mut lmtp(c).tls_use_starttls,
    ),
    key("servers.lmtp", "tls_cert_file", "lmtptlscert", CERT, |c| &mut lmtp(c).tls_cert_file),
    key("servers.lmtp", "tls_key_file", "lmtptlskey", "", |c| &mut lmtp(c).tls_key_file),
    key("servers.lmtp", "proxy_protocol_from", "", PROXY, |c| &mut lmtp(c).proxy_protocol_from),
    key(
        "servers.lmtp",
        "max_message_size",
        "",
        "The largest message that is taken, announced as SIZE; larger ones are refused for good.",
        |c| &mut c.servers.lmtp.max_message_size,
    ),
    key(
        "servers.lmtp",
        "timeout",
        "",
        "Silence after which a peer is sent away. RFC 5321 wants at least 5m.",
        |c| &mut c.servers.lmtp.timeout,
    ),
    key(
        "servers.lmtp",
        "external_relay",
        "externalrelay",
        "Another name for [relay] host, which is used if that is empty.",
        |c| &mut c.servers.lmtp.external_relay,
    ),
    key(
        "servers.lmtp",
        "xclient_from",
        "",
        "Proxies that may say by XCLIENT or XFORWARD whose mail they bring: addresses, networks, or
unix.",
        |c| &mut c.servers.lmtp.xclient_from,
    ),
    key("servers.pop3", "start", "pop3", START, |c| &mut pop3(c).start),
    key("servers.pop3", "addr", "pop3addr", "As for IMAP.", |c| &mut pop3(c).addr),
    key("servers.pop3", "tls_addr", "", TLS_ADDR, |c| &mut pop3(c).tls_addr),
    key("servers.pop3", "tls", "pop3tls", TLS, |c| &mut pop3(c).tls),
    key("servers.pop3", "tls_cert_file", "pop3tlscert", CERT, |c| &mut pop3(c).tls_cert_file),
    key("servers.pop3", "tls_key_file", "pop3tlskey", "", |c| &mut pop3(c).tls_key_file),
    key("servers.pop3", "proxy_protocol_from", "", PROXY, |c| &mut pop3(c).proxy_protocol_from),
    key(
        "servers.pop3",
        "exclusive",
        "",
        "true lets one session at a time have an account's mail; another is told [IN-USE]. Without it
each session sees the mail as it was when it logged in, whatever others do.",
        |c| &mut c.servers.pop3.exclusive,
    ),
    key(
        "servers.pop3",
        "insecure_auth",
        "",
        "As for IMAP.",
        |c| &mut c.servers.pop3.insecure_auth,
    ),
    key(
        "servers.pop3",
        "idle_timeout",
        "",
        "Silence after which a logged-in client is sent away. RFC 1939 wants at least 10m.",
        |c| &mut c.servers.pop3.idle_timeout,
    ),
    key(
        "servers.pop3",
        "login_timeout",
        "",
        "Silence after which a client that has not logged in is sent away.",
        |c| &mut c.servers.pop3.login_timeout,
    ),
    key("servers.managesieve", "start", "managesieve", START, |c| &mut managesieve(c).start),
    key("servers.managesieve", "addr", "managesieveaddr", "As for IMAP.", |c| {
        &mut managesieve(c).addr
    }),
    key("servers.managesieve", "tls_addr", "", TLS_ADDR, |c| &mut managesieve(c).tls_addr),
    key("servers.managesieve", "tls", "managesievetls", TLS, |c| &mut managesieve(c).tls),
    key(
        "servers.managesieve",
        "tls_use_starttls",
        "managesievestarttls",
        "With tls = true: STARTTLS on addr, after all.",
        |c| &mut managesieve(c).tls_use_starttls,
    ),
    key("servers.managesieve", "tls_cert_file", "managesievetlscert", CERT, |c| {
        &mut managesieve(c).tls_cert_file
    }),
    key("servers.managesieve", "tls_key_file", "managesievetlskey", "", |c| {
        &mut managesieve(c).tls_key_file
    }),
    key("servers.managesieve", "proxy_protocol_from", "", PROXY, |c| {
        &mut managesieve(c).proxy_protocol_from
    }),
    key("servers.managesieve", "insecure_auth", "managesieveinsecureauth", "As for IMAP.", |c| {
        &mut c.servers.managesieve.insecure_auth
    }),
    key(
        "servers.managesieve",
        "max_script_size",
        "managesievescriptsize",
        "The largest script that can be stored; at most \"1mb\".",
        |c| &mut c.servers.managesieve.max_script_size,
    ),
    key("servers.managesieve", "max_scripts", "", "Scripts of one account.", |c| {
        &mut c.servers.managesieve.max_scripts
    }),
    key(
        "servers.managesieve",
        "idle_timeout",
        "",
        "Silence after which a logged-in client is sent away. RFC 5804 wants at least 30m.",
        |c| &mut c.servers.managesieve.idle_timeout,
    ),
    key(
        "servers.managesieve",
        "login_timeout",
        "",
        "Silence after which a client that has not logged in is sent away.",
        |c| &mut c.servers.managesieve.login_timeout,
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::unused::is_unused;

    fn path(key: &Key) -> String {
        join(key.section, key.name)
    }

    #[test]
    fn keys_and_flags_are_named_once_and_sections_stay_together() {
        let mut seen = HashSet::new();
        let mut sections: Vec<&str> = Vec::new();
        for key in KEYS {
            assert!(seen.insert(path(key)), "{} twice", path(key));
            assert!(key.flag.is_empty() || seen.insert(format!("-{}", key.flag)), "{}", key.flag);
            assert!(!is_unused(key.section, key.name), "{} is used", path(key));
            if sections.last() != Some(&key.section) {
                assert!(!sections.contains(&key.section), "[{}] in two places", key.section);
                sections.push(key.section);
            }
        }
        for unused in UNUSED {
            for (name, flag) in unused.names {
                assert!(seen.insert(join(unused.section, name)), "{name} twice");
                assert!(flag.is_empty() || seen.insert(format!("-{flag}")), "{flag} twice");
            }
            let named = |name: &&str| unused.names.iter().any(|(known, _)| known == name);
            assert!(unused.switches.iter().all(named), "{}", unused.section);
        }
    }

    /// For each kind of value one that is no key's default.
    const GIVEN: [&str; 13] = [
        ":9",
        "9mb",
        "9s",
        "9",
        "true",
        "/x",
        "10.0.0.0/8",
        "path",
        "s3",
        "mx:9",
        "lmtp",
        "none",
        "all",
    ];

    #[test]
    fn every_key_reaches_a_setting_of_its_own() {
        for (index, key) in KEYS.iter().enumerate() {
            let mut config = Config::default();
            let before: Vec<String> = KEYS.iter().map(|key| key.show(&config)).collect();
            let value = (key.at)(&mut config);
            let taken = GIVEN.iter().find(|text| {
                value.set(super::super::values::Given::Flag(text)).is_some()
                    && value.show() != before[index]
            });
            let one_choice = ["engine", "listen"].contains(&key.name);
            assert!(taken.is_some() || one_choice, "{} cannot be set", path(key));
            let changed = KEYS.iter().zip(&before).filter(|(key, old)| key.show(&config) != **old);
            assert!(changed.count() <= 1, "{} sets another too", path(key));
        }
    }
}
