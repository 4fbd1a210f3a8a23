//! Settings that are one of a few words.

use super::{Given, Value, quoted};
use crate::s3::Addressing;

/// One of a few words.
pub(in crate::config) trait Choice: Copy + PartialEq + 'static {
    /// The words: completes "expected …".
    const EXPECTED: &str;
    /// Each with what it means. Every value is there.
    const ALL: &[(&str, Self)];
}

impl<T: Choice> Value for T {
    fn expected(&self) -> &'static str {
        T::EXPECTED
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        let text = given.text()?;
        *self = T::ALL.iter().find(|(word, _)| *word == text)?.1;
        Some(())
    }

    fn show(&self) -> String {
        let word = T::ALL.iter().find(|(_, value)| value == self);
        quoted(word.map_or("", |(word, _)| word))
    }
}

/// What keeps accounts, mailboxes and flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file in `data_dir`.
    Sqlite,
    /// A server of PostgreSQL.
    Postgres,
}

impl Choice for Engine {
    const EXPECTED: &str = "\"sqlite\" or \"postgres\"";
    const ALL: &[(&str, Self)] = &[("sqlite", Self::Sqlite), ("postgres", Self::Postgres)];
}

/// Which runs of scripts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SieveLog {
    /// None.
    Off,
    /// Those that failed.
    Errors,
    /// All.
    All,
}

impl Choice for SieveLog {
    const EXPECTED: &str = "\"off\", \"errors\" or \"all\"";
    const ALL: &[(&str, Self)] =
        &[("off", Self::Off), ("errors", Self::Errors), ("all", Self::All)];
}

/// How the field of a checker of mail is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusType {
    /// As a number.
    Score,
    /// By its length.
    Length,
    /// As a word.
    Text,
}

impl Choice for StatusType {
    const EXPECTED: &str = "\"score\", \"strlen\" or \"text\"";
    const ALL: &[(&str, Self)] =
        &[("score", Self::Score), ("strlen", Self::Length), ("text", Self::Text)];
}

/// How a node hears of what other nodes changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// PostgreSQL tells it.
    Listen,
    /// It looks now and then.
    Poll,
}

impl Choice for Hearing {
    const EXPECTED: &str = "\"listen\" or \"poll\"";
    const ALL: &[(&str, Self)] = &[("listen", Self::Listen), ("poll", Self::Poll)];
}

/// What keeps messages that are not in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Files in `data_dir/bodies`.
    Directory,
    /// A bucket.
    S3,
}

impl Choice for Home {
    const EXPECTED: &str = "\"directory\" or \"s3\"";
    const ALL: &[(&str, Self)] = &[("directory", Self::Directory), ("s3", Self::S3)];
}

impl Choice for Addressing {
    const EXPECTED: &str = "\"auto\", \"path\" or \"virtual\"";
    const ALL: &[(&str, Self)] =
        &[("auto", Self::Auto), ("path", Self::Path), ("virtual", Self::VirtualHost)];
}
