//! A run of a script: a machine with a stack of scripts and a place in each. It does no I/O: what it
//! cannot know it asks for, and a question is a state it rests in.
//!
//! An operation that has to ask is run again from its beginning, with the answers so far. So nothing
//! may be changed before the last question of an operation: commands first learn, then act.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use parser::sieve::tree::{Command, Location, VariableId};
use parser::sieve::{Capability, Position};

use super::action::{Action, Failed, Ledger, Line, LineKind, Outcome, Tracked, Version};
use super::ask::{Answer, Question};
use super::facts::{Envelope, Facts, Mail};
use super::flags;
use super::limits::Budget;
use super::message::Message;
use super::scope::{Globals, Names, Scope};
use super::script::{Code, Script};
use super::trace;

/// Where a run has come to.
#[derive(Debug)]
#[must_use = "a run that is dropped has done nothing: the message would be lost"]
pub enum Step<'m> {
    /// It waits for an answer.
    Ask(Asking<'m>),
    /// It is over.
    Done(Outcome),
}

/// A run that waits for an answer.
#[must_use = "without an answer the run does not go on"]
pub struct Asking<'m> {
    run: Box<Run<'m>>,
    question: Question,
}

impl fmt::Debug for Asking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.question.fmt(f)
    }
}

impl<'m> Asking<'m> {
    /// What is asked.
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Goes on.
    pub fn answer(mut self, answer: Answer) -> Step<'m> {
        self.run.work.answers.push(answer);
        self.run.drive()
    }
}

/// Begins to run a script on a message; it runs until it has a question, or is over.
pub fn run<'m>(script: Arc<Script>, mail: Mail<'m>, facts: &'m Facts<'m>) -> Step<'m> {
    Box::new(Run::new(script, mail, facts)).drive()
}

/// Why an operation did not come to its end.
#[derive(Debug)]
pub(super) enum Halt {
    Ask(Box<Question>),
    Error(String),
}

impl Halt {
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self::Error(message.into())
    }
}

/// What tests look at, and commands change.
pub(super) struct Run<'m> {
    pub(super) world: World<'m>,
    pub(super) work: Work,
}

pub(super) struct World<'m> {
    pub(super) facts: &'m Facts<'m>,
    pub(super) envelope: &'m Envelope<'m>,
    pub(super) message: Message<'m>,
    pub(super) frames: Vec<Frame>,
    pub(super) globals: Globals,
    /// The internal variable of RFC 5232 §2; all scripts share it.
    pub(super) flags: String,
    pub(super) ledger: Ledger,
    /// RFC 5230 §4.7: once a run.
    pub(super) answered: bool,
    pub(super) edits: usize,
    pub(super) added_bytes: usize,
    /// Bytes of the copies that actions are about.
    copied: usize,
    /// Scripts that were included so far (RFC 6609 §3.2).
    included: Vec<(Location, Box<str>)>,
    /// Redirects go out without what `enclose` has done (RFC 5703 §6).
    pub(super) unenclosed: Option<Version>,
}

/// A script that runs, or waits for the one it included.
pub(super) struct Frame {
    script: Arc<Script>,
    /// How `include` named it; `None`: the first.
    source: Option<(Location, Box<str>)>,
    next: usize,
    pub(super) scope: Scope,
    pub(super) loops: Vec<Loop>,
    /// The part that is the whole message for it (RFC 6609 §3.5).
    pub(super) root: usize,
}

/// A `foreverypart` (RFC 5703 §3): parts by their place in the map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    pub(super) current: Option<usize>,
    pub(super) next: usize,
    pub(super) end: usize,
}

impl Frame {
    /// The part that commands are about.
    pub(super) fn part(&self) -> usize {
        self.loops.last().and_then(|inner| inner.current).unwrap_or(self.root)
    }
}

/// What an operation uses up and leaves behind.
pub(super) struct Work {
    pub(super) budget: Budget,
    /// To the questions of this operation.
    answers: Vec<Answer>,
    asked: usize,
    /// That may still be asked.
    questions: usize,
    /// Match variables of the test that has just matched.
    pub(super) captured: Option<Vec<Vec<u8>>>,
    /// What matched, for the trace.
    pub(super) why: Option<String>,
    pub(super) tracked: Vec<Tracked>,
    trace: Vec<Line>,
}

impl Work {
    /// The answer, or the question to stop for.
    pub(super) fn ask(&mut self, question: impl FnOnce() -> Question) -> Result<&Answer, Halt> {
        let nth = self.asked;
        self.asked += 1;
        // An operation with many questions is run again for each.
        self.budget.steps(ASK_STEPS)?;
        match self.answers.get(nth) {
            Some(Answer::Impossible(why)) => Err(Halt::Error(why.clone())),
            Some(answer) => Ok(answer),
            None => {
                self.questions = self
                    .questions
                    .checked_sub(1)
                    .ok_or_else(|| Halt::error("the script asks too much of the mail store"))?;
                Err(Halt::Ask(Box::new(question())))
            }
        }
    }

