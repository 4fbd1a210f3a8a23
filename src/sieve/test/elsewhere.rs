//! Tests of what is not in the message: mailboxes, annotations, the environment, what was seen
//! before, lists, and the verdicts of others.

use parser::sieve::tree::{Compare, EnvironmentItem, MatchType, Test, Text, Word};

use super::Trial;
use crate::limits::{SIEVE_DUPLICATE_SECONDS, SIEVE_DUPLICATE_SECONDS_MAX, SIEVE_TRACKED_MAX};
use crate::sieve::action::Tracked;
use crate::sieve::ask::Question;
use crate::sieve::facts::Verdict;
use crate::sieve::run::{Halt, World};
use crate::sieve::{lists, notify};

impl World<'_> {
    pub(super) fn elsewhere(&self, test: &Test, trial: &mut Trial<'_>) -> Result<bool, Halt> {
        match test {
            Test::MailboxExists(names) => all(names, |name| {
                let mailbox = self.names().string(name);
                trial.work.ask_bool(|| Question::MailboxExists { mailbox })
            }),
            Test::MailboxIdExists(ids) => all(ids, |id| {
                let id = self.names().string(id);
                Ok(trial.work.ask_text(|| Question::MailboxById { id })?.is_some())
            }),
            Test::SpecialUseExists { mailbox, uses } => all(uses, |attribute| {
                let attribute = self.names().string(attribute);
                let mailbox = mailbox.as_deref().map(|mailbox| self.names().string(mailbox));
                trial.work.ask_bool(|| Question::SpecialUseExists { mailbox, attribute })
            }),
            Test::Metadata { mailbox, annotation, compare } => {
                match self.annotation(mailbox.as_deref(), annotation, trial)? {
                    Some(value) => self.one(compare, Some(value.as_bytes()), trial),
                    None => Ok(false),
                }
            }
            Test::MetadataExists { mailbox, annotations } => all(annotations, |annotation| {
                Ok(self.annotation(mailbox.as_deref(), annotation, trial)?.is_some())
            }),
            Test::Duplicate { .. } => self.duplicate(test, trial),
            Test::Environment { item, compare } => self.environment(item, compare, trial),
            Test::ValidNotifyMethod(uris) => {
                all(uris, |uri| Ok(notify::parse(&self.names().string(uri)).is_ok()))
            }
            Test::NotifyMethodCapability { method, capability, compare } => {
                // RFC 5435 §5: what is not known fails, and is no error.
                if !notify::is_known(&self.names().string(method)) {
                    return Ok(false);
                }
                let value: &[u8] = match &*self.names().string(capability).to_ascii_lowercase() {
                    "online" => b"maybe", // RFC 5436 §2.2: nobody knows
                    "fcc" => b"yes",      // RFC 8580 §6.1
                    _ => return Ok(false),
                };
                self.one(compare, Some(value), trial)
            }
            Test::ValidExtList(names) => all(names, |name| {
                let Ok(list) = lists::name(&self.names().text(name)) else { return Ok(false) };
                trial.work.ask_bool(|| Question::ListExists { list })
            }),
            Test::SpamTest { percent, compare } => {
                let score = |verdict: Verdict<'_>| match percent {
                    true => u16::from(verdict.score.min(100)),
                    // RFC 5235 §3.2.1: 1 is clear, 10 is certain.
                    false => 1 + u16::from(verdict.score.min(100)) * 9 / 100,
                };
                self.verdict(self.facts.spam, score, compare, trial)
            }
            Test::VirusTest(compare) => {
                let score = |verdict: Verdict<'_>| u16::from(verdict.score.clamp(1, 5));
                self.verdict(self.facts.virus, score, compare, trial)
            }
            _ => Err(Halt::error("this test is not known here")),
        }
    }

    fn annotation(
        &self,
        mailbox: Option<&Text>,
        annotation: &Text,
        trial: &mut Trial<'_>,
    ) -> Result<Option<String>, Halt> {
        let mailbox = mailbox.map(|mailbox| self.names().string(mailbox));
        let annotation = self.names().string(annotation);
        trial.work.ask_text(|| Question::Metadata { mailbox, annotation })
    }

    fn environment(
        &self,
        item: &Word<EnvironmentItem>,
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let item = self.word(item)?;
        // RFC 5183 §4: of an unknown item every test fails; the empty string counts as none.
        let Some(value) = self.names().environment(&item).map(|value| value.into_owned()) else {
            return Ok(false);
        };
        let counts = matches!(compare.matching.kind, MatchType::Count(_));
        self.one(compare, (!counts || !value.is_empty()).then_some(value.as_bytes()), trial)
    }

    /// `duplicate` — RFC 7352 §3.
    fn duplicate(&self, test: &Test, trial: &mut Trial<'_>) -> Result<bool, Halt> {
        let Test::Duplicate { handle, header, unique_id, seconds, last } = test else {
            return Ok(false);
        };
        if self.facts.environment.imap.is_some() {
            // §3.4.
            return Err(Halt::error("\"duplicate\" is for mail that is delivered"));
        }
        if *seconds == Some(0) {
            return Ok(false); // §3.3
        }
        let id = match (unique_id, header) {
            (Some(id), _) => self.names().string(id),
            (None, header) => {
                let name = header.as_deref().map_or(b"Message-ID".into(), |h| self.names().text(h));
                trial.work.budget.steps(self.message.look_up_steps(self.root()))?;
                let first = self.message.values(self.root(), &name).next();
                // §3.1: without the field there is nothing to remember.
                let Some(value) = first else { return Ok(false) };
                trial.work.budget.steps(value.len())?;
                String::from_utf8_lossy(&value.text()).into_owned()
            }
        };
        let handle = handle.as_deref().map_or(String::new(), |handle| self.names().string(handle));
        let question = || Question::Duplicate { handle: handle.clone(), id: id.clone() };
        let seen = trial.work.ask_bool(question)?;
        if !seen || *last {
            let seconds = seconds.unwrap_or(SIEVE_DUPLICATE_SECONDS);
            let seconds = seconds.min(SIEVE_DUPLICATE_SECONDS_MAX);
            let tracked = Tracked { handle, id, seconds, last: *last };
            let known = &mut trial.work.tracked;
            // §3.3: the test that came last says for how long.
            known.retain(|known| known.handle != tracked.handle || known.id != tracked.id);
            if known.len() >= SIEVE_TRACKED_MAX {
                return Err(Halt::error("there are too many ids to remember"));
            }
            known.push(tracked);
        }
        Ok(seen)
    }

    /// The normalised result of RFC 5235 §3.1.
    fn verdict(
        &self,
        verdict: Option<Verdict<'_>>,
        score: impl Fn(Verdict<'_>) -> u16,
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let result = verdict.map_or("0".to_owned(), |verdict| {
            let number = score(verdict);
            if verdict.text.is_empty() {
                number.to_string()
            } else {
                format!("{number} {}", verdict.text)
            }
        });
        let mut matcher = self.matcher(compare, trial)?;
        // §3.1: the count is 1 if there was a test.
        let counts = !matcher.only_counts() || verdict.is_some();
        let matched = counts && matcher.value(result.as_bytes(), &mut trial.work.budget)?;
        super::settle(matcher, matched, trial)
    }
}

/// Looks no further than the first that is untrue.
fn all(texts: &[Text], mut holds: impl FnMut(&Text) -> Result<bool, Halt>) -> Result<bool, Halt> {
    for text in texts {
        if !holds(text)? {
            return Ok(false);
        }
    }
    Ok(true)
}
