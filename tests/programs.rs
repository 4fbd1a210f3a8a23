//! The two programs as a person meets them: exit codes, and which stream says what. The lines of the
//! original README are typed as they stand there.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own to type in.
struct Shell {
    folder: PathBuf,
}

/// What a program left behind.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Shell {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("sora-programs-{process}-{next}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self { folder }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).expect("a file");
    }

    /// Types `./sora…`, with `input` on standard input.
    fn type_in(&self, line: &str, input: &str) -> Left {
        let mut words = line.split_whitespace();
        let program = match words.next() {
            Some("./sora") => env!("CARGO_BIN_EXE_sora"),
            Some("./sora-admin") => env!("CARGO_BIN_EXE_sora-admin"),
            other => panic!("{other:?} is none of our programs"),
        };
        let mut child = Command::new(program)
            .args(words)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let written = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let left = child.wait_with_output().expect("it ends");
        // a program that did not read its input has ended before it was written
        assert!(written.is_ok() || input.is_empty(), "{line}: {written:?}");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Left { code: left.status.code(), out: text(left.stdout), err: text(left.stderr) }
    }

    #[track_caller]
    fn check(&self, line: &str, code: i32, out: &str, err: &str) {
        let want = Left { code: Some(code), out: out.to_owned(), err: err.to_owned() };
        assert_eq!(self.type_in(line, ""), want, "{line}");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _left_for_a_look = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_original_readme_types_these() {
    let shell = Shell::new();
    let created = "Successfully created account: user@example.com\n";
    let updated = "Successfully updated password for account: user@example.com\n";
    let create = "./sora-admin create-account --email user@example.com --password secretpassword";
    shell.check(create, 0, created, "");
    let update = "./sora-admin update-account --email user@example.com --password newpassword";
    shell.check(update, 0, updated, "");
    shell.check(&format!("{update} --hash ssha512"), 0, updated, "");
    let other = create.replace("user@", "other@");
    shell.check(&format!("{other} --primary"), 0, &created.replace("user@", "other@"), "");
    let hashed = create.replace("user@", "third@");
    shell.check(&format!("{hashed} --hash ssha512"), 0, &created.replace("user@", "third@"), "");
    for line in ["help", "create-account --help", "update-account --help"] {
        let left = shell.type_in(&format!("./sora-admin {line}"), "");
        assert_eq!((left.code, left.err.as_str()), (Some(0), ""), "{line}");
        assert!(left.out.contains("Usage: sora-admin "), "{line}: {}", left.out);
    }
    let taken = shell.type_in(create, ""); // pitfall 138
    assert_eq!((taken.code, taken.out.as_str()), (Some(1), ""));
    assert!(taken.err.starts_with("sora-admin: an account with the address "), "{}", taken.err);
}

#[test]
fn what_is_wrong_goes_to_standard_error() {
    let shell = Shell::new();
    for line in
        ["", "frobnicate", "create-account", "check --config none.toml", "deliver x --to a@b"]
    {
        let left = shell.type_in(&format!("./sora-admin {line}"), "");
        assert_eq!((left.code, left.out.as_str()), (Some(1), ""), "{line}");
        assert!(left.err.starts_with("sora-admin: "), "{line}: {}", left.err);
    }
    for line in ["-frobnicate", "-config none.toml", "-check -config none.toml", "-imap=maybe"] {
        let left = shell.type_in(&format!("./sora {line}"), "");
        assert_eq!((left.code, left.out.as_str()), (Some(1), ""), "{line}");
        assert!(left.err.starts_with("sora: "), "{line}: {}", left.err);
    }
}

#[test]
fn a_password_stays_out_of_the_list_of_processes() {
    let shell = Shell::new();
    let left =
        shell.type_in("./sora-admin create-account --email a@x --password-stdin", "secret\n");
    assert_eq!(left.code, Some(0), "{}", left.err);
    let left = shell.type_in("./sora-admin create-account --email b@x", "");
    assert!(left.err.starts_with("sora-admin: no password, and no terminal"), "{}", left.err);
}

#[test]
fn check_prints_the_settings_and_no_secret() {
    let shell = Shell::new();
    shell.write("config.toml", "[servers.imap]\nstart = true\nmaster_password = 'hunter2'\n");
    let left = shell.type_in("./sora -check -imapaddr :99", "");
    assert_eq!((left.code, left.err.as_str()), (Some(0), ""));
    assert!(left.out.contains("start = true # line 2\n"), "{}", left.out);
    assert!(left.out.contains("addr = \":99\" # flag -imapaddr\n"), "{}", left.out);
    assert!(!left.out.contains("hunter2"));
    shell.write("config.toml", "[servers.imap]\nstrat = true\n");
    let advice = "sora: config.toml:2: [servers.imap] strat: no such key; did you mean start?\n";
    shell.check("./sora -check", 1, "", advice);
    shell.check("./sora", 1, "", advice);
    let example = shell.type_in("./sora -example", "");
    shell.write("config.toml", &example.out);
    shell.check("./sora -check", 1, "", "sora: config.toml: no server is started; write start = true in [servers.imap] or [servers.lmtp]\n");
    assert_eq!(shell.type_in("./sora -check -imap", "").code, Some(0));
}

#[test]
fn our_own_readme_gets_one_started() {
    let shell = Shell::new();
    shell.write("config.toml.example", include_str!("../config.toml.example"));
    let readme = include_str!("../README.md");
    let (_, lines) = readme.split_once("\nmake build ").expect("the lines behind it");
    let (lines, _) = lines.split_once("```").expect("their end");
    for line in lines.lines().skip(1) {
        let line = line.split("  #").next().unwrap_or_default().trim_end();
        let line = match line {
            "./sora -config config.toml" => "./sora -config config.toml -check", // it would serve
            line => line,
        };
        if line.starts_with("./sora") {
            let left = shell.type_in(line, "");
            assert_eq!((left.code, left.err.as_str()), (Some(0), ""), "{line}");
        } else {
            let typed = ["-c", line];
            let done = Command::new("sh").args(typed).current_dir(&shell.folder).status();
            assert!(done.expect("sh").success(), "{line}");
        }
    }
}
