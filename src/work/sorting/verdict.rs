//! What checkers of mail wrote into its header, as the numbers of RFC 5235: spam in percent (§3.2.2),
//! viruses from 1 to 5 (§3.3).
//!
//! The first field of the name counts, for the server that checked last wrote it on top. What cannot
//! be read was not checked: scripts then see "0".

use parser::message::header::{Fields, unfold};
use regex::bytes::Regex;

use crate::config::{StatusHeader, StatusType};

/// Where a verdict stands, and how it is read.
#[derive(Clone, Debug)]
pub struct Check {
    field: String,
    /// What of the value counts: its first group, or all that matches.
    pattern: Option<Regex>,
    scale: Scale,
}

/// From what is written to a number.
#[derive(Clone, Debug)]
enum Scale {
    /// A number, of which so many are certainty.
    Score(u32),
    /// As many characters as the number says.
    Length(u32),
    /// A word, with the number of RFC 5235 that it means.
    Words(Vec<(String, u8)>),
}

/// What was found: a part of certainty in thousandths, or a number of RFC 5235.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Thousandths(u64),
    Number(u8),
}

impl Check {
    /// `None` if no header is configured.
    pub fn of(from: &StatusHeader) -> Option<Self> {
        let (field, pattern) = from.parts()?;
        let scale = match from.kind {
            StatusType::Score => Scale::Score(from.max_value),
            StatusType::Length => Scale::Length(from.max_value),
            StatusType::Text => Scale::Words(from.words().unwrap_or_default()),
        };
        // The configuration has tried it.
        let pattern = pattern.map(Regex::new).transpose().ok()?;
        Some(Self { field: field.to_owned(), pattern, scale })
    }

    /// How certainly `message` is spam, in percent; `None` if nobody has checked it.
    pub(super) fn spam(&self, message: &[u8]) -> Option<u8> {
        match self.found(message)? {
            Found::Thousandths(part) => u8::try_from(part / 10).ok(),
            // §3.2.1: 1 is clear, 10 is certain. Rounded up, so that the number comes out again.
            Found::Number(number) => {
                let ninths = u16::from(number.checked_sub(1)?);
                u8::try_from((ninths * 100).div_ceil(9)).ok()
            }
        }
    }

    /// How certainly it has a virus, from 1 to 5; `None` if nobody has checked it.
    pub(super) fn virus(&self, message: &[u8]) -> Option<u8> {
        match self.found(message)? {
            Found::Thousandths(part) => u8::try_from(1 + part * 4 / 1_000).ok(),
            Found::Number(number) => (number > 0).then_some(number),
        }
    }

    fn found(&self, message: &[u8]) -> Option<Found> {
        let field = Fields::new(message).find(|field| field.is(self.field.as_bytes()))?;
        let value = unfold(field.value);
        let whole = value.trim_ascii();
        let counts = match &self.pattern {
            Some(pattern) => {
                let groups = pattern.captures(whole)?;
                groups.get(1).or_else(|| groups.get(0))?.as_bytes().trim_ascii()
            }
            None => whole,
        };
        match &self.scale {
            Scale::Score(max) => Some(part_of(thousandths(counts)?, *max)),
            Scale::Length(max) => {
                let length = u64::try_from(counts.len()).unwrap_or(u64::MAX);
                Some(part_of(length.saturating_mul(1_000), *max))
            }
            Scale::Words(words) => {
                let known =
                    words.iter().find(|(word, _)| counts.eq_ignore_ascii_case(word.as_bytes()));
                known.map(|(_, number)| Found::Number(*number))
            }
        }
    }
}

/// What is more than certain is certain.
fn part_of(thousandths: u64, max: u32) -> Found {
    Found::Thousandths((thousandths / u64::from(max.max(1))).min(1_000))
}

