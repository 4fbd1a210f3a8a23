//! Where everything is: the top of the file, `[database]` and `[bodies]`.

use super::{Key, Section};

const TOP: Section = Section("");
const DATABASE: Section = Section("database");
const BODIES: Section = Section("bodies");

pub(super) const KEYS: &[Key] = &[
    TOP.key(
        "data_dir",
        "",
        "The directory of everything Sora keeps. Made if it is missing; one daemon at a time.",
        |c| &mut c.data_dir,
    ),
    TOP.key(
        "hostname",
        "",
        "The name in greetings and in the Received lines of delivered mail.
\"\" takes this machine's.",
        |c| &mut c.hostname,
    ),
    TOP.key(
        "log_output",
        "logoutput",
        "stderr, stdout, syslog (by /dev/log), or the path of a file that is appended to.",
        |c| &mut c.log_output,
    ),
    DATABASE.key(
        "engine",
        "",
        "Where accounts, mailboxes and flags are: \"sqlite\", one file in data_dir, or \"postgres\",
a server that many nodes may share. The rest of this section is for PostgreSQL.",
        |c| &mut c.database.engine,
    ),
    DATABASE.key(
        "host",
        "dbhost",
        "A name, an address, or the directory of its Unix socket. With several, commas between, the
one that takes writes is used. The flag chooses engine = \"postgres\", too.",
        |c| &mut c.database.host,
    ),
    DATABASE.key("port", "dbport", "", |c| &mut c.database.port),
    DATABASE.key(
        "user",
        "dbuser",
        "No superuser is needed, only the right to make tables in the database.",
        |c| &mut c.database.user,
    ),
    DATABASE.key("password", "dbpassword", "", |c| &mut c.database.password),
    DATABASE.key("name", "dbname", "", |c| &mut c.database.name),
    DATABASE.key(
        "tls",
        "dbtls",
        "true speaks TLS, and checks the server's certificate.",
        |c| &mut c.database.tls,
    ),
    DATABASE.key(
        "tls_ca_file",
        "",
        "PEM file of the authorities to trust in place of the system's.",
        |c| &mut c.database.tls_ca_file,
    ),
    DATABASE.key(
        "connections",
        "",
        "Connections of this process at most. All processes together must fit max_connections of
the server.",
        |c| &mut c.database.connections,
    ),
    DATABASE.key(
        "pgbouncer",
        "",
        "true if PgBouncer in transaction mode is in between: nothing is prepared, and nothing is
expected to last from one transaction to the next. It goes with listen = \"poll\".",
        |c| &mut c.database.pgbouncer,
    ),
    DATABASE.key(
        "one_account_statements",
        "",
        "true if the database is one that shards by account: deliveries that wait at the same moment are
stored by one statement only if they are to the same account.",
        |c| &mut c.database.one_account_statements,
    ),
    DATABASE.key(
        "listen",
        "",
        "How this node hears what other nodes changed, so that its IDLE clients do: \"listen\", by LISTEN
on a connection of its own beside those above, within milliseconds; or \"poll\", by looking
every poll_interval at the mailboxes its clients have selected, where LISTEN is not to be had.",
        |c| &mut c.database.listen,
    ),
    DATABASE.key("poll_interval", "", "", |c| &mut c.database.poll_interval),
    DATABASE.key(
        "connect_timeout",
        "",
        "How long to wait for a connection, to be made or to be free.",
        |c| &mut c.database.connect_timeout,
    ),
    DATABASE.key(
        "statement_timeout",
        "",
        "How long one statement may take.",
        |c| &mut c.database.statement_timeout,
    ),
    DATABASE.key(
        "lock_timeout",
        "",
        "How long one may wait for a mailbox that somebody else changes.",
        |c| &mut c.database.lock_timeout,
    ),
    DATABASE.key(
        "log_queries",
        "dblogqueries",
        "true logs every statement, without its values.",
        |c| &mut c.database.log_queries,
    ),
    BODIES.key(
        "home",
        "",
        "Where messages are that do not stay in the database: \"directory\", files in data_dir/bodies, or
\"s3\", a bucket (see [s3]).",
        |c| &mut c.bodies.home,
    ),
    BODIES.key(
        "inline_max",
        "",
        "With home = \"directory\": messages up to this size live in the database itself, and share its
group commits; a file costs several fsyncs of its own.",
        |c| &mut c.bodies.inline_max,
    ),
    BODIES.key(
        "spool_limit",
        "",
        "Room that large messages on their way in may take in data_dir/spool, all together.
Beyond it senders are told to come back later.",
        |c| &mut c.bodies.spool_limit,
    ),
];
