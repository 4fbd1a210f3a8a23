//! The rules of the house that a text search can hold: floors, cited RFCs, excuses.
//!
//! A new edge between modules is a one-line change here, so it is seen in review.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module uses lower floors only (ARCHITECTURE.md). `sora_parser` lies below all of them.
const FLOORS: [(u8, &[&str]); 10] = [
    (0, &["limits", "crash"]), // these use nothing at all
    (1, &["model", "error"]),
    (2, &["mail", "s3"]),
    (3, &["config", "job", "sieve"]),
    (4, &["session", "store"]),
    (5, &["work"]),
    (6, &["net"]),
    (7, &["admin", "logging", "server"]), // `server` is the builder
    (8, &["first_run"]),
    (9, &["lib", "main", "bin"]), // the programs see all
];

/// Edges that the floors would allow and nobody needs.
const NEVER: [(&str, &str); 6] = [
    ("store", "config"),
    ("work", "session"), // a job is all they share
    ("net", "store"),
    ("net", "mail"),
    ("admin", "net"),
    ("admin", "session"),
];

const LINES_MAX: usize = 600;

#[test]
fn modules_use_lower_floors_only() {
    let mut wrong = BTreeSet::new();
    for file in sources("src") {
        let room = room(&file);
        let Some(from) = floor(&room) else {
            wrong.insert(format!("{room} has no floor: give it one in FLOORS"));
            continue;
        };
        for used in rooms_used(without_tests(&read(&file))).into_iter().filter(|used| *used != room)
        {
            let edge = format!("{}: {room} uses {used}", file.display());
            if floor(&used).is_some_and(|to| to >= from) {
                wrong.insert(format!("{edge}, which is not below it"));
            } else if NEVER.contains(&(&room, &used)) {
                wrong.insert(format!("{edge}: NEVER"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_cited_rfc_has_a_row() {
    let rows = read(Path::new("docs/rfc.md"));
    let known: BTreeSet<&str> = rows
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
        .filter(|number| number.bytes().all(|b| b.is_ascii_digit()))
        .collect();
    let mut wrong = BTreeSet::new();
    for file in sources("src").into_iter().chain(sources("parser/src")) {
        let text = read(&file);
        for number in text.split("RFC ").skip(1).map(digits).filter(|number| !number.is_empty()) {
            if !known.contains(number) {
                wrong.insert(format!("{}: RFC {number} has no row in docs/rfc.md", file.display()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn pages_name_files_that_are_there() {
    let pages = ["README.md", "ARCHITECTURE.md"].map(PathBuf::from).into_iter();
    let docs = ["decisions", "operations", "rfc", "storage", "testing"];
    let mut wrong = BTreeSet::new();
    for page in pages.chain(docs.map(|page| format!("docs/{page}.md").into())) {
        for name in read(&page).split('`').skip(1).step_by(2).filter(|name| is_ours(name)) {
            if !Path::new(root()).join(name).exists() {
                wrong.insert(format!("{} names {name}", page.display()));
            }
        }
    }
    assert_none(&wrong);
}

/// Looks like one file or folder of this tree.
fn is_ours(name: &str) -> bool {
    const FOLDERS: [&str; 8] =
        ["src", "parser", "tests", "docs", "benches", "examples", "fuzz", "migrations"];
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
    plain && name.split_once('/').is_some_and(|(first, _)| FOLDERS.contains(&first))
}

#[test]
fn no_excuses() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore]")];
    let mut wrong = BTreeSet::new();
    for file in
        ["src", "parser", "tests", "benches", "examples", "fuzz"].into_iter().flat_map(sources)
    {
        for (number, line) in read(&file).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                wrong.insert(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert_none(&wrong);
}

#[test] // said, never refused: `cargo test tidy -- --nocapture`
fn long_files_are_named() {
    for file in sources("src").into_iter().chain(sources("parser/src")) {
        let lines = read(&file).lines().count();
        if lines > LINES_MAX {
            println!("{}: {lines} lines", file.display());
        }
    }
}

#[test]
fn uses_are_found() {
    let used = |text| rooms_used(text).into_iter().collect::<Vec<_>>();
    assert_eq!(used("use crate::mail::{View, Snapshot};"), ["mail"]);
    assert_eq!(used("use crate::{limits, model::Uid,\n error::*};"), ["error", "limits", "model"]);
    assert_eq!(
        used("let x = crate::job::Job::Done; sora::net::run(); $crate::crash::reached"),
        ["crash", "job", "net"]
    );
    assert_eq!(used("mod_crate::no and my_sora::no"), [""; 0]);
    assert_eq!(without_tests("code\n#[cfg(test)]\nmod tests {\nuse crate::net;"), "code\n");
}

/// The rooms a text names with `crate::` or, in the programs, `sora::`.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for start in ["crate::", "sora::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back().unwrap_or(' ');
            let rest = &text[at + start.len()..];
            if before.is_alphanumeric() || before == '_' {
                continue;
            }
            match rest.strip_prefix('{').and_then(|group| group.split_once("};")) {
                Some((group, _)) => used.extend(top_level(group).into_iter().map(word)),
                None => {
                    used.insert(word(rest));
                }
            }
        }
    }
    used.retain(|name| !name.is_empty() && name.chars().all(|c| c.is_lowercase() || c == '_'));
    used
}

/// `a, b::{c, d}` as `a` and `b::{c, d}`.
fn top_level(group: &str) -> Vec<&str> {
    let mut depth = 0;
    group
        .split(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect()
}

fn word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn digits(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("")
}

/// Tests may look wherever they like.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// `src/session/imap/expunge.rs` is in `session`.
fn room(file: &Path) -> String {
    let below = file.strip_prefix("src").unwrap_or(file);
    below.with_extension("").iter().next().unwrap_or_default().to_string_lossy().into_owned()
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(_, rooms)| rooms.contains(&room)).map(|(floor, _)| *floor)
}

/// Every .rs file below a folder of the project, by path; none if there is no such folder.
fn sources(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![PathBuf::from(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).into_iter().flatten().flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !path.ends_with("target") => folders.push(path),
                Ok(kind) if kind.is_file() && path.extension().is_some_and(|e| e == "rs") => {
                    found.insert(path, ());
                }
                _ => {}
            }
        }
    }
    found.into_keys().collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[track_caller]
fn assert_none(wrong: &BTreeSet<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.iter().cloned().collect::<Vec<_>>().join("\n"));
}
