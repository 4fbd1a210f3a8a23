//! What is wrong with a script, where, and what would help: one line each, as compilers say it.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::ERRORS_MAX;
use crate::steps::took;

/// Some editors write it in front of UTF-8; it is no part of the script.
pub(super) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A place in a script.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Bytes before it.
    pub offset: u32,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl Position {
    /// The first byte of a script.
    pub const START: Self = Self { offset: 0, line: 1, column: 1 };

    /// The place behind the bytes that a script begins with.
    pub(super) fn behind(passed: &[u8]) -> Self {
        let bounded = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let lines = memchr::memchr_iter(b'\n', passed).count();
        let begin = memchr::memrchr(b'\n', passed).map_or(0, |newline| newline.saturating_add(1));
        let line = passed.get(begin..).unwrap_or_default();
        let marked = begin == 0 && line.starts_with(BYTE_ORDER_MARK.as_bytes());
        // The later bytes of a UTF-8 character are no columns of their own.
        let before = line.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        Self {
            offset: bounded(passed.len()),
            line: bounded(lines).saturating_add(1),
            column: bounded(before).saturating_add(u32::from(!marked)),
        }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}:{}", self.line, self.column)
    }
}

/// A mistake: where, what was expected or is wrong there, and what may put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where it was found.
    pub at: Position,
    /// What was expected and what stands there, in the words of the RFCs.
    pub message: Cow<'static, str>,
    /// What to write instead, where that can be guessed.
    pub hint: Option<Cow<'static, str>>,
}

impl Error {
    /// The mistake with the line it is on and a caret below the place, for a terminal.
    pub fn shown_in<'a>(&'a self, script: &'a [u8]) -> impl fmt::Display + 'a {
        Excerpt { error: self, script }
    }
}

/// `line 3, column 9: expected …, found …; …`
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.at.line, self.at.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}

/// Bytes of a line shown before and behind the place at most.
const EXCERPT_BYTES_MAX: usize = 100;

struct Excerpt<'a> {
    error: &'a Error,
    script: &'a [u8],
}

impl Excerpt<'_> {
    /// What stands on the line before the place, and behind it.
    fn line(&self) -> (&[u8], &[u8]) {
        let offset = usize::try_from(self.error.at.offset).unwrap_or(usize::MAX);
        let (before, behind) =
            self.script.split_at_checked(offset).unwrap_or((self.script, Default::default()));
        let begin = memchr::memrchr(b'\n', before).map_or(0, |newline| newline.saturating_add(1));
        let begin = begin.max(before.len().saturating_sub(EXCERPT_BYTES_MAX));
        let end = memchr::memchr2(b'\r', b'\n', behind).unwrap_or(behind.len());
        let end = end.min(EXCERPT_BYTES_MAX);
        (before.get(begin..).unwrap_or_default(), behind.get(..end).unwrap_or_default())
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { at, message, hint } = self.error;
        let (before, behind) = self.line();
        let before = plain(before);
        let number = format!("{}", at.line);
        let (margin, indent) = (number.len(), before.chars().count());
        writeln!(f, "line {}, column {}: {message}", at.line, at.column)?;
        writeln!(f, "{number} | {before}{}", plain(behind))?;
        write!(f, "{:margin$} | {:indent$}^", "", "")?;
        match hint {
            Some(hint) => write!(f, "\n{:margin$} = {hint}", ""),
            None => Ok(()),
        }
    }
}

/// A script's bytes as a terminal may be shown them: one column a character, nothing that steers it.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The mistakes noted so far, up to [`ERRORS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) list: Vec<Error>,
    /// Also those there was no room for.
    count: usize,
}

impl Errors {
    pub(super) fn add(&mut self, at: Position, message: impl Into<Cow<'static, str>>) {
        self.count = self.count.saturating_add(1);
        if self.list.len() < ERRORS_MAX {
            self.list.push(Error { at, message: message.into(), hint: None });
        }
    }

