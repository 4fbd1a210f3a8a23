//! Tests (RFC 5228 §5 and the extensions'): what each of them looks at. They change nothing.

mod body;
mod date;
mod elsewhere;
mod envelope;
mod header;

use parser::sieve::tree::{Compare, Test, Word, WordOf};

pub(super) use date::{Moment, now};

use super::ask::Question;
use super::flags;
use super::keys::{Keys, Matcher, Prepared};
use super::run::{Halt, Work, World};

/// What a test needs beside what it looks at.
pub(super) struct Trial<'t> {
    pub(super) keys: &'t Prepared,
    /// The script may read match variables.
    pub(super) captures: bool,
    pub(super) work: &'t mut Work,
}

impl World<'_> {
    /// Makes room for what a test may want to keep.
    pub(super) fn prepare(&mut self, test: &Test) {
        if matches!(test, Test::Body { .. }) {
            self.message.prepare_body();
        }
    }

    pub(super) fn test(
        &self,
        test: &Test,
        keys: &Prepared,
        captures: bool,
        work: &mut Work,
    ) -> Result<bool, Halt> {
        let mut trial = Trial { keys, captures, work };
        match test {
            Test::Header { index, mime, headers, compare } => {
                self.header(*index, mime.as_deref(), headers, compare, &mut trial)
            }
            Test::Address { part, index, mime, headers, compare } => {
                self.address(*part, *index, mime.as_deref(), headers, compare, &mut trial)
            }
            Test::Exists { mime, headers } => self.exists(mime.as_deref(), headers, &mut trial),
            Test::Size { over, limit } => {
                let size = self.message.size(self.root());
                Ok(if *over { size > *limit } else { size < *limit })
            }
            Test::Envelope { part, zone, parts, compare } => {
                self.envelope(*part, zone, parts, compare, &mut trial)
            }
            Test::Body { transform, compare } => self.body(transform, compare, &mut trial),
            Test::String { sources, compare } => {
                let mut matcher = self.matcher(compare, &mut trial)?;
                for source in sources {
                    let value = self.names().text(source);
                    trial.work.budget.steps(value.len())?;
                    // RFC 5229 §5: an empty string is none.
                    if !(matcher.only_counts() && value.is_empty())
                        && matcher.value(&value, &mut trial.work.budget)?
                    {
                        return settle(matcher, true, &mut trial);
                    }
                }
                settle(matcher, false, &mut trial)
            }
            Test::HasFlag { variables, compare } => {
                let mut matcher = self.flag_matcher(compare, &mut trial)?;
                let names = self.names();
                let own = [self.flags.clone()];
                let named = variables.iter().map(|id| names.scope.value(names.globals, *id));
                let named: Vec<String> =
                    named.map(|value| String::from_utf8_lossy(value).into_owned()).collect();
                for set in if variables.is_empty() { &own[..] } else { &named } {
                    let set = std::iter::once(set.as_str());
                    for flag in flags::words(set, &mut trial.work.budget)? {
                        if matcher.value(flag.as_bytes(), &mut trial.work.budget)? {
                            return settle(matcher, true, &mut trial);
                        }
                    }
                }
                settle(matcher, false, &mut trial)
            }
            Test::Date { zone, index, header, part, compare } => {
                self.date(zone, *index, header, part, compare, &mut trial)
            }
            Test::CurrentDate { zone, part, compare } => {
                self.current_date(zone, part, compare, &mut trial)
            }
            _ => self.elsewhere(test, &mut trial),
        }
    }

    /// What a word of a fixed set is, now that its variables are known.
    pub(super) fn word<T: WordOf + Clone>(&self, word: &Word<T>) -> Result<T, Halt> {
        match word {
            Word::Known(known) => Ok(known.clone()),
            Word::Computed(text) => {
                let text = self.names().string(text);
                T::word(&text).ok_or_else(|| {
                    let found = super::trace::shown(text.as_bytes());
                    Halt::Error(format!("expected {}, found {found}", T::EXPECTED))
                })
            }
        }
    }

    pub(super) fn matcher<'k>(
        &self,
        compare: &Compare,
        trial: &mut Trial<'k>,
    ) -> Result<Matcher<'k>, Halt> {
        let keys = self.keys(compare, trial, |text| vec![text])?;
        Ok(Matcher::new(compare.matching, keys, trial.captures, self.facts.traced))
    }

    /// RFC 5232 §4: a key may be several flags.
    fn flag_matcher<'k>(
        &self,
        compare: &Compare,
        trial: &mut Trial<'k>,
    ) -> Result<Matcher<'k>, Halt> {
        let keys = self.keys(compare, trial, |text| {
            text.split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty())
                .map(<[u8]>::to_vec)
                .collect()
        })?;
        Ok(Matcher::new(compare.matching, keys, trial.captures, self.facts.traced))
    }

    fn keys<'k>(
        &self,
        compare: &Compare,
        trial: &mut Trial<'k>,
        parts: impl Fn(Vec<u8>) -> Vec<Vec<u8>>,
    ) -> Result<Keys<'k>, Halt> {
        let texts = |nth| {
            let text = compare.keys.get(nth);
            text.map_or(Vec::new(), |text| parts(self.names().text(text).into_owned()))
        };
        Keys::new(compare.matching, trial.keys, texts, &mut trial.work.budget)
    }

    /// Holds one value against the keys of a test.
    pub(super) fn one(
        &self,
        compare: &Compare,
        value: Option<&[u8]>,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let mut matcher = self.matcher(compare, trial)?;
        let matched = match value {
            Some(value) => matcher.value(value, &mut trial.work.budget)?,
            None => false,
        };
        settle(matcher, matched, trial)
    }
}

/// The end of a test: counts and lists are looked at when all values are known.
pub(super) fn settle(
    mut matcher: Matcher<'_>,
    matched: bool,
    trial: &mut Trial<'_>,
) -> Result<bool, Halt> {
    let mut matched = matched || matcher.counted();
    let work = &mut *trial.work;
    if !matched && let Some((lists, values)) = matcher.question() {
        let found = work.ask_text(|| Question::InLists { lists, values })?;
        matched = found.is_some();
        // RFC 6134 §2.2: ${0} is the value as the list has it.
        matcher.captured = found.filter(|_| trial.captures).map(|value| vec![value.into_bytes()]);
    }
    if matched {
        work.captured = matcher.captured.filter(|_| matcher.captures);
        work.why = matcher.why;
    }
    Ok(matched)
}
