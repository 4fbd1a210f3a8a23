//! Nodes against the table: is each name known, required, and given what it takes.
//!
//! A mistake is noted at its place and the check goes on; what comes of a mistaken node is never
//! seen, because a script with mistakes gives no tree.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::grammar::{Argument, Node, Value};
use super::spec::{CAPABILITIES, Kind, Needs, Slot, Spec, Tag, Tests};
use super::text;
use super::tree::{At, Command, Piece, Test, Text};
use super::{ERRORS_MAX, Error, Position};

/// Characters of the script that a message repeats at most.
const SHOWN_MAX: usize = 64;

/// What the check of one script knows so far.
#[derive(Debug)]
pub(super) struct Checker<'o> {
    offered: &'o [&'o str],
    pub(super) required: Vec<&'static str>,
    pub(super) used: Vec<&'static str>,
    pub(super) errors: Vec<Error>,
    /// Also those there was no room for.
    mistakes: usize,
    /// A `require` was mistaken: what is missing may be what it meant to name.
    unsure: bool,
    /// The names of the `foreverypart` around, innermost last.
    pub(super) loops: Vec<Option<String>>,
}

/// A node whose arguments are told apart: every slot and tag is of the kind that the table asks.
#[derive(Debug)]
pub(super) struct Call<'n, 'a> {
    pub(super) at: Position,
    tags: Vec<(&'static Tag, Position, Option<&'n Argument<'a>>)>,
    slots: Vec<Option<&'n Argument<'a>>>,
}

impl<'n, 'a> Call<'n, 'a> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.tags.iter().any(|(tag, ..)| tag.name == name)
    }

    /// The name of the tag given of a group.
    pub(super) fn of(&self, group: &str) -> Option<&'static str> {
        self.tags.iter().find(|(tag, ..)| tag.group == group).map(|(tag, ..)| tag.name)
    }

    fn value(&self, name: &str) -> Option<&'n Value<'a>> {
        let (.., value) = self.tags.iter().find(|(tag, ..)| tag.name == name)?;
        value.map(|argument| &argument.value)
    }

    fn value_at(&self, name: &str) -> Position {
        let found = self.tags.iter().find(|(tag, ..)| tag.name == name);
        found.and_then(|(.., value)| *value).map_or(self.at, |argument| argument.at)
    }

    pub(super) fn tag_number(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn slot(&self, index: usize) -> Option<&'n Argument<'a>> {
        self.slots.get(index).copied().flatten()
    }

    pub(super) fn number(&self, index: usize) -> u64 {
        match self.slot(index).map(|argument| &argument.value) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }
}

/// A name as a message may show it.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(SHOWN_MAX).collect()
}

pub(super) fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

