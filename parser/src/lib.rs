#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "a test may panic: that is how it fails"
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod cursor;
pub mod fuzzing;
pub mod imap;
mod lines;
pub mod lmtp;
pub mod managesieve;
pub mod message;
pub mod pop3;
pub mod proxy;
pub mod sieve;
pub mod steps;

pub use cursor::{Cursor, Error};
pub use lines::{Line, Lines};

#[cfg(test)]
mod tests {
    use std::format;
    use std::path::{Path, PathBuf};
    use std::string::String;
    use std::vec::Vec;
    use std::{fs, vec};

    /// Whoever wants to know what bounds the parsers have finds all of them on the front page.
    #[test]
    fn bounds_are_on_the_front_page() {
        let rows: Vec<&str> =
            include_str!("../README.md").lines().filter(|line| line.starts_with("| `")).collect();
        let mut wrong: Vec<String> = Vec::new();
        let sources = sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        for source in &sources {
            for line in fs::read_to_string(source).unwrap().lines() {
                let Some((name, rest)) =
                    line.trim().strip_prefix("pub const ").and_then(|line| line.split_once(": "))
                else {
                    continue;
                };
                let value = rest.split_once("= ").map_or("", |(_, value)| value);
                let value = format!("`{}`", value.trim_end_matches(';'));
                let is_told =
                    |row: &str| row.contains(&format!("::{name}`")) && row.contains(&value);
                if name.ends_with("_MAX") && !rows.iter().any(|row| is_told(row)) {
                    wrong.push(format!("parser/README.md: {name} is {value}"));
                }
            }
        }
        assert!(sources.len() > 30, "{} files", sources.len());
        assert_eq!(wrong, Vec::<String>::new());
    }

    fn sources(folder: PathBuf) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let below = |path: PathBuf| if path.is_dir() { sources(path) } else { vec![path] };
        entries.flat_map(below).collect()
    }
}
