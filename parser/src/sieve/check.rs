//! Nodes against the table: is each name known, required, and given what it takes.
//!
//! A mistake is noted at its place and the check goes on; what comes of a mistaken node is never
//! seen, because a script with mistakes gives no tree.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::capability::Capabilities;
use super::error::{Errors, Position, nearest, shown};
use super::grammar::{Argument, Next, Node, Value};
use super::spec::{Kind, Needs, SLOTS_MAX, Slot, Spec, TESTS, Tag, Tests};
use super::variables::Variables;
use crate::steps::took;

/// What the check of one script knows so far.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) offered: Capabilities,
    pub(super) required: Capabilities,
    pub(super) used: Capabilities,
    pub(super) errors: Errors,
    pub(super) warnings: Errors,
    pub(super) variables: Variables,
    /// A `require` was mistaken: what is missing may be what it meant to name.
    pub(super) unsure: bool,
    /// The names of the `foreverypart` around, innermost last.
    pub(super) loops: Vec<Option<String>>,
}

/// A node whose arguments are told apart: every slot and tag is of the kind that the table asks.
#[derive(Debug)]
pub(super) struct Call<'n, 'a> {
    pub(super) at: Position,
    tags: Vec<Given<'n, 'a>>,
    slots: Slots<'n, 'a>,
}

/// As many as any command or test has.
type Slots<'n, 'a> = [Option<&'n Argument<'a>>; SLOTS_MAX];

/// A tagged argument, and what stands behind it if something must.
#[derive(Clone, Copy, Debug)]
struct Given<'n, 'a> {
    tag: &'static Tag,
    at: Position,
    value: Option<&'n Argument<'a>>,
}

/// Arguments without a tag: those there is a place for, and one more.
#[derive(Debug, Default)]
struct Positional<'n, 'a> {
    first: [Option<&'n Argument<'a>>; SLOTS_MAX + 1],
    count: usize,
}

impl<'n, 'a> Positional<'n, 'a> {
    fn push(&mut self, argument: &'n Argument<'a>) {
        if let Some(place) = self.first.get_mut(self.count) {
            *place = Some(argument);
        }
        self.count = self.count.saturating_add(1);
    }
}