    /// What helps against the mistake noted last.
    pub(super) fn hint(&mut self, hint: impl Into<Cow<'static, str>>) {
        if self.has_room()
            && let Some(last) = self.list.last_mut()
        {
            last.hint = Some(hint.into());
        }
    }

    /// Is what is noted still seen? It says whether guessing a hint is worth while.
    pub(super) const fn has_room(&self) -> bool {
        self.count <= ERRORS_MAX
    }

    /// How many there were, to see later whether there are more.
    pub(super) const fn count(&self) -> usize {
        self.count
    }
}

/// Characters of the script that a message repeats at most.
const SHOWN_MAX: usize = 40;

/// A word of the script, in quotes and cut short.
pub(super) fn shown(word: &str) -> String {
    let mut text: String = word.chars().take(SHOWN_MAX).map(printable).collect();
    if word.len() > text.len() && word.chars().nth(SHOWN_MAX).is_some() {
        text.push('…');
    }
    format!("\"{text}\"")
}

/// A message is one line, whatever stands in the script.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// The one of `known` that `word` was probably meant to be.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = match word.len() {
        0..=2 => return None,
        3..=4 => 1,
        5..=WORD_MAX => 2,
        _ => return None,
    };
    let known = known.filter(|name| name.len().abs_diff(word.len()) <= allowed);
    let best = known.map(|name| (distance(word, name), name)).min_by_key(|&(far, _)| far);
    best.filter(|&(far, _)| far <= allowed).map(|(_, name)| name)
}

/// Longer words are no misspelt ones of ours.
const WORD_MAX: usize = 40;

/// How many letters must be changed, put in, left out or swapped with their neighbour.
fn distance(word: &str, name: &str) -> usize {
    let mut older: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=name.len()).collect();
    let mut last = 0;
    took(word.len().saturating_mul(name.len()));
    for (row, letter) in word.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
        let mut this = Vec::with_capacity(above.len());
        let mut left = row.saturating_add(1);
        this.push(left);
        let mut before = 0;
        for (column, other) in name.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let next = column.saturating_add(1);
            let changed = at(&above, column).saturating_add(usize::from(letter != other));
            let one = left.min(at(&above, next)).saturating_add(1).min(changed);
            let swapped = column > 0 && row > 0 && letter == before && last == other;
            left = if swapped {
                one.min(at(&older, column.saturating_sub(1)).saturating_add(1))
            } else {
                one
            };
            this.push(left);
            before = other;
        }
        last = letter;
        older = core::mem::replace(&mut above, this);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn nearest_names() {
        let known = ["fileinto", "elsif", "keep", "redirect", "reject"];
        let check = |word: &str, want| assert_eq!(nearest(word, known.into_iter()), want, "{word}");
        check("fileimto", Some("fileinto"));
        check("FileInot", Some("fileinto"));
        check("elif", Some("elsif"));
        check("elseif", Some("elsif"));
        check("kepe", Some("keep"));
        check("kp", None);
        check("frobnicate", None);
        check(&"x".repeat(1000), None);
    }

    #[test]
    fn excerpts() {
        let at = Position { offset: 11, line: 2, column: 6 };
        let hint = Some("try ;".into());
        let error = Error { at, message: "expected \";\"".into(), hint };
        assert_eq!(error.to_string(), "line 2, column 6: expected \";\"; try ;");
        let want = "line 2, column 6: expected \";\"\n2 |  keep stop;\n  |      ^\n  = try ;";
        assert_eq!(error.shown_in(b"keep;\n\tkeep stop;\r\n").to_string(), want);
        assert!(error.shown_in(b"").to_string().ends_with("| ^\n  = try ;"));
    }

    #[test]
    fn words_are_shown_short_and_on_one_line() {
        assert_eq!(shown("a\nb"), "\"a b\"");
        assert_eq!(shown(&"x".repeat(50)).chars().count(), 43);
    }
}
