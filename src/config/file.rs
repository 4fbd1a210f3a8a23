//! Reading a file: every key is looked up in the one table, and every mistake is told at once.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Place, Problem, Wrong};
use super::keys::{self, KEYS};
use super::nearest;
use super::unused;
use super::values::Given;
use super::{Config, ConfigError, Database, Engine, Hearing, Home, Listener};

/// The file that is read if none is named.
pub(super) const DEFAULT_FILE: &str = "config.toml";

/// The least time between two runs of the cleaner.
const WAKE_INTERVAL_MIN: Duration = Duration::from_secs(60);

/// A configuration with where each key was set.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) config: Config,
    /// The file, if there was one.
    pub(super) file: Option<PathBuf>,
    /// One for each of [`KEYS`].
    pub(super) places: Vec<Option<Place>>,
    /// Keys without meaning here, as paths.
    pub(super) unused: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

impl Draft {
    fn new(config: Config, file: Option<PathBuf>) -> Self {
        let places = vec![None; KEYS.len()];
        Self { config, file, places, unused: Vec::new(), problems: Vec::new() }
    }

    /// From `named`, or `config.toml`; a missing `config.toml` means the embedded defaults.
    pub(super) fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let file = named.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, file),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::new(Config::embedded(), None))
            }
            Err(source) => Err(ConfigError::Unreadable { file: file.to_owned(), source }),
        }
    }

    /// From the text of a file.
    pub(super) fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let lines = Lines { text, file };
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            file: file.to_owned(),
            line: lines.line(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let mut draft = Self::new(Config::default(), Some(file.to_owned()));
        draft.read_section(&lines, "", table.get_ref());
        draft.problems.sort_by_key(|problem| problem.place.line());
        Ok(draft)
    }

    fn read_section(&mut self, lines: &Lines<'_>, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = keys::join(section, name.get_ref());
            match (keys::find(section, name.get_ref()), value.get_ref()) {
                (Some(index), value) => {
                    self.set(index, given(value), lines.place(section, name));
                }
                (None, DeValue::Table(below)) if keys::is_section(&path) => {
                    self.read_section(lines, &path, below);
                }
                (None, _) if unused::is_unused(section, name.get_ref()) => self.unused.push(path),
                (None, _) if keys::is_section(&path) => {
                    let wrong = Wrong::Clash("is a section; write its name once, as [name]");
                    self.problems.push(Problem { place: lines.place(section, name), wrong });
                }
                (None, DeValue::Table(_) | DeValue::Array(_)) => {
                    let wrong = Wrong::UnknownSection(nearest::nearest_section(&path));
                    let mut place = lines.place(&path, name);
                    if let Place::File { name, .. } = &mut place {
                        name.clear();
                    }
                    self.problems.push(Problem { place, wrong });
                }
                (None, _) => {
                    let wrong = Wrong::UnknownKey(nearest::nearest(section, name.get_ref()));
                    self.problems.push(Problem { place: lines.place(section, name), wrong });
                }
            }
        }
    }

    /// Sets one key, or notes what is wrong with the value.
    pub(super) fn set(&mut self, index: usize, given: Given<'_>, place: Place) {
        let Some(key) = KEYS.get(index) else { return };
        let value = (key.at)(&mut self.config);
        if value.set(given).is_none() {
            let wrong = Wrong::Expected(value.expected());
            self.problems.push(Problem { place: place.clone(), wrong });
        }
        if let Some(slot) = self.places.get_mut(index) {
            *slot = Some(place);
        }
    }

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
        if self.config.cleanup.wake_interval < WAKE_INTERVAL_MIN {
            self.clash("cleanup", "wake_interval", "is too short; \"1m\" is the least");
        }
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
        self.check_bounds();
    }

    fn check_s3(&mut self) {
        let s3 = self.config.s3.clone();
        let second = Duration::from_secs(1);
        let has_key = s3.key().is_some();
        let wrong_key = !has_key && !s3.encryption_key.is_empty();
        let hour = second * 3_600;
        let rules = [
            (wrong_key, "encryption_key", "expected 64 hexadecimal digits"),
            (s3.encrypt && !has_key && !wrong_key, "encrypt", "goes with encryption_key; set both"),
            (s3.timeout < second || s3.timeout > hour, "timeout", "between 1s and 1h"),
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
            ("access_key", s3.access_key.0.is_empty()),
            ("secret_key", s3.secret_key.is_empty()),
        ];
        for (name, _) in needed.into_iter().filter(|(_, missing)| *missing) {
            self.clash("s3", name, "is missing; [bodies] home = \"s3\" needs it");
        }
    }

    fn check_bounds(&mut self) {
        const NUMBER_MAX: u64 = u32::MAX as u64;
        let (imap, lmtp) = (&self.config.servers.imap, &self.config.servers.lmtp);
        let pop3 = &self.config.servers.pop3;
        let managesieve = &self.config.servers.managesieve;
        let minute = Duration::from_secs(60);
        let second = Duration::from_secs(1);
        let month = minute * 60 * 24 * 31;
        let grace = self.config.servers.shutdown_grace;
        let poll = self.config.database.poll_interval;
        let bounds = [
            // RFC 7889 §2: APPENDLIMIT is a number of RFC 9051 §9.
            (imap.append_limit.0 <= NUMBER_MAX, "servers.imap", "append_limit", "at most 4095mb"),
            (
                lmtp.max_message_size.0 <= NUMBER_MAX,
                "servers.lmtp",
                "max_message_size",
                "at most 4095mb",
            ),
            // RFC 9051 §5.4
            (
                imap.idle_timeout >= 30 * minute,
                "servers.imap",
                "idle_timeout",
                "at least 30m (RFC 9051 §5.4)",
            ),
            (imap.idle_timeout <= month, "servers.imap", "idle_timeout", "at most 31d"),
            (imap.login_timeout >= second, "servers.imap", "login_timeout", "at least 1s"),
            (imap.login_timeout <= month, "servers.imap", "login_timeout", "at most 31d"),
            (lmtp.timeout >= second, "servers.lmtp", "timeout", "at least 1s"),
            (lmtp.timeout <= month, "servers.lmtp", "timeout", "at most 31d"),
            (
                pop3.idle_timeout >= 10 * minute,
                "servers.pop3",
                "idle_timeout",
                "at least 10m (RFC 1939 §3)",
            ),
            (pop3.idle_timeout <= month, "servers.pop3", "idle_timeout", "at most 31d"),
            (pop3.login_timeout >= second, "servers.pop3", "login_timeout", "at least 1s"),
            (pop3.login_timeout <= month, "servers.pop3", "login_timeout", "at most 31d"),
            (
                managesieve.idle_timeout >= 30 * minute,
                "servers.managesieve",
                "idle_timeout",
                "at least 30m (RFC 5804 §1.2)",
            ),
            (
                managesieve.idle_timeout <= month,
                "servers.managesieve",
                "idle_timeout",
                "at most 31d",
            ),
            (
                managesieve.login_timeout >= second,
                "servers.managesieve",
                "login_timeout",
                "at least 1s",
            ),
            (
                managesieve.login_timeout <= month,
                "servers.managesieve",
                "login_timeout",
                "at most 31d",
            ),
            (
                managesieve.max_script_size.0 <= 1 << 20,
                "servers.managesieve",
                "max_script_size",
                "at most 1mb",
            ),
            (grace <= month, "servers", "shutdown_grace", "at most 31d"),
            (poll >= second / 10, "database", "poll_interval", "at least 100ms"),
            (poll <= minute, "database", "poll_interval", "at most 1m"),
            (self.config.bodies.inline_max.0 <= 512 << 20, "bodies", "inline_max", "at most 512mb"),
            (self.config.uploader.max_body.0 <= 512 << 20, "uploader", "max_body", "at most 512mb"),
            (self.config.uploader.concurrency <= 256, "uploader", "concurrency", "at most 256"),
            (self.config.uploader.batch_size <= 1_000, "uploader", "batch_size", "at most 1000"),
        ];
        for (_, section, name, advice) in bounds.into_iter().filter(|(right, ..)| !right) {
            self.clash(section, name, advice);
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

impl Place {
    fn line(&self) -> usize {
        match self {
            Self::File { line, .. } => *line,
            Self::Flag(_) => 0,
        }
    }
}

/// The type of a TOML value, as [`Given`] has it.
fn given<'a>(value: &'a DeValue<'_>) -> Given<'a> {
    match value {
        DeValue::String(text) => Given::Text(text),
        DeValue::Boolean(value) => Given::Boolean(*value),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Given::Other, Given::Integer),
        _ => Given::Other,
    }
}

/// Finds lines in a file.
struct Lines<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Lines<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    fn place<T: AsRef<str>>(&self, section: &str, name: &Spanned<T>) -> Place {
        Place::File {
            file: self.file.to_owned(),
            line: self.line(name.span().start),
            section: section.to_owned(),
            name: name.get_ref().as_ref().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every problem of a file with this text, or its warnings.
    #[track_caller]
    fn check(text: &str, want: &str) {
        let draft = Draft::parse(text, Path::new("config.toml"));
        let got = match draft.and_then(Draft::finish) {
            Ok((_, warnings)) => warnings.join("\n"),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, want);
    }

    #[test] // pitfall 135
    fn unknown_keys_say_what_was_meant() {
        check("data_dirr = 'x'", "config.toml:1: data_dirr: no such key; did you mean data_dir?");
        check(
            "\n\n[servers.imap]\nstart = true\napend_limit = 5\n",
            "config.toml:5: [servers.imap] apend_limit: no such key; did you mean append_limit?",
        );
        check(
            "append_limit = 5",
            "config.toml:1: append_limit: no such key; did you mean append_limit in [servers.imap]?",
        );
        check(
            "[servers.imap]\ndata_dir = 'x'",
            "config.toml:2: [servers.imap] data_dir: no such key; \
             did you mean data_dir above the first [section]?",
        );
        check("xyzzy = 1", "config.toml:1: xyzzy: no such key; config.toml.example has them all");
    }

    #[test]
    fn unknown_sections_say_what_was_meant() {
        let wrong = "no such section; did you mean [servers.imap]?";
        check(
            "[server.imap]\naddr=':1'",
            "config.toml:1: [server]: no such section; did you mean [servers]?",
        );
        check("[servers.imaps]\nstart=true", &format!("config.toml:1: [servers.imaps]: {wrong}"));
        check(
            "[[server]]\ntype='imap'",
            "config.toml:1: [server]: no such section; did you mean [servers]?",
        );
        check(
            "[plugh]\n",
            "config.toml:1: [plugh]: no such section; config.toml.example has them all",
        );
    }

    #[test]
    fn wrong_values_say_what_to_write() {
        check(
            "data_dir = 5\n[servers]\ndebug = 'yes'\n",
            "config.toml:1: data_dir: expected a path such as \"/var/lib/sora\"\n\
             config.toml:3: [servers] debug: expected true or false",
        );
        check(
            "[servers.imap]\nappend_limit = '25 apples'",
            "config.toml:2: [servers.imap] append_limit: \
             expected a size such as \"25mb\", \"16kb\" or a number of bytes",
        );
        check(
            "[database]\nengine = 'mysql'",
            "config.toml:2: [database] engine: expected \"sqlite\" or \"postgres\"",
        );
        check(
            "servers = 5",
            "config.toml:1: servers: is a section; write its name once, as [name]",
        );
        check(
            "[[servers]]\nstart = true",
            "config.toml:1: servers: is a section; write its name once, as [name]",
        );
        check(
            "[[servers.imap]]\nstart = true",
            "config.toml:1: [servers] imap: is a section; write its name once, as [name]",
        );
    }

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
            "config.toml:2: [servers.imap] idle_timeout: at least 30m (RFC 9051 §5.4)",
        );
        check(
            "[servers.lmtp]\nmax_message_size = '4gb'",
            "config.toml:2: [servers.lmtp] max_message_size: at most 4095mb",
        );
        check(
            "[database]\nengine = 'postgres'\npgbouncer = true\npoll_interval = '99ms'",
            "config.toml:3: [database] pgbouncer: goes with listen = \"poll\": \
             a transaction pool drops LISTEN; set both\n\
             config.toml:4: [database] poll_interval: at least 100ms",
        );
    }

    #[test]
    fn syntax_errors_have_their_line() {
        check(
            "a = 1\nb = \n",
            "config.toml:2: not valid TOML: string values must be quoted, expected literal string",
        );
        check("log_output = 'a'\nlog_output = 'b'", "config.toml:2: not valid TOML: duplicate key");
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
    fn every_key_of_the_original_is_taken() {
        let text = r#"
log_output = "stderr"
[database]
host="localhost"
port="5432"
user="postgres"
password=""
name="sora_mail_db"
tls=false
log_queries=false
[s3]
endpoint="e"
access_key="a"
secret_key="s"
bucket="b"
trace=false
encrypt=false
encryption_key=""
disable_tls=false
[local_cache]
path="/tmp/sora/cache"
capacity="1gb"
max_object_size="5mb"
[uploader]
path="/tmp/sora/uploads"
batch_size=20
concurrency=10
max_attempts=5
retry_interval="30s"
[cleanup]
grace_period="14d"
wake_interval="1h"
max_age_restriction=""
[servers]
debug=false
[servers.imap]
start=true
addr=":143"
append_limit="25mb"
master_username=""
master_password=""
master_sasl_username=""
master_sasl_password=""
tls=false
tls_cert_file=""
tls_key_file=""
tls_verify=true
[servers.lmtp]
start=true
addr=":24"
external_relay=""
tls=false
tls_use_starttls=false
tls_cert_file=""
tls_key_file=""
tls_verify=true
[servers.pop3]
start=true
addr=":110"
tls=false
tls_cert_file=""
tls_key_file=""
tls_verify=true
[servers.managesieve]
start=true
addr=":4190"
insecure_auth=false
max_script_size="16kb"
tls=false
tls_use_starttls=false
tls_cert_file=""
tls_key_file=""
tls_verify=true
"#;
        let draft = Draft::parse(text, Path::new("config.toml")).expect("TOML");
        let (mut config, warnings) = draft.finish().expect("all keys are known");
        assert_eq!(warnings.len(), 2); // and [s3] without home = "s3"
        let s3 = &config.s3;
        assert_eq!((s3.endpoint.0.as_str(), s3.bucket.0.as_str()), ("e", "b"));
        config.s3 = crate::config::S3::default();
        assert_eq!(config.local_cache.path.take(), Some("/tmp/sora/cache".into()));
        let uploader = &mut config.uploader;
        (uploader.batch_size, uploader.concurrency) = (100, 32); // docs/storage.md has the measurement
        config.servers.imap.listener.start = false;
        config.servers.lmtp.listener.start = false;
        config.servers.pop3.listener.start = false;
        config.servers.managesieve.listener.start = false;
        assert_eq!(config, Config::default()); // the original's defaults are ours
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