impl<'n, 'a> Call<'n, 'a> {
    fn given(&self, name: &str) -> Option<&Given<'n, 'a>> {
        self.tags.iter().find(|given| given.tag.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// The name of the tag given of a group, and its place.
    pub(super) fn of(&self, group: &str) -> Option<(&'static str, Position)> {
        let given = self.tags.iter().find(|given| given.tag.group == group)?;
        Some((given.tag.name, given.at))
    }

    pub(super) fn tag_at(&self, name: &str) -> Position {
        self.given(name).map_or(self.at, |given| given.at)
    }

    pub(super) fn tag_value(&self, name: &str) -> Option<&'n Argument<'a>> {
        self.given(name).and_then(|given| given.value)
    }

    pub(super) fn tag_number(&self, name: &str) -> Option<u64> {
        match self.tag_value(name)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn slot(&self, index: usize) -> Option<&'n Argument<'a>> {
        self.slots.get(index).copied().flatten()
    }

    pub(super) fn number(&self, index: usize) -> u64 {
        match self.slot(index).map(|argument| &argument.value) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }
}

pub(super) const fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

impl Checker {
    pub(super) fn new(offered: Capabilities, errors: Errors) -> Self {
        Self {
            offered,
            required: Capabilities::NONE,
            used: Capabilities::NONE,
            errors,
            warnings: Errors::default(),
            variables: Variables::default(),
            unsure: false,
            loops: Vec::new(),
        }
    }

    pub(super) fn error(&mut self, at: Position, message: impl Into<Cow<'static, str>>) {
        self.errors.add(at, message);
    }

    /// One of `needs` must be required (RFC 5228 §2.10.5: an extension is unknown before that).
    pub(super) fn need(&mut self, at: Position, needs: Needs, what: fmt::Arguments<'_>) {
        let Some(first) = needs.first() else { return };
        match needs.iter().copied().find(|&need| self.required.has(need)) {
            Some(capability) => self.used.insert(capability),
            None if self.unsure => {}
            None => {
                self.error(at, format!("{what} needs the extension \"{first}\""));
                self.errors.hint(if self.offered.has(*first) {
                    format!("write require \"{first}\"; at the top of the script").into()
                } else {
                    Cow::Borrowed("it is not offered here")
                });
            }
        }
    }

    /// Tells a node's arguments apart; `None` if something was wrong with them.
    pub(super) fn resolve<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        spec: &'static Spec,
    ) -> Option<Call<'n, 'a>> {
        let before = self.errors.count();
        took(node.arguments.len().saturating_add(1));
        self.need(node.at, spec.needs, format_args!("\"{}\"", spec.name));
        let mut call = Call { at: node.at, tags: Vec::new(), slots: [None; SLOTS_MAX] };
        let mut positional = Positional::default();
        let (mut arguments, mut known) = (node.arguments.iter(), true);
        while let Some(argument) = arguments.next() {
            let Value::Tag(name) = argument.value else {
                positional.push(argument);
                continue;
            };
            let Some(tag) = self.tag(argument.at, name, spec, &call) else {
                known = false;
                continue;
            };
            // RFC 5228 §2.6.2: tagged arguments come before the positional ones.
            if positional.count > 0 {
                let message = format!("expected no tagged argument here, found \":{}\"", tag.name);
                self.error(argument.at, message);
                self.errors.hint(format!("write it behind \"{}\"", spec.name));
            }
            let value = tag.value.and_then(|kind| {
                let value = arguments.next();
                self.kind(value, node, kind, &|| format!("behind \":{}\"", tag.name));
                value
            });
            // One of a group, so that a flood of tags costs no more than its length.
            if call.of(tag.group).is_none() {
                call.tags.push(Given { tag, at: argument.at, value });
            }
        }
        if known {
            // What belongs to a tag that is not known would be taken for more.
            call.slots = self.slots(node, spec, &positional);
        }
        self.shape(node, spec);
        (self.errors.count() == before).then_some(call)
    }

    fn tag(
        &mut self,
        at: Position,
        name: &str,
        spec: &'static Spec,
        call: &Call<'_, '_>,
    ) -> Option<&'static Tag> {
        let known = || spec.tags.iter().copied().flatten();
        let Some(tag) = known().find(|tag| is(name, tag.name)) else {
            self.unknown_tag(at, name, spec);
            return None;
        };
        self.need(at, tag.needs, format_args!("\":{}\"", tag.name));
        // RFC 5228 §2.6: none of them twice, and none that exclude each other.
        match call.of(tag.group) {
            Some((other, _)) if other == tag.name => {
                self.error(at, format!("expected \":{other}\" once, found it twice"));
            }
            Some((other, _)) => {
                self.error(at, format!("\":{}\" and \":{other}\" exclude each other", tag.name));
            }
            None => {}
        }
        Some(tag)
    }

    fn unknown_tag(&mut self, at: Position, name: &str, spec: &'static Spec) {
        let found = shown(&format!(":{name}"));
        self.error(at, format!("expected an argument of \"{}\", found {found}", spec.name));
        if !self.errors.has_room() {
            return;
        }
        let known = || spec.tags.iter().copied().flatten().map(|tag| tag.name);
        if let Some(near) = nearest(name, known()) {
            self.errors.hint(format!("did you mean \":{near}\"?"));
        } else if known().next().is_none() {
            self.errors.hint("it takes no tagged arguments");
        } else {
            let names: Vec<String> = known().map(|name| format!(":{name}")).collect();
            self.errors.hint(format!("it knows {}", names.join(" ")));
        }
    }

    /// Is there an argument of this kind; if not, an error there or behind the last argument.
    fn kind(
        &mut self,
        found: Option<&Argument<'_>>,
        node: &Node<'_>,
        kind: Kind,
        what: &dyn Fn() -> String,
    ) -> bool {
        let fits = match found.map(|argument| &argument.value) {
            Some(Value::Number(_)) => kind == Kind::Number,
            Some(Value::Text(_)) => matches!(kind, Kind::Text | Kind::List),
            Some(Value::List(_)) => kind == Kind::List,
            Some(Value::Tag(_)) | None => false,
        };
        if fits {
            return true;
        }
        let wanted = match kind {
            Kind::Number => "a number",
            Kind::Text => "a string",
            Kind::List => "a string list",
        };
        let at = found.map_or(node.end, |argument| argument.at);
        let stands = found.map_or_else(|| node.next.shown(), |argument| argument.value.shown());
        self.error(at, format!("expected {wanted} {}, found {stands}", what()));
        match (kind, found.map(|argument| &argument.value), node.next) {
            (Kind::Number, Some(Value::Text(_)), _) => {
                self.errors.hint("a number stands without quotes");
            }
            (Kind::Text, Some(Value::List(_)), _) => {
                self.errors.hint("one string, without brackets");
            }
            (Kind::Text | Kind::List, None, Next::Test(..)) => {
                self.errors.hint("a string stands between double quotes");
            }
            _ => {}
        }
        false
    }

    /// Positional arguments to slots; the optional one goes without first.
    fn slots<'n, 'a>(
        &mut self,
        node: &Node<'a>,
        spec: &'static Spec,
        positional: &Positional<'n, 'a>,
    ) -> Slots<'n, 'a> {
        let mut filled = [None; SLOTS_MAX];
        let mut given = positional.first.iter().copied().flatten();
        let short = positional.count < spec.slots.len();
        for (Slot { what, kind, optional }, place) in spec.slots.iter().zip(&mut filled) {
            if *optional && short {
                continue;
            }
            let next = given.next();
            let link = if *kind == Kind::Number { "of" } else { "with" };
            if !self.kind(next, node, *kind, &|| format!("{link} {what}")) {
                // What follows would be blamed for this one's mistake.
                return filled;
            }
            *place = next;
        }
        if let Some(extra) = given.next() {
            let found = extra.value.shown();
            let message = format!("expected no more arguments of \"{}\", found {found}", spec.name);
            self.error(extra.at, message);
        }
        filled
    }

    /// As many tests as there must be, and a block where one must be (RFC 5228 §8.3).
    fn shape(&mut self, node: &Node<'_>, spec: &'static Spec) {
        match spec.tests {
            Tests::None if !node.tests.is_empty() => {
                self.no_test(node, spec);
                return;
            }
            Tests::One if node.tests.is_empty() => {
                self.error(
                    node.end,
                    format!(
                        "expected a test behind \"{}\", found {}",
                        spec.name,
                        node.next.shown()
                    ),
                );
            }
            Tests::One if node.listed => {
                self.error(node.next.at(), "expected one test without parentheses");
                self.errors.hint(if node.tests.len() > 1 {
                    "several tests need \"allof\" or \"anyof\" before them"
                } else {
                    "leave them out"
                });
            }
            Tests::Many if !node.listed => {
                let message = format!(
                    "expected \"(\" and tests behind \"{}\", found {}",
                    spec.name,
                    node.next.shown()
                );
                self.error(node.end, message);
            }
            _ => {}
        }
        match &node.block {
            None if spec.block => {
                self.error(node.closed, format!("expected a block behind \"{}\"", spec.name));
            }
            Some(_) if !spec.block => {
                let message = format!("expected \";\" behind \"{}\", found \"{{\"", spec.name);
                self.error(node.closed, message);
            }
            _ => {}
        }
    }

    /// A test stands where none may. Most often it is the next command, and a `;` is missing.
    fn no_test(&mut self, node: &Node<'_>, spec: &'static Spec) {
        let found = node.next.shown();
        let wanted = match () {
            () if TESTS.iter().any(|test| core::ptr::eq(test, spec)) => "no test",
            () if spec.block => "a block",
            () => "\";\"",
        };
        self.error(node.end, format!("expected {wanted} behind \"{}\", found {found}", spec.name));
        match node.next {
            Next::Test(_, name) if is(name, "if") && is(spec.name, "else") => {
                self.errors.hint("write \"elsif\"");
            }
            Next::Test(_, name) if is(name, "and") || is(name, "or") => {
                let join = if is(name, "and") { "allof" } else { "anyof" };
                self.errors.hint(format!("write {join} (…, …)"));
            }
            _ => {}
        }
    }

    /// `first` makes no sense without `second`.
    pub(super) fn together(&mut self, call: &Call<'_, '_>, first: &str, second: &str) {
        if let Some(given) = call.given(first).filter(|_| !call.has(second)) {
            self.error(given.at, format!("\":{first}\" needs \":{second}\" beside it"));
        }
    }
}