    pub(super) fn ask_bool(&mut self, question: impl FnOnce() -> Question) -> Result<bool, Halt> {
        match self.ask(question)? {
            Answer::Bool(yes) => Ok(*yes),
            _ => Err(wrong_answer()),
        }
    }

    pub(super) fn ask_text(
        &mut self,
        question: impl FnOnce() -> Question,
    ) -> Result<Option<String>, Halt> {
        match self.ask(question)? {
            Answer::Text(text) => Ok(text.clone()),
            _ => Err(wrong_answer()),
        }
    }
}

/// What a question costs each time it is come by.
const ASK_STEPS: usize = 64;

fn wrong_answer() -> Halt {
    Halt::error("what was asked for was not answered")
}

/// What follows an operation.
enum Flow {
    /// The next one.
    On,
    Jump(usize),
    Call(Box<Frame>),
    Return,
    Stop,
}

impl<'m> Run<'m> {
    fn new(script: Arc<Script>, mail: Mail<'m>, facts: &'m Facts<'m>) -> Self {
        let mut globals = Globals::default();
        let scope = Scope::new(&script.variables, &mut globals, facts.limits.globals_max);
        let frame = Frame {
            script,
            source: None,
            next: 0,
            scope: scope.unwrap_or_default(),
            loops: Vec::new(),
            root: 0,
        };
        let world = World {
            facts,
            envelope: mail.envelope,
            message: Message::new(Cow::Borrowed(mail.bytes), Cow::Borrowed(mail.map)),
            frames: vec![frame],
            globals,
            flags: match facts.environment.imap {
                Some(event) => event.flags.join(" "),
                None => facts.flags.join(" "),
            },
            ledger: Ledger::new(facts.done),
            answered: false,
            edits: 0,
            added_bytes: 0,
            copied: 0,
            included: Vec::new(),
            unenclosed: None,
        };
        let work = Work {
            budget: Budget::new(&facts.limits),
            answers: Vec::new(),
            asked: 0,
            questions: facts.limits.questions_max,
            captured: None,
            why: None,
            tracked: Vec::new(),
            trace: Vec::new(),
        };
        Self { world, work }
    }

