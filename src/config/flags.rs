//! The daemon's command line, as Go takes it: `-x v`, `-x=v`, `--x v`, `--x=v`, `-switch`,
//! `-switch=false`; `--` ends it.

use std::path::Path;

use super::error::{Place, Problem, Wrong};
use super::file::Draft;
use super::keys::{self, KEYS};
use super::nearest;
use super::unused;
use super::values::Given;
use super::{Config, ConfigError, show};

/// What the command line asks for.
#[derive(Debug)]
pub enum Start {
    /// Run the server.
    Serve {
        /// With this.
        config: Box<Config>,
        /// To be logged once the log is open.
        warnings: Vec<String>,
    },
    /// Print this and exit with 0: `-help`, `-version`, `-example`.
    Show(String),
    /// `-check`: print this, and try what the configuration names.
    Check {
        /// The settings in effect.
        shown: String,
        /// The same.
        config: Box<Config>,
    },
}

/// One flag, split.
struct Flag<'a> {
    /// As written, without dashes and value.
    name: &'a str,
    /// What stood behind `=`.
    value: Option<&'a str>,
}

impl Config {
    /// From the daemon's arguments, without the program's name.
    pub fn from_args(args: &[String]) -> Result<Start, ConfigError> {
        let asked = Asked::parse(args)?;
        if let Some(text) = asked.show {
            return Ok(Start::Show(text));
        }
        let mut draft = Draft::load(asked.file.map(Path::new))?;
        for (index, flag, value) in asked.settings {
            draft.set(index, Given::Flag(value), Place::Flag(flag));
        }
        draft.unused.extend(asked.unused);
        draft.check_files();
        let starts = draft.config.listeners().iter().any(|(_, listener)| listener.start);
        let nothing = ConfigError::NothingToStart { file: draft.file.clone() };
        if asked.check {
            let config = Box::new(draft.config.clone());
            let shown = draft.show()?;
            return if starts { Ok(Start::Check { shown, config }) } else { Err(nothing) };
        }
        let (config, warnings) = draft.finish()?;
        if !starts {
            return Err(nothing);
        }
        Ok(Start::Serve { config: Box::new(config), warnings })
    }

    /// As the daemon finds it without flags: `named`, or `config.toml`, or the embedded default.
    pub fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        Self::find_with(named, &[])
    }

    /// The same, with some of the daemon's flags.
    pub fn find_with(named: Option<&Path>, flags: &[String]) -> Result<Self, ConfigError> {
        let asked = Asked::parse(flags)?;
        let mut draft = Draft::load(named)?;
        for (index, flag, value) in asked.settings {
            draft.set(index, Given::Flag(value), Place::Flag(flag));
        }
        Ok(draft.finish()?.0)
    }
}

/// The arguments, understood.
#[derive(Default)]
struct Asked<'a> {
    file: Option<&'a str>,
    check: bool,
    show: Option<String>,
    /// Index in [`KEYS`], the flag as written, the value.
    settings: Vec<(usize, String, &'a str)>,
    unused: Vec<String>,
}

impl<'a> Asked<'a> {
    fn parse(args: &'a [String]) -> Result<Self, ConfigError> {
        let (mut asked, mut problems) = (Self::default(), Vec::new());
        let mut rest = args.iter().map(String::as_str);
        while let Some(arg) = rest.next().filter(|arg| *arg != "--") {
            if let Err(wrong) = asked.take(arg, &mut rest) {
                let name = arg.split_once('=').map_or(arg, |(name, _)| name);
                problems.push(Problem { place: Place::Flag(name.to_owned()), wrong });
            }
        }
        if problems.is_empty() { Ok(asked) } else { Err(ConfigError::Settings(problems)) }
    }

    fn take(
        &mut self,
        arg: &'a str,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), Wrong> {
        let Some(flag) = split(arg) else {
            return Err(Wrong::Clash("not a flag; a value goes right behind its flag"));
        };
        match flag.name {
            "h" | "help" => self.show = Some(help()),
            "version" => self.show = Some(format!("sora {}\n", env!("CARGO_PKG_VERSION"))),
            "example" => self.show = Some(show::example()),
            "check" => self.check = switch(&flag)? == "true",
            "config" => self.file = Some(value(&flag, rest)?),
            "set" => {
                let (path, value) = value(&flag, rest)?
                    .split_once('=')
                    .ok_or(Wrong::Expected("a key and its value, such as servers.debug=true"))?;
                self.push(by_path(path.trim())?, arg, value.trim());
            }
            // These choose PostgreSQL and S3. Going on without would write to the wrong place.
            "dbhost" => {
                self.push(by_path("database.engine")?, arg, "postgres");
                self.take_setting(flag.name, &flag, arg, rest)?;
            }
            "s3endpoint" => {
                self.push(by_path("bodies.home")?, arg, "s3");
                self.take_setting(flag.name, &flag, arg, rest)?;
            }
            name => self.take_setting(name, &flag, arg, rest)?,
        }
        Ok(())
    }

