//! Commands against stores of their own, without a process.

mod accounts;
mod mail;
mod scripts;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::model::{Address, Secret};
use crate::store::NewAccount;
use crate::work::password::verify;

/// A folder with a configuration and a store.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("sora-admin-{process}-{next}"));
        std::fs::create_dir_all(&folder).unwrap();
        let data = folder.join("data");
        let text = format!("data_dir = '{}'\nhostname = 'mx.example.com'\n", data.display());
        std::fs::write(folder.join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.join("data"), Opening::Beside).unwrap()
    }

    /// Runs a command line; what it printed, or its error.
    fn run(&self, line: &str) -> Result<String, String> {
        self.run_with(line, "", None)
    }

    fn run_with(&self, line: &str, input: &str, ask: Option<Ask>) -> Result<String, String> {
        let config = self.folder.join("config.toml");
        let mut args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        args.splice(1..1, ["--config".to_owned(), config.to_string_lossy().into_owned()]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams {
            input: &mut input.as_bytes(),
            out: &mut out,
            err: &mut err,
            watched: false,
            coloured: false,
            ask,
        };
        let done = run(&args, &mut streams);
        let short = |text: String| text.replace(&*self.folder.to_string_lossy(), "DIR");
        let printed = short(String::from_utf8([out, err].concat()).unwrap());
        done.map(|()| printed.clone()).map_err(|error| printed + &short(error.to_string()))
    }

    #[track_caller]
    fn check(&self, line: &str, want: Result<&str, &str>) {
        let got = self.run(line);
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{line}");
    }

    fn hash(&self, address: &str) -> String {
        let address = Address::new(address).unwrap();
        self.store().account_by_address(&address).unwrap().unwrap().password_hash
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _left_for_a_look = std::fs::remove_dir_all(&self.folder);
    }
}

type Ask = fn(&str) -> io::Result<String>;

const QUICK: &str = "--password secret --hash sha512"; // bcrypt takes its time

#[test]
fn wrong_lines_say_what_to_write() {
    let place = Place::new();
    let usage = |command: &str, what: &str| {
        Err(format!("{command}: {what}; see: sora-admin {command} --help"))
    };
    for (line, command, what) in [
        ("create-account --password x", "create-account", "--email is missing"),
        ("create-account --email", "create-account", "--email needs a value: ADDRESS"),
        ("create-account --emial x@y", "create-account", "no such option: --emial"),
        (
            "create-account --email x --password p",
            "create-account",
            "--email \"x\": expected an address such as user@example.com",
        ),
        (
            "create-account --email a@b@c --password p",
            "create-account",
            "--email \"a@b@c\": expected an address such as user@example.com",
        ),
        (
            "create-account --email a@b --password p --hash md5",
            "create-account",
            "--hash: expected bcrypt, ssha512 or sha512",
        ),
        (
            "create-account --email a+b@c --password p",
            "create-account",
            "--email: an account's address has no `+`: mail to user+anything reaches user (RFC 5233)",
        ),
        ("create-account a@b --password p", "create-account", "\"a@b\" belongs to no option"),
        ("create-account --primary=1", "create-account", "--primary takes no value"),
        ("deliver --to a@b", "deliver", "no FILE to deliver; - is standard input"),
        ("deliver x", "deliver", "--to is missing"),
        (
            "deliver x --to a@b --from a",
            "deliver",
            "--from \"a\": expected an address such as user@example.com",
        ),
        (
            "deliver x --to a@b --from a@b>\u{1}X-Forged:",
            "deliver",
            "--from \"a@b>\\u{1}X-Forged:\": expected an address such as user@example.com",
        ),
    ] {
        let got = place.run(line);
        assert_eq!(got, usage(command, what), "{line}");
    }
    let unknown = place.run("frobnicate").unwrap_err();
    assert!(
        unknown.starts_with("no such command: frobnicate\n\nsora-admin: looks after"),
        "{unknown}"
    );
}

#[test]
fn help_is_there_for_everything() {
    let place = Place::new();
    let all = place.run("help").unwrap();
    assert_eq!(place.run("--help").unwrap(), all);
    for command in COMMANDS {
        assert!(all.contains(command.name));
        let text = place.run(&format!("{} --help", command.name)).unwrap();
        assert!(
            text.starts_with(&format!("sora-admin {}: {}\n\nUsage: ", command.name, command.what))
        );
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let choices = command.choices.iter().filter(|choice| !choice.what.is_empty());
        assert!({ choices }.all(|choice| text.contains(&choice.usage())), "{text}");
    }
}

#[test]
fn no_store_is_made_by_looking_for_one() {
    let place = Place::new();
    let advice = "there is no store in DIR/data; name the server's configuration by --config, \
                  or make the first account by create-account";
    for line in ["list-accounts", "check", "update-account --email a@x --password p"] {
        place.check(line, Err(advice));
    }
}

#[test]
fn a_store_that_cannot_be_opened_says_where() {
    let place = Place::new();
    place.file("data", "not a directory");
    let error = place.run("list-accounts").unwrap_err();
    assert!(error.starts_with("the store in DIR/data cannot be opened: "), "{error}");
}
