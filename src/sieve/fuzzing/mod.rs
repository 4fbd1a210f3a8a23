//! The body of the fuzz target `sieve_interpreter`, and the same from seeds: whatever the script, the
//! message and the answers, nothing panics, nothing goes beyond its bounds, every action is
//! well-formed, and the same run gives the same outcome.
//!
//!     SIEVE_SEED=7 cargo test --lib sieve::fuzzing -- --nocapture
//!     SIEVE_SEEDS=100000 cargo test --lib sieve::fuzzing
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "to panic is how a property fails; nothing here runs in a server"
)]

mod choices;
mod generate;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::choices::Choices;
use super::*;

/// Scripts, a message, limits and answers out of `input`. It begins with a byte: an even one, and the
/// rest are a generator's choices; an odd one, and what follows is text, where `\0` ends a script and
/// a second one in a row the last of them, before the message.
pub fn interpreter(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    if first % 2 == 0 {
        let mut choices = Choices::of_bytes(rest);
        let played = Played::made_of(&mut choices);
        return played.play(choices, Shown::Nothing);
    }
    let at = rest.windows(2).position(|pair| pair == [0, 0]).unwrap_or(rest.len());
    let scripts = rest[..at].split(|byte| *byte == 0).take(4).map(<[u8]>::to_vec).collect();
    let message = rest.get(at + 2..).unwrap_or_default().to_vec();
    Played { scripts, message }.play(Choices::of_seed(u64::from(*first)), Shown::Nothing);
}

/// What is told of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Everything,
}

/// The first script is run; the others are there to be included.
struct Played {
    scripts: Vec<Vec<u8>>,
    message: Vec<u8>,
}

impl Played {
    fn made_of(random: &mut Choices<'_>) -> Self {
        let mut scripts = Vec::new();
        for _ in 0..1 + random.below(3) {
            let mut text = generate::script(random).into_bytes();
            if random.one_in(10) {
                // What is broken is refused, or does something else.
                let at = random.below(text.len());
                text[at] = random.pick(&["\"", ";", "{", "}", "x", ":"]).as_bytes()[0];
            }
            scripts.push(text);
        }
        Self { scripts, message: generate::message(random) }
    }

    fn play(&self, mut random: Choices<'_>, shown: Shown) {
        let mut scripts = Vec::new();
        for text in &self.scripts {
            if shown == Shown::Everything {
                println!("{}\n", String::from_utf8_lossy(text));
            }
            match compile(text, OFFERED) {
                Ok(script) => scripts.push(Arc::new(script)),
                Err(mistakes) => assert!(!mistakes.is_empty()),
            }
        }
        let Some(first) = scripts.first() else { return };
        let map = MessageMap::parse(&self.message);
        let envelope = Envelope {
            from: random.pick(&["", "t@e.example", "@r:a+b@c", "x"]).into(),
            to: random.pick(&["x@y.example", "a+b@y.example", ""]).into(),
            ..Envelope::default()
        };
        let limits = limits(&mut random);
        let spam = random.one_in(2).then_some(Verdict { score: 40, text: "" });
        let imap = random.one_in(3).then(|| ImapEvent {
            cause: random.pick(&["APPEND", "COPY", "FLAG"]),
            mailbox: random.pick(&["INBOX", "x", "\u{c4}"]),
            source: random.one_in(2).then_some("INBOX"),
            changed_flags: if random.one_in(2) { &["\\Seen", "x"] } else { &[] },
            flags: if random.one_in(2) { &["\\Seen", "$Junk"] } else { &[] },
        });
        let environment = Environment { imap, ..Environment::default() };
        let addresses = &["x@y.example"];
        let facts = Facts { addresses, limits, spam, environment, ..Facts::default() };
        let mail = Mail { bytes: &self.message, map: &map, envelope: &envelope };
        let [quiet, traced] = [false, true].map(|traced| {
            let facts = Facts { traced, ..facts.clone() };
            let mut random = random.clone();
            let outcome = finish(run(Arc::clone(first), mail, &facts), |question| {
                answer(&mut random, question, &scripts)
            });
            well_formed(&outcome, &limits, &self.message);
            // RFC 6785 §3.11: there is nobody to answer or to refuse.
            let is_answer =
                |done: &Done| matches!(done.action, Action::Vacation(_) | Action::Reject { .. });
            assert!(imap.is_none() || !outcome.actions.iter().any(is_answer), "{outcome:?}");
            outcome
        });
        if shown == Shown::Everything {
            println!("{:?}\n{traced:#?}", String::from_utf8_lossy(&self.message));
        }
        // Being watched changes nothing.
        assert_eq!((&quiet.actions, &quiet.error), (&traced.actions, &traced.error));
        assert_eq!(quiet.duplicates, traced.duplicates);
    }
}

