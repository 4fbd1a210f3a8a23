//! A script made ready to run: a flat list of operations with jumps, so that running it needs no
//! recursion, and stopping in the midst of it is a number to remember.
//!
//! Tests jump too: `allof` and `anyof` are the jumps that leave out what need not be looked at, from
//! left to right (RFC 5229 §3.2).

use std::sync::Arc;

use parser::sieve::tree::{self, At, Command, Test, Variable};
use parser::sieve::{Capabilities, Capability, Error, Position};

use super::keys::{self, Prepared};

/// A compiled script. It owns all it needs and never changes, so one can serve many runs at once.
#[derive(Debug)]
pub struct Script {
    pub(super) ops: Box<[Op]>,
    pub(super) variables: Box<[Variable]>,
    /// What it requires, and what its `ihave` tests found.
    pub required: Capabilities,
    /// What is allowed but can hardly be meant.
    pub warnings: Vec<Error>,
}

/// An operation and where it stands in the script.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) at: Position,
    pub(super) code: Code,
}

/// By what is done next: numbers are places in [`Script::ops`].
#[derive(Debug)]
pub(super) enum Code {
    /// A test that holds no others.
    Test {
        test: Box<Test>,
        keys: Prepared,
        yes: usize,
        no: usize,
    },
    /// A test that is known.
    Known {
        holds: bool,
        next: usize,
    },
    Jump(usize),
    Command(Box<Command>),
    /// `deleteheader`, with its patterns.
    DeleteHeader {
        command: Box<Command>,
        keys: Prepared,
    },
    /// `foreverypart` begins.
    Loop,
    /// Its next part; behind the last, out of it.
    Next {
        out: usize,
    },
    /// Out of so many loops.
    Break {
        loops: u32,
        out: usize,
    },
    Stop,
    Return,
}

impl Script {
    /// Makes a script ready that [`parser::sieve::compile`] has found right.
    pub(super) fn new(script: tree::Script) -> Result<Self, Vec<Error>> {
        let mut writer =
            Writer { ops: Vec::new(), labels: Vec::new(), loops: Vec::new(), errors: Vec::new() };
        writer.block(script.commands);
        writer.put(Position::START, Code::Return);
        if !writer.errors.is_empty() {
            return Err(writer.errors);
        }
        writer.resolve();
        Ok(Self {
            ops: writer.ops.into(),
            variables: script.variables,
            required: script.required,
            warnings: script.warnings,
        })
    }

    /// For [`super::run`], and for [`super::Answer::Script`].
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// May match variables be read (RFC 5229 §3.2)?
    pub(super) fn captures(&self) -> bool {
        self.required.has(Capability::Variables)
    }
}

struct Writer {
    ops: Vec<Op>,
    /// What a label stands for. Until all is written, jumps hold labels.
    labels: Vec<usize>,
    /// The labels behind the loops around.
    loops: Vec<usize>,
    errors: Vec<Error>,
}

impl Writer {
    fn label(&mut self) -> usize {
        self.labels.push(0);
        self.labels.len() - 1
    }

    /// The label stands for this place.
    fn place(&mut self, label: usize) {
        if let Some(slot) = self.labels.get_mut(label) {
            *slot = self.ops.len();
        }
    }

    fn put(&mut self, at: Position, code: Code) {
        self.ops.push(Op { at, code });
    }

    fn block(&mut self, commands: Box<[At<Command>]>) {
        for At { at, item } in commands {
            self.command(at, item);
        }
    }

    fn command(&mut self, at: Position, command: Command) {
        match command {
            Command::If { branches, otherwise } => self.choice(at, branches, otherwise),
            Command::ForEveryPart(commands) => {
                let (next, out) = (self.label(), self.label());
                self.put(at, Code::Loop);
                self.place(next);
                self.put(at, Code::Next { out });
                self.loops.push(out);
                self.block(commands);
                self.loops.pop();
                self.put(at, Code::Jump(next));
                self.place(out);
            }
            Command::Break { loops } => {
                let around = usize::try_from(loops).unwrap_or(usize::MAX);
                let out = self.loops.len().checked_sub(around).and_then(|nth| self.loops.get(nth));
                if let Some(&out) = out {
                    self.put(at, Code::Break { loops, out });
                }
            }
            Command::Stop => self.put(at, Code::Stop),
            Command::Return => self.put(at, Code::Return),
            Command::DeleteHeader { ref values, matching, .. } => {
                let keys = self.keys(at, matching, values.as_deref().unwrap_or_default());
                self.put(at, Code::DeleteHeader { command: Box::new(command), keys });
            }
            _ => self.put(at, Code::Command(Box::new(command))),
        }
    }