    fn take_setting(
        &mut self,
        name: &str,
        flag: &Flag<'a>,
        arg: &str,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), Wrong> {
        if let Some(index) = KEYS.iter().position(|key| !key.flag.is_empty() && key.flag == name) {
            let is_switch = KEYS.get(index).is_some_and(is_switch);
            let value = if is_switch { switch(flag)? } else { value(flag, rest)? };
            self.push(index, arg, value);
            return Ok(());
        }
        let (path, is_switch) = unused::unused_flag(name)
            .ok_or_else(|| Wrong::UnknownFlag(nearest::nearest_flag(name)))?;
        if is_switch { switch(flag) } else { value(flag, rest) }?;
        self.unused.push(path);
        Ok(())
    }

    fn push(&mut self, index: usize, arg: &str, value: &'a str) {
        let name = arg.split_once('=').map_or(arg, |(name, _)| name);
        self.settings.push((index, name.to_owned(), value));
    }
}

/// `-x=v` and its kin; `None` for what is not a flag.
fn split(arg: &str) -> Option<Flag<'_>> {
    let body = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'))?;
    let (name, value) = body.split_once('=').map_or((body, None), |(name, v)| (name, Some(v)));
    (!name.is_empty() && !name.starts_with('-')).then_some(Flag { name, value })
}

fn value<'a>(flag: &Flag<'a>, rest: &mut impl Iterator<Item = &'a str>) -> Result<&'a str, Wrong> {
    flag.value.or_else(|| rest.next()).ok_or(Wrong::NoValue)
}

/// A switch takes its value only behind `=`, as in Go.
fn switch<'a>(flag: &Flag<'a>) -> Result<&'a str, Wrong> {
    let mut on = true;
    super::values::Value::set(&mut on, Given::Flag(flag.value.unwrap_or("true")))
        .ok_or(Wrong::Expected("true or false"))?;
    Ok(if on { "true" } else { "false" })
}

fn is_switch(key: &keys::Key) -> bool {
    (key.at)(&mut Config::default()).is_switch()
}

/// The key that `-set` names.
fn by_path(path: &str) -> Result<usize, Wrong> {
    let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
    keys::find(section, name).ok_or_else(|| Wrong::UnknownKey(nearest::nearest(section, name)))
}

