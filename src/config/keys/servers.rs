//! Who is served, how many, and where: `[servers]` and a section for each protocol.

use super::{Key, Section};

const SERVERS: Section = Section("servers");
const IMAP: Section = Section("servers.imap");
const LMTP: Section = Section("servers.lmtp");
const POP3: Section = Section("servers.pop3");
const MANAGESIEVE: Section = Section("servers.managesieve");

const ADDR: &str =
    "host:port, [v6]:port, :port (every address) or unix:PATH. STARTTLS is offered here.
\"\" turns it off.";
const CERT: &str =
    "PEM files; SIGHUP reads them again. Without them Sora makes itself a certificate
in data_dir, which clients will ask about.";
const PROXY: &str =
    "Balancers that say for whom they connect, by the PROXY protocol (v1 or v2), and are believed:
addresses, networks, or unix for Unix sockets. From them nothing else is taken; from others, no
such header.";

/// What every protocol has, of which `$name` is the section and what its flags begin with.
macro_rules! listener {
    ($section:ident, $name:ident, $addr:expr) => {
        [
            $section.key(
                "start",
                stringify!($name),
                "Only servers with start = true listen.",
                |c| &mut c.servers.$name.listener.start,
            ),
            $section.key("addr", concat!(stringify!($name), "addr"), $addr, |c| {
                &mut c.servers.$name.listener.addr
            }),
            $section.key("tls_addr", "", "The same with implicit TLS from the first byte.", |c| {
                &mut c.servers.$name.listener.tls_addr
            }),
            $section.key(
                "tls",
                concat!(stringify!($name), "tls"),
                "true makes addr implicit TLS.",
                |c| &mut c.servers.$name.listener.tls,
            ),
            $section.key("tls_cert_file", concat!(stringify!($name), "tlscert"), CERT, |c| {
                &mut c.servers.$name.listener.tls_cert_file
            }),
            $section.key("tls_key_file", concat!(stringify!($name), "tlskey"), "", |c| {
                &mut c.servers.$name.listener.tls_key_file
            }),
            $section.key("proxy_protocol_from", "", PROXY, |c| {
                &mut c.servers.$name.listener.proxy_protocol_from
            }),
        ]
    };
}

/// The exception of a protocol that had STARTTLS first.
macro_rules! starttls {
    ($section:ident, $name:ident) => {
        $section.key(
            "tls_use_starttls",
            concat!(stringify!($name), "starttls"),
            "With tls = true: STARTTLS on addr, after all.",
            |c| &mut c.servers.$name.listener.tls_use_starttls,
        )
    };
}

/// What every protocol has that people log in to; `$idle` is what its RFC wants.
macro_rules! people {
    ($section:ident, $name:ident, $insecure_flag:literal, $insecure:expr, $idle:literal) => {
        [
            $section.key("insecure_auth", $insecure_flag, $insecure, |c| {
                &mut c.servers.$name.insecure_auth
            }),
            $section.key(
                "idle_timeout",
                "",
                concat!("Silence after which a logged-in client is sent away. ", $idle),
                |c| &mut c.servers.$name.idle_timeout,
            ),
            $section.key(
                "login_timeout",
                "",
                "Silence after which a client that has not logged in is sent away.",
                |c| &mut c.servers.$name.login_timeout,
            ),
        ]
    };
}

pub(super) const KEYS: &[&[Key]] = &[
    &[
        SERVERS.key("debug", "debug", "Log what every connection does.", |c| &mut c.servers.debug),
        SERVERS.key(
            "max_connections",
            "",
            "Connections in total. An idle one costs a few kilobytes; what the system allows in open
files is raised to fit, or said in the log.",
            |c| &mut c.servers.max_connections,
        ),
        SERVERS.key(
            "max_connections_per_address",
            "",
            "Connections from one address. Loopback is exempt: a proxy or webmail lives there.",
            |c| &mut c.servers.max_connections_per_address,
        ),
        SERVERS.key(
            "max_connections_per_account",
            "",
            "Logged-in connections of one account. A mail program uses about five on each device.",
            |c| &mut c.servers.max_connections_per_account,
        ),
        SERVERS.key(
            "shutdown_grace",
            "",
            "How long SIGTERM waits for what is under way before connections are cut.",
            |c| &mut c.servers.shutdown_grace,
        ),
    ],
    &listener!(IMAP, imap, ADDR),
    &[IMAP.key(
        "append_limit",
        "",
        "The largest message a client may append, announced as APPENDLIMIT.",
        |c| &mut c.servers.imap.append_limit,
    )],
    &[
        IMAP.key(
            "comment",
            "",
            "What clients and Sieve scripts that ask are told of this server, as its annotation
/shared/comment, and how to reach you, as /shared/admin: a URI such as
mailto:postmaster@example.org.",
            |c| &mut c.servers.imap.comment,
        ),
        IMAP.key("admin", "", "", |c| &mut c.servers.imap.admin),
    ],
    &people!(
        IMAP,
        imap,
        "",
        "true takes passwords without TLS from anywhere. Anybody on the way can read them; from
loopback and Unix sockets they are taken in any case.",
        "RFC 9051 wants at least 30m."
    ),
    &listener!(
        LMTP,
        lmtp,
        "As for IMAP. Whoever can connect here can deliver to anybody: keep it from strangers."
    ),
    &[
        starttls!(LMTP, lmtp),
        LMTP.key(
            "max_message_size",
            "",
            "The largest message that is taken, announced as SIZE; larger ones are refused for good.",
            |c| &mut c.servers.lmtp.max_message_size,
        ),
        LMTP.key(
            "timeout",
            "",
            "Silence after which a peer is sent away. RFC 5321 wants at least 5m.",
            |c| &mut c.servers.lmtp.timeout,
        ),
        LMTP.key(
            "external_relay",
            "externalrelay",
            "Another name for [relay] host, which is used if that is empty.",
            |c| &mut c.servers.lmtp.external_relay,
        ),
        LMTP.key(
            "xclient_from",
            "",
            "Proxies that may say by XCLIENT or XFORWARD whose mail they bring: addresses, networks, or
unix.",
            |c| &mut c.servers.lmtp.xclient_from,
        ),
    ],
    &listener!(POP3, pop3, "As for IMAP."),
    &[POP3.key(
        "exclusive",
        "",
        "true lets one session at a time have an account's mail; another is told [IN-USE]. Without it
each session sees the mail as it was when it logged in, whatever others do.",
        |c| &mut c.servers.pop3.exclusive,
    )],
    &people!(POP3, pop3, "", "As for IMAP.", "RFC 1939 wants at least 10m."),
    &listener!(MANAGESIEVE, managesieve, "As for IMAP."),
    &[
        starttls!(MANAGESIEVE, managesieve),
        MANAGESIEVE.key(
            "max_script_size",
            "managesievescriptsize",
            "The largest script that can be stored; at most \"1mb\".",
            |c| &mut c.servers.managesieve.max_script_size,
        ),
        MANAGESIEVE.key("max_scripts", "", "Scripts of one account.", |c| {
            &mut c.servers.managesieve.max_scripts
        }),
    ],
    &people!(
        MANAGESIEVE,
        managesieve,
        "managesieveinsecureauth",
        "As for IMAP.",
        "RFC 5804 wants at least 30m."
    ),
];