/// The number that `text` begins with, in thousandths; one below 0 is 0, for it is clear of spam.
fn thousandths(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let add = |sum: u64, digit: u64| sum.saturating_mul(10).saturating_add(digit);
    let whole: Vec<u64> = text.iter().map_while(digit).collect();
    let fraction = text.get(whole.len()..)?.strip_prefix(b".").unwrap_or_default();
    let fraction: Vec<u64> = fraction.iter().map_while(digit).take(3).collect();
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let padded = fraction.into_iter().chain(std::iter::repeat(0)).take(3);
    let sum = whole.into_iter().chain(padded).fold(0, add);
    Some(if negative { 0 } else { sum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Text;

    #[track_caller]
    fn check(
        header: &str,
        (kind, max_value, texts): (StatusType, u32, &str),
        rows: &[(&str, &str)],
    ) {
        let from = StatusHeader {
            header: Text(header.into()),
            kind,
            max_value,
            texts: Text(texts.into()),
        };
        let check = Check::of(&from).unwrap();
        for (line, want) in rows {
            let message = format!("Subject: x\r\n{line}\r\n\r\nX-Spam-Score: 9\r\n");
            let shown = |found: Option<u8>| found.map_or("-".to_owned(), |found| found.to_string());
            let found = (check.spam(message.as_bytes()), check.virus(message.as_bytes()));
            assert_eq!(format!("{} {}", shown(found.0), shown(found.1)), *want, "{line}");
        }
    }

    #[test] // RFC 5235 §3.2.1, §3.2.2
    fn scores() {
        let score = (StatusType::Score, 5, "");
        check(
            "X-Spam-Score",
            score,
            &[
                ("X-Spam-Score: 4.2", "84 4"),
                ("x-spam-score:\r\n 4.2", "84 4"),
                ("X-Spam-Score: 5", "100 5"),
                ("X-Spam-Score: 99999999999999999999999", "100 5"),
                ("X-Spam-Score: -1.9", "0 1"),
                ("X-Spam-Score: +0.50 (BAYES)", "10 1"),
                ("X-Spam-Score: .25", "5 1"),
                ("X-Spam-Score: 0", "0 1"),
                ("X-Spam-Score: high", "- -"),
                ("X-Spam-Score:", "- -"),
                ("X-Spam-Score: 1\r\nX-Spam-Score: 5", "20 1"), // the first
                ("X-Other: 1", "- -"),                          // what stands in the body is none
            ],
        );
        check(
            "X-Spam-Status: ^[A-Za-z]+, score=(-?[0-9.]+)",
            score,
            &[
                ("X-Spam-Status: Yes, score=4.2 required=5.0\r\n\ttests=A,B", "84 4"),
                ("X-Spam-Status: No, score=-0.1 required=5.0", "0 1"),
                ("X-Spam-Status: Maybe", "- -"),
            ],
        );
        check(
            "X-Spamd-Result: \\[(-?[0-9.]+) / ",
            (StatusType::Score, 15, ""),
            &[("X-Spamd-Result: default: True [15.30 / 15.00];\r\n\tX(0.1)[]", "100 5")],
        );
    }

    #[test]
    fn lengths_and_words() {
        check(
            "X-Spamd-Bar: ^(\\+*)",
            (StatusType::Length, 10, ""),
            &[
                ("X-Spamd-Bar: ++++", "40 2"),
                ("X-Spamd-Bar: /", "0 1"),
                ("X-Spamd-Bar: ---", "0 1"),
                ("X-Spamd-Bar: ++++++++++++", "100 5"),
            ],
        );
        // What a script sees is what was written: 1 + 9 of the percent, RFC 5235 §3.2.1.
        for number in 1..=10 {
            let texts = format!("Found = {number}, none=0");
            let percent = (u16::from(number - 1u8) * 100).div_ceil(9);
            let want = format!("{percent} {number}");
            let rows: &[(&str, &str)] = &[("V: found", &want), ("V: none", "- -"), ("V: x", "- -")];
            check("V", (StatusType::Text, 1, &texts), rows);
            assert_eq!(1 + percent * 9 / 100, u16::from(number));
        }
    }
}