/// What `-help` prints.
fn help() -> String {
    let mut out = String::from(
        "sora: a mail store. LMTP takes mail in, IMAP and POP3 give it out.

Usage: sora [flags]

Without a config.toml here and without -config, Sora runs on loopback with everything in
./sora-data, and makes the account me@localhost on its first start.

  -config FILE           read FILE (default config.toml; see config.toml.example)
  -check                 print the settings in effect, and where each comes from; try the bucket
  -example               print every setting with its default and why: a first config.toml
  -set KEY=VALUE         set any key, such as -set servers.imap.append_limit=50mb
  -version               print the version
  -help                  print this

Flags go before the file, the file before the defaults:

",
    );
    for key in KEYS.iter().filter(|key| !key.flag.is_empty()) {
        let left = if is_switch(key) { key.flag.to_owned() } else { format!("{} VALUE", key.flag) };
        let section =
            if key.section.is_empty() { String::new() } else { format!("[{}] ", key.section) };
        out.push_str(&format!("  -{left:<22}{section}{}\n", key.name));
    }
    out.push_str("\nAccounts are made with sora-admin; start with: sora-admin help\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `args` on a file with this text, and shows what came of it.
    #[track_caller]
    fn check(text: &str, args: &[&str], want: &str) {
        let file = tempfile(text);
        let mut all = vec!["-config".to_owned(), file.path.clone()];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let got = match Config::from_args(&all) {
            Ok(Start::Serve { config, warnings }) => {
                let imap = &config.servers.imap.listener;
                let addr = imap.addr.as_ref().map(ToString::to_string).unwrap_or_default();
                format!(
                    "imap {} {addr} lmtp {} {warnings:?}",
                    imap.start, config.servers.lmtp.listener.start
                )
            }
            Ok(Start::Show(text) | Start::Check { shown: text, .. }) => text,
            Err(error) => error.to_string().replace(&file.path, "FILE"),
        };
        assert_eq!(got, want);
    }

    struct Temporary {
        path: String,
    }

    fn tempfile(text: &str) -> Temporary {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("sora-flags-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("a temporary file");
        Temporary { path: path.to_string_lossy().into_owned() }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            std::fs::remove_file(&self.path).expect("it was there");
        }
    }

    const BOTH: &str = "[servers.imap]\nstart = true\n[servers.lmtp]\nstart = true\n";

    #[test]
    fn flags_are_taken_as_go_takes_them() {
        check(BOTH, &[], "imap true :143 lmtp true []");
        check(BOTH, &["-imap=false"], "imap false :143 lmtp true []");
        check(BOTH, &["--imap=0", "--lmtp"], "imap false :143 lmtp true []");
        check(BOTH, &["-imapaddr", ":1"], "imap true :1 lmtp true []");
        check(BOTH, &["--imapaddr=:1", "--", "-nonsense"], "imap true :1 lmtp true []");
        check(BOTH, &["-set", "servers.imap.addr=[::1]:9"], "imap true [::1]:9 lmtp true []");
        check(BOTH, &["-imapaddr", ":1", "-imapaddr", ":2"], "imap true :2 lmtp true []");
    }

    #[test]
    fn wrong_flags_say_what_to_write() {
        check(
            BOTH,
            &["-imapadr", ":1"],
            "-imapadr: no such flag; did you mean -imapaddr?\n:1: not a flag; a value goes right behind its flag",
        );
        check(BOTH, &["-xyzzyplugh"], "-xyzzyplugh: no such flag; -help lists them all");
        check(BOTH, &["-imap", "false"], "false: not a flag; a value goes right behind its flag");
        check(BOTH, &["-imap=maybe"], "-imap: expected true or false");
        check(BOTH, &["-imapaddr"], "-imapaddr: needs a value");
        check(
            BOTH,
            &["-imapaddr=143"],
            "-imapaddr: expected an address such as \":143\", \"127.0.0.1:1143\", \"[::1]:143\" or \"unix:/run/sora/imap\", or \"\" for none",
        );
        check(BOTH, &["-set", "servers.imap.adr=:1"], "-set: no such key; did you mean addr?");
        check(BOTH, &["-dbport=0"], "-dbport: expected a port from 1 to 65535");
    }

    #[test]
    fn a_host_chooses_its_engine() {
        let args = ["-dbhost=db".to_owned()];
        let shown = Asked::parse(&args).expect("a flag");
        let set: Vec<_> =
            shown.settings.iter().map(|(index, _, value)| (KEYS[*index].name, *value)).collect();
        assert_eq!(set, [("engine", "postgres"), ("host", "db")]);
    }

    #[test]
    fn flags_of_other_versions_are_named_in_one_warning() {
        check(
            BOTH,
            &["-managesievetlsverify", "-uploaderpath", "/x", "-masterpassword=secret"],
            "imap true :143 lmtp true [\"these settings have no effect in this version: \
             servers.managesieve.tls_verify, uploader.path, servers.imap.master_password\"]",
        );
    }

    #[test]
    fn nothing_to_start_is_an_error_of_the_daemon() {
        let advice = "no server is started; write start = true in [servers.imap] or [servers.lmtp]";
        check("", &[], &format!("FILE: {advice}"));
        check("", &["-check"], &format!("FILE: {advice}")); // what it takes must start
        check("", &["-check", "-imap=x"], "-imap: expected true or false"); // told first
        check("", &["-imap"], "imap true :143 lmtp false []");
    }

    #[test]
    fn certificates_must_be_readable_where_they_are_used() {
        let pair = "tls_cert_file = '/nonexistent/c'\ntls_key_file = '/'\n";
        check(
            &format!("{BOTH}{pair}"),
            &[],
            "FILE:5: [servers.lmtp] tls_cert_file: the file cannot be read: entity not found",
        );
        check(
            &format!("[servers.imap]\nstart=true\n[servers.lmtp]\n{pair}"),
            &[],
            "imap true :143 lmtp false []",
        );
    }

    #[test]
    fn help_names_every_flag() {
        let text = help();
        for key in KEYS.iter().filter(|key| !key.flag.is_empty()) {
            assert!(text.contains(&format!("  -{}", key.flag)), "-{}", key.flag);
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn a_named_file_must_be_there() {
        check(
            "",
            &["-config", "/nonexistent/sora.toml"],
            "/nonexistent/sora.toml: cannot be read: No such file or directory (os error 2)",
        );
    }
}
