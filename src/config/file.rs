//! Reading a file: every key is looked up in the one table, and every mistake is told at once.

use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Place, Problem, Wrong};
use super::keys::{self, KEYS};
use super::nearest;
use super::unused;
use super::values::Given;
use super::{Config, ConfigError};

/// The file that is read if none is named.
pub(super) const DEFAULT_FILE: &str = "config.toml";

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
pub(super) mod tests {
    use super::*;

    /// Every problem of a file with this text, or its warnings.
    #[track_caller]
    pub(in crate::config) fn check(text: &str, want: &str) {
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
    fn syntax_errors_have_their_line() {
        check(
            "a = 1\nb = \n",
            "config.toml:2: not valid TOML: string values must be quoted, expected literal string",
        );
        check("log_output = 'a'\nlog_output = 'b'", "config.toml:2: not valid TOML: duplicate key");
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
}