impl<'o> Checker<'o> {
    pub(super) const fn new(offered: &'o [&'o str]) -> Self {
        Self {
            offered,
            required: Vec::new(),
            used: Vec::new(),
            errors: Vec::new(),
            mistakes: 0,
            unsure: false,
            loops: Vec::new(),
        }
    }

    pub(super) fn error(&mut self, at: Position, expected: impl Into<Cow<'static, str>>) {
        self.mistakes = self.mistakes.saturating_add(1);
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(Error { at, expected: expected.into() });
        }
    }

    pub(super) fn has(&self, capability: &str) -> bool {
        self.required.contains(&capability)
    }

    /// The capability of this name, if it is offered.
    pub(super) fn offers(&self, name: &str) -> Option<&'static str> {
        let known = CAPABILITIES.iter().copied().find(|&capability| capability == name)?;
        self.offered.contains(&known).then_some(known)
    }

    pub(super) fn add_required(&mut self, capability: &'static str) {
        if !self.has(capability) {
            self.required.push(capability);
        }
    }

    pub(super) fn mark_used(&mut self, capability: &'static str) {
        if !self.used.contains(&capability) {
            self.used.push(capability);
        }
    }

    /// One of `needs` must be required (RFC 5228 §3.2: an extension is unknown before that).
    pub(super) fn need(&mut self, at: Position, needs: Needs, what: &str) {
        let Some(first) = needs.first() else { return };
        match needs.iter().copied().find(|need| self.has(need)) {
            Some(capability) => self.mark_used(capability),
            None if self.unsure => {}
            None => self.error(at, format!("require \"{first}\" before \"{}\"", shown(what))),
        }
    }

    /// Tells a node's arguments apart; `None` if something was wrong with them.
    pub(super) fn resolve<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        spec: &'static Spec,
    ) -> Option<Call<'n, 'a>> {
        let before = self.mistakes;
        self.need(node.at, spec.needs, spec.name);
        let mut call = Call { at: node.at, tags: Vec::new(), slots: Vec::new() };
        let mut positional: Vec<&Argument<'_>> = Vec::new();
        let mut arguments = node.arguments.iter();
        while let Some(argument) = arguments.next() {
            let Value::Tag(name) = argument.value else {
                positional.push(argument);
                continue;
            };
            // RFC 5228 §2.6.2: tagged arguments come before the positional ones.
            if let Some(first) = positional.first() {
                self.error(first.at, format!("\":{}\" before this", shown(name)));
            }
            let Some(tag) = self.tag(argument.at, name, spec, &call) else { continue };
            let value = match tag.value {
                Some(kind) => {
                    let value = arguments.next();
                    self.kind(value, node.end, kind, &format!("behind \":{}\"", tag.name));
                    value
                }
                None => None,
            };
            // One of a group, so that a flood of tags costs no more than its length.
            if call.of(tag.group).is_none() {
                call.tags.push((tag, argument.at, value));
            }
        }
        call.slots = self.slots(node, spec, &positional);
        self.shape(node, spec);
        (self.mistakes == before).then_some(call)
    }

    fn tag(
        &mut self,
        at: Position,
        name: &str,
        spec: &'static Spec,
        call: &Call<'_, '_>,
    ) -> Option<&'static Tag> {
        let mut known = spec.tags.iter().copied().flatten();
        let Some(tag) = known.clone().find(|tag| is(name, tag.name)) else {
            if known.next().is_none() {
                self.error(at, format!("no tagged argument of \"{}\"", spec.name));
                return None;
            }
            let names: Vec<String> = known_names(spec);
            self.error(at, format!("{} of \"{}\"", names.join(", "), spec.name));
            return None;
        };
        self.need(at, tag.needs, &format!(":{}", tag.name));
        if call.of(tag.group).is_some() {
            self.error(at, format!("one {} only", tag.group));
        }
        Some(tag)
    }

    /// Is there an argument of this kind; if not, an error there or at `end`.
    fn kind(
        &mut self,
        found: Option<&Argument<'_>>,
        end: Position,
        kind: Kind,
        what: &str,
    ) -> bool {
        let fits = match found.map(|argument| &argument.value) {
            Some(Value::Number(_)) => kind == Kind::Number,
            Some(Value::Text(_)) => matches!(kind, Kind::Text | Kind::List),
            Some(Value::List(_)) => kind == Kind::List,
            Some(Value::Tag(_)) | None => false,
        };
        if !fits {
            let kind = match kind {
                Kind::Number => "a number",
                Kind::Text => "a string",
                Kind::List => "a string list",
            };
            let at = found.map_or(end, |argument| argument.at);
            self.error(at, format!("{kind} {what}"));
        }
        fits
    }

    /// Positional arguments to slots; the optional one goes without first.
    fn slots<'n, 'a>(
        &mut self,
        node: &Node<'a>,
        spec: &'static Spec,
        positional: &[&'n Argument<'a>],
    ) -> Vec<Option<&'n Argument<'a>>> {
        let mut filled = Vec::new();
        let mut given = positional.iter().copied();
        let short = positional.len() < spec.slots.len();
        for Slot { what, kind, optional } in spec.slots {
            if *optional && short {
                filled.push(None);
                continue;
            }
            let next = given.next();
            let found = self.kind(next, node.end, *kind, &format!("with {what}"));
            filled.push(next.filter(|_| found));
            if !found {
                // What follows would be blamed for this one's mistake.
                return filled;
            }
        }
        if let Some(extra) = given.next() {
            self.error(extra.at, format!("no more arguments of \"{}\"", spec.name));
        }
        filled
    }

    /// As many tests as there must be, and a block where one must be (RFC 5228 §8.3).
    fn shape(&mut self, node: &Node<'_>, spec: &'static Spec) {
        let first = node.tests.first().map_or(node.end, |test| test.at);
        match spec.tests {
            Tests::None if !node.tests.is_empty() => {
                self.error(first, if spec.block { "a block" } else { "\";\" or an argument" });
            }
            Tests::One if node.tests.is_empty() => self.error(node.end, "a test"),
            Tests::One if node.listed => self.error(first, "one test without parentheses"),
            Tests::Many if !node.listed => self.error(first, "\"(\" and a list of tests"),
            _ => {}
        }
        match &node.block {
            None if spec.block => self.error(node.end, "a block"),
            Some(_) if !spec.block => self.error(node.end, "\";\""),
            _ => {}
        }
    }

    /// `first` makes no sense without `second`.
    pub(super) fn together(&mut self, call: &Call<'_, '_>, first: &str, second: &str) {
        let found = call.tags.iter().find(|(tag, ..)| tag.name == first);
        if let Some((_, at, _)) = found.filter(|_| !call.has(second)) {
            self.error(*at, format!("\":{second}\" with \":{first}\""));
        }
    }

    /// A string as pieces, by the extensions required so far.
    pub(super) fn text(&mut self, at: Position, string: &str) -> Text {
        match self.pieces(string) {
            Ok(pieces) => Text { at, pieces },
            Err(expected) => {
                self.error(at, expected);
                Text { at, pieces: Vec::new() }
            }
        }
    }

    fn pieces(&mut self, string: &str) -> Result<Vec<Piece>, &'static str> {
        let mut string = Cow::Borrowed(string);
        if self.has("encoded-character") {
            let decoded = text::decode(&string)?;
            if decoded != *string {
                self.mark_used("encoded-character");
                string = Cow::Owned(decoded);
            }
        }
        if !self.has("variables") {
            let literal = Some(string.into_owned()).filter(|string| !string.is_empty());
            return Ok(literal.map(Piece::Literal).into_iter().collect());
        }
        let pieces = text::split(&string, &self.namespaces())?;
        if pieces.iter().any(|piece| !matches!(piece, Piece::Literal(_))) {
            self.mark_used("variables");
        }
        Ok(pieces)
    }

    /// RFC 6609 §3.4.2; vnd.dovecot.environment §4.
    pub(super) fn namespaces(&self) -> Vec<&'static str> {
        let pairs = [("include", "global"), ("vnd.dovecot.environment", "env")];
        pairs.iter().filter(|(need, _)| self.has(need)).map(|(_, name)| *name).collect()
    }

    fn strings(&mut self, argument: &Argument<'_>) -> Vec<Text> {
        match &argument.value {
            Value::Text(string) => alloc::vec![self.text(argument.at, string)],
            Value::List(items) => items.iter().map(|(at, item)| self.text(*at, item)).collect(),
            Value::Number(_) | Value::Tag(_) => Vec::new(),
        }
    }

    pub(super) fn tag_text(&mut self, call: &Call<'_, '_>, name: &str) -> Option<Text> {
        match call.value(name)? {
            Value::Text(string) => Some(self.text(call.value_at(name), string)),
            _ => None,
        }
    }

    pub(super) fn tag_list(&mut self, call: &Call<'_, '_>, name: &str) -> Option<Vec<Text>> {
        let (.., value) = call.tags.iter().find(|(tag, ..)| tag.name == name)?;
        value.map(|argument| self.strings(argument))
    }

    /// The string in a slot that is there.
    pub(super) fn slot_text(&mut self, call: &Call<'_, '_>, index: usize) -> Text {
        let nothing = Text { at: call.at, pieces: Vec::new() };
        self.slot_maybe(call, index).unwrap_or(nothing)
    }

    pub(super) fn slot_maybe(&mut self, call: &Call<'_, '_>, index: usize) -> Option<Text> {
        let argument = call.slot(index)?;
        self.strings(argument).into_iter().next()
    }

    pub(super) fn slot_list(&mut self, call: &Call<'_, '_>, index: usize) -> Vec<Text> {
        call.slot(index).map(|argument| self.strings(argument)).unwrap_or_default()
    }

    pub(super) fn slot_list_maybe(
        &mut self,
        call: &Call<'_, '_>,
        index: usize,
    ) -> Option<Vec<Text>> {
        call.slot(index).map(|argument| self.strings(argument))
    }

    /// A string that no variable may take part in.
    pub(super) fn constant(&mut self, text: &Text) -> Option<String> {
        let constant = text.constant().map(String::from);
        if constant.is_none() {
            self.error(text.at, "a string without variables");
        }
        constant
    }

    /// A script's commands, or those of a block (RFC 5228 §8.3).
    pub(super) fn commands(&mut self, nodes: &[Node<'_>], whole: Whole) -> Vec<At<Command>> {
        let mut commands = Vec::new();
        // RFC 5228 §3.2: "require" comes before all other commands.
        let mut may_require = whole == Whole::Script;
        let mut nodes = nodes.iter().peekable();
        while let Some(node) = nodes.next() {
            if is(node.name, "require") {
                self.require(node, may_require);
                continue;
            }
            may_require = false;
            if !is(node.name, "if") {
                commands.extend(self.command(node));
                continue;
            }
            let mut chain = alloc::vec![node];
            while let Some(next) = nodes.next_if(|next| is(next.name, "elsif")) {
                chain.push(next);
            }
            chain.extend(nodes.next_if(|next| is(next.name, "else")));
            commands.extend(self.if_chain(&chain));
        }
        commands
    }

    /// `require <capabilities: string-list>` — RFC 5228 §3.2.
    fn require(&mut self, node: &Node<'_>, allowed: bool) {
        if !allowed {
            self.error(node.at, "\"require\" before all other commands");
        }
        if node.broken || self.resolve(node, &REQUIRE).is_none() {
            self.unsure = true;
            return;
        }
        let names: Vec<(Position, &Cow<'_, str>)> = match node.arguments.first() {
            Some(Argument { at, value: Value::Text(name) }) => alloc::vec![(*at, name)],
            Some(Argument { value: Value::List(items), .. }) => {
                items.iter().map(|(at, name)| (*at, name)).collect()
            }
            _ => Vec::new(),
        };
        for (at, name) in names {
            match self.offers(name) {
                Some(capability) => self.add_required(capability),
                None => {
                    self.unsure = true;
                    let name = shown(name);
                    self.error(at, format!("a capability that is offered; \"{name}\" is not"));
                }
            }
        }
    }

    /// `if <test> <block>`, `elsif <test> <block>`, `else <block>` — RFC 5228 §3.1.
    fn if_chain(&mut self, chain: &[&Node<'_>]) -> Option<At<Command>> {
        let at = chain.first()?.at;
        let (mut branches, mut otherwise, mut decided) = (Vec::new(), Vec::new(), false);
        for node in chain {
            let last = is(node.name, "else");
            let block = node.block.as_deref().unwrap_or_default();
            // RFC 5463 §4: what an untrue "ihave" guards may use what we do not know.
            if decided {
                continue;
            }
            let spec = if last { &ELSE } else { &IF };
            if node.broken || self.resolve(node, spec).is_none() {
                self.commands(block, Whole::Block);
            } else if let Some(test) = node.tests.first() {
                let test = self.test(test);
                let holds = holds(&test.item);
                decided = holds == Some(true);
                let block = if holds == Some(false) { &[] } else { block };
                branches.push((test, self.commands(block, Whole::Block)));
            } else {
                otherwise = self.commands(block, Whole::Block);
            }
        }
        Some(At { at, item: Command::If { branches, otherwise } })
    }

    /// The tests of `allof` and `anyof`, up to one that `ihave` lets `enough` be known of.
    pub(super) fn tests(&mut self, nodes: &[Node<'_>], enough: bool) -> Vec<At<Test>> {
        let mut tests = Vec::new();
        for node in nodes {
            let test = self.test(node);
            let known = holds(&test.item) == Some(enough);
            tests.push(test);
            if known {
                break;
            }
        }
        tests
    }
}

/// What the commands at hand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    Script,
    Block,
}

fn known_names(spec: &'static Spec) -> Vec<String> {
    spec.tags.iter().copied().flatten().map(|tag| format!(":{}", tag.name)).collect()
}

/// What a test gives, where `ihave` alone decides it (RFC 5463 §4).
fn holds(test: &Test) -> Option<bool> {
    match test {
        Test::Ihave(found) => Some(*found),
        Test::Not(test) => holds(&test.item).map(|holds| !holds),
        Test::AllOf(tests) => decide(tests, false),
        Test::AnyOf(tests) => decide(tests, true),
        _ => None,
    }
}

fn decide(tests: &[At<Test>], enough: bool) -> Option<bool> {
    if tests.iter().any(|test| holds(&test.item) == Some(enough)) {
        return Some(enough);
    }
    tests.iter().all(|test| holds(&test.item) == Some(!enough)).then_some(!enough)
}

static REQUIRE: Spec = Spec {
    name: "require",
    needs: &[],
    tags: &[],
    slots: &[Slot { what: "capabilities", kind: Kind::List, optional: false }],
    tests: Tests::None,
    block: false,
};
static IF: Spec =
    Spec { name: "if", needs: &[], tags: &[], slots: &[], tests: Tests::One, block: true };
static ELSE: Spec =
    Spec { name: "else", needs: &[], tags: &[], slots: &[], tests: Tests::None, block: true };
