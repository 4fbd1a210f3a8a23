//! What no single key can know: which keys go together, what is missing, and the bounds that protocols
//! set.

use std::time::Duration;

use super::error::{Place, Problem, Wrong};
use super::file::{DEFAULT_FILE, Draft};
use super::keys;
use super::{Config, ConfigError, Database, Engine, Hearing, Home, Listener};
use crate::limits::SIEVE_REGEX_BYTES_MAX;

impl Draft {
    /// The configuration and what to log about it, if nothing is wrong.
    pub(super) fn finish(mut self) -> Result<(Config, Vec<String>), ConfigError> {
        self.check();
        if !self.problems.is_empty() {
            return Err(ConfigError::Settings(self.problems));
        }
        let mut warnings = self.unused_warning();
        let database = &self.config.database;
        if database.engine == Engine::Sqlite && database.host != Database::default().host {
            let text =
                "[database] host has no effect: write engine = \"postgres\" to store mail there";
            warnings.push(text.to_owned());
        }
        if self.config.bodies.home != Home::S3 && !self.config.s3.endpoint.0.is_empty() {
            let text =
                "[s3] has no effect: write home = \"s3\" in [bodies] to store messages there";
            warnings.push(text.to_owned());
        }
        Ok((self.config, warnings))
    }

    /// One warning for all keys without meaning here.
    fn unused_warning(&self) -> Vec<String> {
        if self.unused.is_empty() {
            return Vec::new();
        }
        vec![format!("these settings have no effect in this version: {}", self.unused.join(", "))]
    }

    /// Each listener with its section.
    fn listeners(&self) -> Vec<(String, Listener)> {
        let named = self.config.listeners().into_iter();
        named.map(|(name, listener)| (format!("servers.{name}"), listener.clone())).collect()
    }

    /// What no single key can know.
    fn check(&mut self) {
        let Database { engine, pgbouncer, listen, .. } = self.config.database;
        if engine == Engine::Postgres && pgbouncer && listen != Hearing::Poll {
            let advice = "goes with listen = \"poll\": a transaction pool drops LISTEN; set both";
            self.clash("database", "pgbouncer", advice);
        }
        self.check_s3();
        for (_, name, advice) in self.config.relay_rules().into_iter().filter(|rule| rule.0) {
            self.clash("relay", name, advice);
        }
        for (section, listener) in self.listeners() {
            let section = &section;
            if listener.start && listener.addr.is_none() && listener.tls_addr.is_none() {
                self.clash(section, "start", "nowhere to listen; set addr or tls_addr too");
            }
            if listener.tls_cert_file.is_some() && listener.tls_key_file.is_none() {
                self.clash(section, "tls_cert_file", "goes with tls_key_file; set both or none");
            }
            if listener.tls_key_file.is_some() && listener.tls_cert_file.is_none() {
                self.clash(section, "tls_key_file", "goes with tls_cert_file; set both or none");
            }
        }
        if !is_uri(&self.config.servers.imap.admin.0) {
            let advice = "expected a URI such as \"mailto:postmaster@example.org\", or \"\"";
            self.clash("servers.imap", "admin", advice); // RFC 5464 §6.2.2
        }
        self.check_statuses();
        self.check_bounds();
    }

    /// The fields of RFC 5235.
    fn check_statuses(&mut self) {
        let sieve = self.config.sieve.clone();
        let spam = ("spam_header", "spam_texts", 10, sieve.spam);
        let virus = ("virus_header", "virus_texts", 5, sieve.virus);
        for (header, texts, most, status) in [spam, virus] {
            let is_letter = |byte: u8| byte.is_ascii_graphic() && byte != b':';
            let reads = |pattern: Option<&str>| {
                let mut pattern = regex::bytes::RegexBuilder::new(pattern.unwrap_or_default());
                pattern.size_limit(SIEVE_REGEX_BYTES_MAX).build().is_ok()
            };
            let right = status.parts().map_or(status.header.0.is_empty(), |(name, pattern)| {
                name.bytes().all(is_letter) && reads(pattern)
            });
            if !right {
                let advice = "expected a field's name such as \"X-Spam-Score\", or NAME: PATTERN";
                self.clash("sieve", header, advice);
            }
            let words = status.words();
            if !words.is_some_and(|words| words.iter().all(|(_, number)| *number <= most)) {
                self.clash("sieve", texts, "expected words with numbers such as \"No=1, Yes=5\"");
            }
        }
    }