    fn drive(mut self: Box<Self>) -> Step<'m> {
        while let Some(frame) = self.world.frames.last() {
            let script = Arc::clone(&frame.script);
            match self.frame(&script) {
                Ok(Flow::Call(frame)) => self.world.frames.push(*frame),
                Ok(Flow::Stop) => break,
                Ok(_) => {
                    if let Some(frame) = self.world.frames.pop() {
                        self.world.globals.forget(&frame.scope);
                    }
                }
                Err((_, Halt::Ask(question))) => {
                    return Step::Ask(Asking { run: self, question: *question });
                }
                Err((at, Halt::Error(message))) => return Step::Done(self.failed(at, message)),
            }
        }
        Step::Done(self.finish())
    }

    /// Runs the script on top until it calls, ends, or halts.
    fn frame(&mut self, script: &Script) -> Result<Flow, (Position, Halt)> {
        let mut next = self.world.frames.last().map_or(0, |frame| frame.next);
        if next == 0 && self.world.facts.environment.imap.is_some() {
            // RFC 6785 §3.11: not even to be required.
            let inapplicable = [Capability::Reject, Capability::Ereject, Capability::Vacation];
            if let Some(name) = inapplicable.iter().find(|name| script.required.has(**name)) {
                let why = format!("\"{name}\" is for mail that is delivered");
                return Err((Position::START, Halt::Error(why)));
            }
        }
        while let Some(op) = script.ops.get(next) {
            self.work.asked = 0;
            let budget = self.work.budget.instruction();
            let flow = budget.and_then(|()| self.op(script, op.at, &op.code));
            let flow = flow.map_err(|halt| {
                // It may be a question: then this operation is run again.
                self.world.frames.last_mut().into_iter().for_each(|frame| frame.next = next);
                (op.at, halt)
            })?;
            self.work.answers.clear();
            next = match flow {
                Flow::On => next + 1,
                Flow::Jump(to) => to,
                Flow::Call(_) => {
                    self.world.frames.last_mut().into_iter().for_each(|f| f.next = next + 1);
                    return Ok(flow);
                }
                Flow::Return | Flow::Stop => return Ok(flow),
            };
        }
        Ok(Flow::Return)
    }

    fn op(&mut self, script: &Script, at: Position, code: &Code) -> Result<Flow, Halt> {
        match code {
            Code::Test { test, keys, yes, no } => {
                self.world.prepare(test);
                let holds = self.world.test(test, keys, script.captures(), &mut self.work)?;
                let why = self.work.why.take();
                if let Some(captured) = self.work.captured.take()
                    && let Some(frame) = self.world.frames.last_mut()
                {
                    frame.scope.matches = captured;
                }
                self.trace(at, LineKind::Test(holds), || {
                    format!(
                        "{}{}",
                        super::names::test(test),
                        why.map_or(String::new(), |why| format!(": {why}"))
                    )
                });
                Ok(Flow::Jump(if holds { *yes } else { *no }))
            }
            Code::Known { holds, next } => {
                self.trace(at, LineKind::Test(*holds), || {
                    if *holds { "true" } else { "false" }.into()
                });
                Ok(Flow::Jump(*next))
            }
            Code::Jump(to) => Ok(Flow::Jump(*to)),
            Code::Stop => {
                self.trace(at, LineKind::Command, || "stop".into());
                Ok(Flow::Stop)
            }
            Code::Return => Ok(Flow::Return),
            Code::Loop => {
                self.world.begin_loop();
                Ok(Flow::On)
            }
            Code::Next { out } => {
                if let Some(part) = self.world.next_part() {
                    self.trace(at, LineKind::Command, || format!("foreverypart: part {part}"));
                    return Ok(Flow::On);
                }
                Ok(Flow::Jump(*out))
            }
            Code::Break { loops, out } => {
                if let Some(frame) = self.world.frames.last_mut() {
                    let loops = usize::try_from(*loops).unwrap_or(usize::MAX);
                    let kept = frame.loops.len().saturating_sub(loops);
                    frame.loops.truncate(kept);
                }
                self.trace(at, LineKind::Command, || "break".into());
                Ok(Flow::Jump(*out))
            }
            Code::Command(command) => match &**command {
                Command::Include { location, once, optional, name } => {
                    self.include(at, *location, name, *once, *optional)
                }
                command => self.command(at, command, None),
            },
            Code::DeleteHeader { command, keys } => self.command(at, command, Some(keys)),
        }
    }

    fn command(
        &mut self,
        at: Position,
        command: &Command,
        keys: Option<&super::keys::Prepared>,
    ) -> Result<Flow, Halt> {
        if let Command::DebugLog(text) = command {
            let text = self.world.names().string(text);
            self.work.budget.steps(text.len())?;
            self.line(at, LineKind::Debug, text);
            return Ok(Flow::On);
        }
        let done = self.world.command(at, command, keys, &mut self.work)?;
        self.trace(at, LineKind::Command, || done.unwrap_or_default());
        Ok(Flow::On)
    }

    /// `include` — RFC 6609 §3.2.
    fn include(
        &mut self,
        at: Position,
        location: Location,
        name: &str,
        once: bool,
        optional: bool,
    ) -> Result<Flow, Halt> {
        let world = &mut self.world;
        let is_it = |source: &(Location, Box<str>)| source.0 == location && *source.1 == *name;
        let limits = &world.facts.limits;
        let first = world.facts.script_name.filter(|_| location == Location::Personal);
        let running = first == Some(name)
            || world.frames.iter().any(|frame| frame.source.as_ref().is_some_and(is_it));
        if once && (running || world.included.iter().any(is_it)) {
            self.trace(at, LineKind::Command, || format!("include {name:?}: was included before"));
            return Ok(Flow::On);
        }
        if running {
            return Err(Halt::Error(format!("the script {name:?} includes itself")));
        }
        if world.frames.len() >= limits.include_depth_max {
            return Err(Halt::error("scripts include each other too deep"));
        }
        if world.included.len() >= limits.includes_max {
            return Err(Halt::error("too many scripts are included"));
        }
        let answer = self.work.ask(|| Question::Script { location, name: name.into() })?;
        let Answer::Script(found) = answer else { return Err(wrong_answer()) };
        let script = match found {
            Ok(Some(script)) => Arc::clone(script),
            Ok(None) if optional => {
                self.trace(at, LineKind::Command, || format!("include {name:?}: there is none"));
                return Ok(Flow::On);
            }
            Ok(None) => return Err(Halt::Error(format!("there is no script {name:?}"))),
            Err(why) => return Err(Halt::Error(format!("the script {name:?} is wrong: {why}"))),
        };
        let scope = Scope::new(&script.variables, &mut world.globals, limits.globals_max);
        let scope = scope.ok_or_else(|| Halt::error("there are too many global variables"))?;
        let root = world.frames.last().map_or(0, Frame::part);
        let source = (location, Box::from(name));
        world.included.push(source.clone());
        let frame = Frame { script, source: Some(source), next: 0, scope, loops: Vec::new(), root };
        self.trace(at, LineKind::Command, || format!("include {name:?}"));
        Ok(Flow::Call(Box::new(frame)))
    }

    fn trace(&mut self, at: Position, kind: LineKind, text: impl FnOnce() -> String) {
        if self.world.facts.traced {
            self.line(at, kind, text());
        }
    }

    fn line(&mut self, at: Position, kind: LineKind, text: String) {
        let told = kind == LineKind::Debug || !text.is_empty();
        if !told || self.work.trace.len() >= self.world.facts.limits.trace_lines_max {
            return;
        }
        let script = self.source();
        self.work.trace.push(Line { at, script, kind, text: trace::line(&text) });
    }

    /// The name of the script that runs, if it is an included one.
    fn source(&self) -> Option<Box<str>> {
        let frame = self.world.frames.last()?;
        frame.source.as_ref().map(|(_, name)| name.clone())
    }

    /// RFC 5228 §2.10.6: the message is kept, as it came (RFC 5293 §7).
    fn failed(self, at: Position, message: String) -> Outcome {
        let script = self.source();
        let keep = Action::Keep { implicit: true, flags: Vec::new(), version: Version::AsReceived };
        Outcome {
            actions: vec![super::action::Done { at, action: keep }],
            error: Some(Failed { at, script, message: trace::line(&message) }),
            duplicates: Vec::new(),
            trace: self.work.trace,
        }
    }

    fn finish(self) -> Outcome {
        let Self { world, work } = self;
        let mut world = world;
        // What nothing else holds needs no other memory.
        let mut copied = 0;
        let version = match world.facts.environment.imap {
            Some(_) => Version::AsReceived,
            None => world.message.version(&mut copied),
        };
        let World { ledger, flags, facts, .. } = world;
        let actions = ledger.finish(facts.default_mailbox, || Action::Keep {
            implicit: true,
            flags: flags::listed(&flags),
            version,
        });
        Outcome { actions, error: None, duplicates: work.tracked, trace: work.trace }
    }
}

