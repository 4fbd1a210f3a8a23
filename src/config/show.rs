//! Printing settings: `-check`, and the text of config.toml.example. Both are valid TOML that reads
//! back as what it shows.

use super::error::Place;
use super::file::Draft;
use super::keys::{KEYS, Key};
use super::{Config, ConfigError};

impl Draft {
    /// Every setting in effect and where it comes from. Keys without meaning are named, never
    /// their values: some are secrets.
    pub(super) fn show(self) -> Result<String, ConfigError> {
        let (places, file, unused) = (self.places.clone(), self.file.clone(), self.unused.clone());
        let (config, _) = self.finish()?;
        let source = file
            .map_or("no file; the embedded default".to_owned(), |file| file.display().to_string());
        let mut out = format!("# The settings in effect ({source}).\n");
        for path in unused {
            out.push_str(&format!("# without effect in this version: {path}\n"));
        }
        write_keys(&mut out, |out, index, key| {
            let from = match places.get(index) {
                Some(Some(Place::File { line, .. })) => format!("line {line}"),
                Some(Some(Place::Flag(flag))) => format!("flag {flag}"),
                _ => "default".to_owned(),
            };
            out.push_str(&format!("{} = {} # {from}\n", key.name, key.show(&config)));
        });
        Ok(out)
    }
}

/// Calls `each` for every key, below a heading for its section.
fn write_keys(out: &mut String, mut each: impl FnMut(&mut String, usize, &Key)) {
    let mut section = "";
    for (index, key) in KEYS.iter().enumerate() {
        if key.section != section {
            section = key.section;
            out.push_str(&format!("\n[{section}]\n"));
        }
        each(out, index, key);
    }
}

/// What config.toml.example says, and `-example`.
pub(super) fn example() -> String {
    let mut out = String::from(EXAMPLE_HEADER);
    let mut config = Config::default();
    config.hostname.clear();
    let mut section = None;
    write_keys(&mut out, |out, _, key| {
        let first = section.replace(key.section) != Some(key.section);
        if !key.why.is_empty() && (!first || key.section.is_empty()) {
            out.push('\n');
        }
        for line in key.why.lines() {
            out.push_str(&format!("# {line}\n"));
        }
        out.push_str(&format!("{} = {}\n", key.name, key.show(&config)));
    });
    out
}

const EXAMPLE_HEADER: &str = "\
# Every setting of Sora, each with its default. Copy this file to config.toml and change what you
# want changed; what you leave out keeps the default shown here. `sora -check` prints what is in
# effect, and a mistake is told with its line.
#
# Durations: 30s, 1h30m, 500ms, 14d. Sizes: 16kb, 25mb, 1gb (1024-based) or a number of bytes.
#
# Without any config.toml, Sora runs on loopback (IMAP 1143, IMAPS 1993, POP3 1110, POP3S 1995,
# LMTP 2424, ManageSieve 4190) and makes the account me@localhost. With one, it makes no account,
# and only servers with start = true listen.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn draft(text: &str) -> Draft {
        Draft::parse(text, Path::new("config.toml")).expect("TOML")
    }

    /// `SORA_BLESS=1` writes the file anew.
    #[test]
    fn the_example_states_every_key_and_its_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml.example");
        if std::env::var_os("SORA_BLESS").is_some() {
            std::fs::write(&path, example()).expect("written");
        }
        let text = std::fs::read_to_string(&path).expect("config.toml.example");
        assert_eq!(text, example());
        let (config, warnings) = draft(&text).finish().expect("the example is right");
        assert_eq!((config, warnings), (Config::default(), vec![]));
        assert!(text.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn what_is_shown_reads_back_the_same() {
        let text = "hostname = 'mx'\nlog_output = '/var/log/so\"ra'\n[servers.imap]\nstart=true\n\
                    addr='[::1]:0'\nappend_limit=1000\nidle_timeout='31m30s'\n[servers.lmtp]\n\
                    addr='unix:/tmp/l'\ntls_cert_file='c'\ntls_key_file='k'\n";
        let (config, _) = draft(text).finish().expect("right");
        let shown = draft(text).show().expect("right");
        let (again, _) = draft(&shown).finish().expect("what is shown is right");
        assert_eq!(again, config);
        assert!(shown.contains("idle_timeout = \"1890s\" # line 7\n"), "{shown}");
        assert!(shown.contains("timeout = \"5m\" # default\n"), "{shown}");
    }

    #[test]
    fn no_secret_is_shown() {
        let text = "[servers.imap]\nmaster_password = 'hunter2'\n[s3]\nsecret_key = 'hunter2'\n";
        let shown = draft(text).show().expect("right");
        assert!(shown.contains("secret_key = \"(hidden)\" # line 4\n"), "{shown}");
        assert!(!shown.contains("hunter2"));
        assert!(!format!("{:?}", draft(text)).contains("hunter2"));
    }
}