    fn choice(
        &mut self,
        at: Position,
        branches: Box<[tree::Branch]>,
        otherwise: Box<[At<Command>]>,
    ) {
        let end = self.label();
        for tree::Branch { test, commands } in branches {
            let (yes, no) = (self.label(), self.label());
            self.test(test, yes, no);
            self.place(yes);
            self.block(commands);
            self.put(at, Code::Jump(end));
            self.place(no);
        }
        self.block(otherwise);
        self.place(end);
    }

    /// Recurses as deep as a script may nest, which the parser bounds.
    fn test(&mut self, At { at, item }: At<Test>, yes: usize, no: usize) {
        match item {
            Test::Not(test) => self.test(*test, no, yes),
            Test::AllOf(tests) => self.all(tests, yes, no, Decides::No),
            Test::AnyOf(tests) => self.all(tests, yes, no, Decides::Yes),
            Test::True | Test::Ihave(true) => self.put(at, Code::Known { holds: true, next: yes }),
            Test::False | Test::Ihave(false) => {
                self.put(at, Code::Known { holds: false, next: no });
            }
            mut test => {
                if let Test::HasFlag { compare, .. } = &mut test {
                    one_flag_each(compare);
                }
                let keys = match compare(&test) {
                    Some(compare) => self.keys(at, compare.matching, &compare.keys),
                    None => Prepared::default(),
                };
                self.put(at, Code::Test { test: Box::new(test), keys, yes, no });
            }
        }
    }

    /// Tests of which one of this outcome decides for all.
    fn all(&mut self, tests: Box<[At<Test>]>, yes: usize, no: usize, decides: Decides) {
        let last = tests.len().saturating_sub(1);
        for (nth, test) in tests.into_iter().enumerate() {
            if nth == last {
                self.test(test, yes, no);
                break;
            }
            let next = self.label();
            match decides {
                Decides::No => self.test(test, next, no),
                Decides::Yes => self.test(test, yes, next),
            }
            self.place(next);
        }
    }

    fn keys(&mut self, at: Position, matching: tree::Match, texts: &[tree::Text]) -> Prepared {
        keys::prepare(matching, texts).unwrap_or_else(|(nth, why)| {
            let at = texts.get(nth).map_or(at, |text| text.at);
            self.errors.push(Error { at, message: why.into(), hint: None });
            Prepared::default()
        })
    }

    /// Labels to places.
    fn resolve(&mut self) {
        let labels = std::mem::take(&mut self.labels);
        let end = self.ops.len().saturating_sub(1);
        let place = |label: &mut usize| *label = labels.get(*label).copied().unwrap_or(end);
        for op in &mut self.ops {
            match &mut op.code {
                Code::Test { yes, no, .. } => {
                    place(yes);
                    place(no);
                }
                Code::Known { next, .. } | Code::Jump(next) => place(next),
                Code::Next { out } | Code::Break { out, .. } => place(out),
                _ => {}
            }
        }
    }
}

/// RFC 5232 §4: a key of `hasflag` may be several flags with spaces between.
fn one_flag_each(compare: &mut tree::Compare) {
    let mut keys = Vec::with_capacity(compare.keys.len());
    for key in std::mem::take(&mut compare.keys) {
        let Some(text) = key.constant() else {
            keys.push(key);
            continue;
        };
        let words = text.split_ascii_whitespace();
        keys.extend(
            words.map(|word| tree::Text {
                at: key.at,
                content: tree::Content::Constant(word.into()),
            }),
        );
    }
    compare.keys = keys.into();
}

#[derive(Clone, Copy)]
enum Decides {
    Yes,
    No,
}

/// How a test compares, if it does.
pub(super) fn compare(test: &Test) -> Option<&tree::Compare> {
    match test {
        Test::Address { compare, .. }
        | Test::Header { compare, .. }
        | Test::Envelope { compare, .. }
        | Test::Body { compare, .. }
        | Test::String { compare, .. }
        | Test::HasFlag { compare, .. }
        | Test::Date { compare, .. }
        | Test::CurrentDate { compare, .. }
        | Test::Metadata { compare, .. }
        | Test::Environment { compare, .. }
        | Test::NotifyMethodCapability { compare, .. }
        | Test::SpamTest { compare, .. }
        | Test::VirusTest(compare) => Some(compare),
        _ => None,
    }
}