impl<'m> World<'m> {
    pub(super) fn names(&self) -> Names<'_> {
        static NOTHING: Scope = Scope::NONE;
        let scope = self.frames.last().map_or(&NOTHING, |frame| &frame.scope);
        Names { scope, globals: &self.globals, facts: self.facts }
    }

    /// The part that the script on top takes for the message.
    pub(super) fn root(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.root)
    }

    /// The part that the innermost loop is at, or that message.
    pub(super) fn part(&self) -> usize {
        self.frames.last().map_or(0, Frame::part)
    }

    /// `foreverypart` — RFC 5703 §3: outside of others over all parts, the message itself first;
    /// inside over what is in the current part.
    fn begin_loop(&mut self) {
        let part = self.part();
        let end = self.message.end(part);
        let Some(frame) = self.frames.last_mut() else { return };
        let first = if frame.loops.is_empty() { part } else { part + 1 };
        frame.loops.push(Loop { current: None, next: first, end });
    }

    fn next_part(&mut self) -> Option<usize> {
        let frame = self.frames.last_mut()?;
        let inner = frame.loops.last_mut()?;
        if inner.next >= inner.end {
            frame.loops.pop();
            return None;
        }
        let part = inner.next;
        *inner = Loop { current: Some(part), next: part + 1, ..*inner };
        Some(part)
    }

    /// May the script on top read match variables?
    pub(super) fn captures(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.script.captures())
    }

    /// What `keep` is about: in IMAP the message as it is (RFC 6785 §3.1).
    pub(super) fn kept_version(&mut self) -> Result<Version, Halt> {
        match self.facts.environment.imap {
            Some(_) => Ok(Version::AsReceived),
            None => self.version(),
        }
    }

    /// The message as it is now. Of a large one there cannot be many.
    pub(super) fn version(&mut self) -> Result<Version, Halt> {
        let before = self.copied;
        let version = self.message.version(&mut self.copied);
        let one_more = before > 0 && self.copied > before;
        if one_more && self.copied > self.facts.limits.copied_bytes_max {
            return Err(Halt::error("there are too many changed copies of the message"));
        }
        Ok(version)
    }

    /// What a variable of the script on top is called.
    pub(super) fn variable_name(&self, id: VariableId) -> &str {
        let variables = self.frames.last().map(|frame| &frame.script.variables);
        let nth = usize::try_from(id.0).ok();
        variables.zip(nth).and_then(|(all, nth)| all.get(nth)).map_or("", |variable| &variable.name)
    }
}