    fn check_s3(&mut self) {
        let s3 = self.config.s3.clone();
        let has_key = s3.key().is_some();
        let wrong_key = !has_key && !s3.encryption_key.is_empty();
        let rules = [
            (wrong_key, "encryption_key", "expected 64 hexadecimal digits"),
            (s3.encrypt && !has_key && !wrong_key, "encrypt", "goes with encryption_key; set both"),
        ];
        for (_, name, advice) in rules.into_iter().filter(|(wrong, ..)| *wrong) {
            self.clash("s3", name, advice);
        }
        if self.config.bodies.home != Home::S3 {
            return;
        }
        let needed = [
            ("endpoint", s3.endpoint.0.is_empty()),
            ("bucket", s3.bucket.0.is_empty()),
            ("region", s3.region.0.is_empty()),
            ("access_key", s3.access_key.0.is_empty() && s3.credentials_file.is_none()),
            ("secret_key", s3.secret_key.is_empty() && s3.credentials_file.is_none()),
        ];
        for (name, _) in needed.into_iter().filter(|(_, missing)| *missing) {
            self.clash("s3", name, "is missing; [bodies] home = \"s3\" needs it");
        }
    }

    fn check_bounds(&mut self) {
        for (section, name, value, least, most, advice) in durations(&self.config) {
            if !(least..=most).contains(&value) {
                self.clash(section, name, advice);
            }
        }
        for (section, name, value, most, advice) in amounts(&self.config) {
            if value > most {
                self.clash(section, name, advice);
            }
        }
    }

    /// What only the daemon needs: whoever runs `sora-admin` may not read the key.
    pub(super) fn check_files(&mut self) {
        if let Some(Err(error)) = self.config.relay.ca_file.as_ref().map(std::fs::File::open) {
            self.refuse("relay", "ca_file", Wrong::Unreadable(error.kind()));
        }
        for (section, listener) in self.listeners().into_iter().filter(|(_, l)| l.start) {
            let named = [
                ("tls_cert_file", listener.tls_cert_file),
                ("tls_key_file", listener.tls_key_file),
            ];
            for (name, path) in named {
                if let Some(Err(error)) = path.map(std::fs::File::open) {
                    self.refuse(&section, name, Wrong::Unreadable(error.kind()));
                }
            }
        }
    }

    fn clash(&mut self, section: &str, name: &str, advice: &'static str) {
        self.refuse(section, name, Wrong::Clash(advice));
    }

    fn refuse(&mut self, section: &str, name: &str, wrong: Wrong) {
        let place = keys::find(section, name).and_then(|index| self.places.get(index)?.clone());
        let place = place.unwrap_or_else(|| Place::File {
            file: self.file.clone().unwrap_or_else(|| DEFAULT_FILE.into()),
            line: 1,
            section: section.to_owned(),
            name: name.to_owned(),
        });
        self.problems.push(Problem { place, wrong });
    }
}

/// As far as one can tell: a scheme and something behind it (RFC 3986 §3), or nothing at all.
fn is_uri(text: &str) -> bool {
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.is_empty()
        || text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(in_scheme)
                && !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_graphic())
        })
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(31 * 86_400);