/// A run with all that it asks.
fn finish(mut step: Step<'_>, mut answer: impl FnMut(&Question) -> Answer) -> Outcome {
    for _ in 0..200_000 {
        step = match step {
            Step::Done(outcome) => return outcome,
            Step::Ask(asking) => {
                let answer = answer(asking.question());
                asking.answer(answer)
            }
        };
    }
    panic!("it asks without end");
}

fn limits(random: &mut Choices<'_>) -> Limits {
    if random.one_in(2) {
        return Limits::default();
    }
    Limits {
        actions_max: random.below(4),
        redirects_max: random.below(3),
        includes_max: random.below(3),
        include_depth_max: 1 + random.below(3),
        globals_max: random.below(3),
        string_bytes_max: random.below(60),
        variables_bytes_max: random.below(100),
        instructions_max: random.below(200) as u64,
        match_steps_max: random.below(3_000) as u64,
        edits_max: random.below(5),
        added_bytes_max: random.below(2_000),
        copied_bytes_max: random.below(2_000),
        questions_max: random.below(30),
        trace_lines_max: random.below(9),
    }
}

fn answer(random: &mut Choices<'_>, question: &Question, scripts: &[Arc<Script>]) -> Answer {
    if random.one_in(40) {
        return Answer::Impossible("it is broken".into());
    }
    if random.one_in(100) {
        return Answer::Bool(true); // to any question
    }
    match question {
        Question::Script { .. } if random.one_in(4) => Answer::Script(Ok(None)),
        Question::Script { .. } if random.one_in(9) => Answer::Script(Err("wrong".into())),
        Question::Script { .. } => {
            Answer::Script(Ok(scripts.get(random.below(scripts.len())).cloned()))
        }
        Question::MailboxById { .. }
        | Question::SpecialUseMailbox { .. }
        | Question::Metadata { .. }
        | Question::InLists { .. } => {
            Answer::Text((!random.one_in(2)).then(|| random.pick(&["x", "INBOX", "Ä"]).into()))
        }
        _ => Answer::Bool(random.one_in(2)),
    }
}

fn well_formed(outcome: &Outcome, limits: &Limits, received: &[u8]) {
    assert!(outcome.trace.len() <= limits.trace_lines_max);
    assert!(outcome.trace.iter().all(|line| !line.text.contains(char::is_control)));
    if outcome.error.is_some() {
        assert!(matches!(
            &*outcome.actions,
            [Done {
                action: Action::Keep { implicit: true, version: Version::AsReceived, .. },
                ..
            }]
        ));
        assert!(outcome.duplicates.is_empty());
        return;
    }
    // The implicit keep has its room always.
    assert!(outcome.actions.len() <= limits.actions_max + 1, "{outcome:?}");
    let (mut redirects, mut mailboxes) = (0, Vec::new());
    for done in &outcome.actions {
        let version = match &done.action {
            Action::Keep { version, flags, .. } => {
                mailboxes.push("INBOX".to_owned());
                flags.iter().for_each(|flag| right_flag(flag));
                Some(version)
            }
            Action::FileInto { filing, version } => {
                let name = &filing.mailbox;
                assert!(!name.is_empty() && !name.contains(char::is_control));
                mailboxes.push(name.clone());
                filing.flags.iter().for_each(|flag| right_flag(flag));
                Some(version)
            }
            Action::Redirect(redirect) => {
                redirects += 1;
                if let RedirectTo::Address(address) = &redirect.to {
                    right_address(address);
                }
                Some(&redirect.version)
            }
            Action::Vacation(answer) => {
                assert!(!answer.to.is_empty() && !answer.handle.is_empty());
                assert!(answer.references.as_ref().is_none_or(|r| !r.contains(['\r', '\n'])));
                None
            }
            Action::Notify(notify) => {
                notify.recipients.iter().for_each(|address| right_address(address));
                None
            }
            Action::Reject { .. } => None,
        };
        let Some(bytes) = version.map(|version| version.bytes(received)) else { continue };
        assert!(bytes.len() <= received.len() + limits.added_bytes_max + 256 * 1024);
    }
    assert!(redirects <= limits.redirects_max);
    mailboxes.sort();
    assert!(mailboxes.windows(2).all(|pair| pair[0] != pair[1]), "{mailboxes:?}");
}

fn right_flag(flag: &str) {
    assert!(!flag.is_empty() && !flag.contains([' ', '(', ')', '\r', '\n', '"']), "{flag:?}");
}

fn right_address(address: &str) {
    assert!(
        address.contains('@') && !address.contains(['\r', '\n', '<', '>', '\0']),
        "{address:?}"
    );
}