/// A key, what it is set to, the least and the most that it may be, and how to say so.
type Bound = (&'static str, &'static str, Duration, Duration, Duration, &'static str);

fn durations(config: &Config) -> [Bound; 13] {
    let Config { servers, s3, cleanup, database, .. } = config;
    let (imap, lmtp, pop3) = (&servers.imap, &servers.lmtp, &servers.pop3);
    let sieve = &servers.managesieve;
    let (imap_least, pop3_least, sieve_least) = (30 * MINUTE, 10 * MINUTE, 30 * MINUTE);
    let login = "between 1s and 31d";
    let imap_idle = "between 30m (RFC 9051 §5.4) and 31d";
    let pop3_idle = "between 10m (RFC 1939 §3) and 31d";
    let sieve_idle = "between 30m (RFC 5804 §1.2) and 31d";
    [
        ("servers.imap", "idle_timeout", imap.idle_timeout, imap_least, MONTH, imap_idle),
        ("servers.imap", "login_timeout", imap.login_timeout, SECOND, MONTH, login),
        ("servers.lmtp", "timeout", lmtp.timeout, SECOND, MONTH, login),
        ("servers.pop3", "idle_timeout", pop3.idle_timeout, pop3_least, MONTH, pop3_idle),
        ("servers.pop3", "login_timeout", pop3.login_timeout, SECOND, MONTH, login),
        ("servers.managesieve", "idle_timeout", sieve.idle_timeout, sieve_least, MONTH, sieve_idle),
        ("servers.managesieve", "login_timeout", sieve.login_timeout, SECOND, MONTH, login),
        ("servers", "shutdown_grace", servers.shutdown_grace, Duration::ZERO, MONTH, "at most 31d"),
        (
            "database",
            "poll_interval",
            database.poll_interval,
            SECOND / 10,
            MINUTE,
            "between 100ms and 1m",
        ),
        (
            "database",
            "connect_timeout",
            database.connect_timeout,
            SECOND / 10,
            HOUR,
            "between 100ms and 1h",
        ),
        // PostgreSQL counts milliseconds, and takes 0 for no limit.
        (
            "database",
            "lock_timeout",
            database.lock_timeout,
            SECOND / 10,
            HOUR,
            "between 100ms and 1h",
        ),
        ("s3", "timeout", s3.timeout, SECOND, HOUR, "between 1s and 1h"),
        (
            "cleanup",
            "wake_interval",
            cleanup.wake_interval,
            MINUTE,
            Duration::MAX,
            "is too short; \"1m\" is the least",
        ),
    ]
}

/// A key, what it is set to, the most that it may be, and how to say so.
type Most = (&'static str, &'static str, u64, u64, &'static str);

fn amounts(config: &Config) -> [Most; 7] {
    /// RFC 7889 §2: APPENDLIMIT is a number of RFC 9051 §9.
    const NUMBER: u64 = u32::MAX as u64;
    let Config { servers, bodies, uploader, .. } = config;
    let (append, message) = (servers.imap.append_limit, servers.lmtp.max_message_size);
    let script = servers.managesieve.max_script_size;
    [
        ("servers.imap", "append_limit", append.0, NUMBER, "at most 4095mb"),
        ("servers.lmtp", "max_message_size", message.0, NUMBER, "at most 4095mb"),
        ("servers.managesieve", "max_script_size", script.0, 1 << 20, "at most 1mb"),
        ("bodies", "inline_max", bodies.inline_max.0, 512 << 20, "at most 512mb"),
        ("uploader", "max_body", uploader.max_body.0, 512 << 20, "at most 512mb"),
        ("uploader", "concurrency", uploader.concurrency.into(), 256, "at most 256"),
        ("uploader", "batch_size", uploader.batch_size.into(), 1_000, "at most 1000"),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::file::tests::check;
    use super::*;

    #[test]
    fn keys_that_clash_say_what_to_do() {
        check(
            "[servers.imap]\nstart = true\naddr = ''",
            "config.toml:2: [servers.imap] start: nowhere to listen; set addr or tls_addr too",
        );
        check(
            "[servers.lmtp]\ntls_cert_file = 'c'",
            "config.toml:2: [servers.lmtp] tls_cert_file: goes with tls_key_file; set both or none",
        );
        check(
            "[servers.imap]\nidle_timeout = '29m'",
            "config.toml:2: [servers.imap] idle_timeout: between 30m (RFC 9051 §5.4) and 31d",
        );
        check(
            "[servers.lmtp]\nmax_message_size = '4gb'",
            "config.toml:2: [servers.lmtp] max_message_size: at most 4095mb",
        );
        let header = "expected a field's name such as \"X-Spam-Score\", or NAME: PATTERN";
        let texts = "expected words with numbers such as \"No=1, Yes=5\"";
        for (key, given, wrong) in [
            ("spam_header", "X Score", header),
            ("spam_header", ": x", header),
            ("virus_header", "X-Virus: (", header),
            ("virus_texts", "No=1, Yes=6", texts),
            ("spam_texts", "No=1, Yes", texts),
        ] {
            let want = format!("config.toml:2: [sieve] {key}: {wrong}");
            check(&format!("[sieve]\n{key} = '{given}'"), &want);
        }
        for (admin, right) in [
            ("mailto:a@example.org", true),
            ("tel:+49-1234", true),
            ("postmaster@example.org", false),
            ("mailto:", false),
            (":x", false),
            ("see https://example.org/", false),
        ] {
            let wrong = "config.toml:2: [servers.imap] admin: expected a URI such as \
                         \"mailto:postmaster@example.org\", or \"\"";
            let want = if right { "" } else { wrong };
            check(&format!("[servers.imap]\nadmin = '{admin}'"), want);
        }
        check(
            "[database]\nengine = 'postgres'\npgbouncer = true\npoll_interval = '99ms'",
            "config.toml:3: [database] pgbouncer: goes with listen = \"poll\": \
             a transaction pool drops LISTEN; set both\n\
             config.toml:4: [database] poll_interval: between 100ms and 1m",
        );
        check(
            "[database]\nconnect_timeout = '0s'\nlock_timeout = '5ms'",
            "config.toml:2: [database] connect_timeout: between 100ms and 1h\n\
             config.toml:3: [database] lock_timeout: between 100ms and 1h",
        );
    }

    #[test]
    fn keys_of_other_versions_get_one_warning() {
        check(
            "[servers.managesieve]\ntls_verify=true\n[uploader]\npath='/x'",
            "these settings have no effect in this version: \
             servers.managesieve.tls_verify, uploader.path",
        );
        check(
            "[database]\nhost='db'",
            "[database] host has no effect: write engine = \"postgres\" to store mail there",
        );
    }

    #[test] // pitfall 51
    fn s3_says_what_is_missing() {
        let missing = |names: &[&str]| {
            let lines = names.iter().map(|name| {
                format!("config.toml:1: [s3] {name}: is missing; [bodies] home = \"s3\" needs it")
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        check(
            "[bodies]\nhome = 's3'",
            &missing(&["endpoint", "bucket", "access_key", "secret_key"]),
        );
        let rest = "endpoint = 'e'\nbucket = 'b'\naccess_key = 'a'\nsecret_key = 's'";
        check(&format!("[bodies]\nhome = 's3'\n[s3]\n{rest}"), "");
        let rest = "endpoint = 'e'\nbucket = 'b'\ncredentials_file = 'f'";
        check(&format!("[bodies]\nhome = 's3'\n[s3]\n{rest}"), "");
        check(
            "[s3]\nencryption_key = 'abc'",
            "config.toml:2: [s3] encryption_key: expected 64 hexadecimal digits",
        );
        check(
            "[s3]\nencrypt = true",
            "config.toml:2: [s3] encrypt: goes with encryption_key; set both",
        );
        let right = "0123456789abcdefABCDEF".repeat(3);
        check(&format!("[s3]\nencrypt = true\nencryption_key = '{}'", &right[..64]), "");
        check(
            "[s3]\nendpoint = 'e'",
            "[s3] has no effect: write home = \"s3\" in [bodies] to store messages there",
        );
    }

    #[test]
    fn half_a_relay_is_told() {
        let wrong = |text: &str, line: usize, key: &str, advice: &str| {
            let want = format!("config.toml:{line}: [relay] {key}: {advice}");
            check(&format!("[relay]\n{text}"), &want);
        };
        wrong("user='a'\nhost='mx:25'", 2, "user", "goes with password; set both or none");
        wrong("host='mx:25'\npassword='a'", 3, "password", "goes with user; set both or none");
        wrong("protocol='lmtp'", 1, "host", "is missing; the rest of [relay] needs it");
        wrong("tls='implicit'", 1, "host", "is missing; the rest of [relay] needs it");
        let expected = "expected a host and its port such as \"smtp.example.com:587\" or \
                        \"[::1]:25\", \"unix:/run/relay\", or \"\" for none";
        for host in ["':25'", "'mx'", "25", "'mx:0'"] {
            wrong(&format!("host={host}"), 2, "host", expected);
        }
        let srs = "srs_domain = 'x.org'\nsrs_secret = '0123456789abcdef'";
        wrong(srs, 1, "host", "is missing; the rest of [relay] needs it");
        let short = format!("host = 'mx:25'\n{}", &srs[..srs.len() - 2]);
        let advice = "at least 16 characters; `openssl rand -hex 16` makes some";
        wrong(&format!("{short}'"), 4, "srs_secret", advice);
        let alone = "host = 'mx:25'\nsrs_secret = '0123456789abcdef'";
        wrong(alone, 3, "srs_secret", "goes with srs_domain; set both or none");
        check(&format!("[relay]\nhost = 'mx:25'\n{srs}"), "");
        check("[relay]\nprotocol = 'sendmail'", "");
        check("[relay]\nhost = 'unix:/run/x'\nprotocol = 'lmtp'", "");
    }

    #[test]
    fn the_originals_relay_is_used_where_there_is_no_other() {
        let relay = |text: &str| {
            let draft = Draft::parse(text, Path::new("x")).expect("TOML");
            let (config, _) = draft.finish().expect("right");
            (config.relay_host().map(ToString::to_string), config.has_relay())
        };
        let old = "[servers.lmtp]\nexternal_relay = '[::1]:25'\n";
        assert_eq!(relay(""), (None, false));
        assert_eq!(relay(old), (Some("[::1]:25".into()), true));
        assert_eq!(relay(&format!("{old}[relay]\nhost='mx:587'")), (Some("mx:587".into()), true));
    }

    #[test]
    fn tls_on_addr_is_implicit_unless_starttls_is_asked_for() {
        let sockets = |text: &str| {
            let text = format!("[servers.lmtp]\nstart = true\n{text}");
            let draft = Draft::parse(&text, Path::new("x")).expect("TOML");
            let (config, _) = draft.finish().expect("right");
            let sockets = config.servers.lmtp.listener.sockets();
            sockets.map(|(at, tls)| format!("{at} {tls}")).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(sockets(""), ":24 false");
        assert_eq!(sockets("tls = true"), ":24 true");
        assert_eq!(sockets("tls = true\ntls_use_starttls = true"), ":24 false");
        assert_eq!(sockets("tls_addr = ':25'"), ":24 false, :25 true");
    }
}
