//! What makes a script of commands: `require` first, `if` before `elsif` and `else`, and what
//! `ihave` lets be known before the script runs.
//!
//! RFC 5463 §4 has two ways; this is the second: "take the presence of `ihave` tests into account
//! at parse time". What a test of `ihave` keeps from running is not checked, and what it finds
//! counts as required from there on, in the order of the text.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::capability::Capability;
use super::check::{Call, Checker, is};
use super::error::{Position, nearest, shown};
use super::grammar::{Argument, Node, Value};
use super::spec::{COMMANDS, CONTROLS, ELSE, ELSIF, IF, REQUIRE, Tests};
use super::tree::{At, Branch, Command, Test};
use crate::steps::took;

/// What the commands at hand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    Script,
    Block,
}

/// Commands, and whether `ihave` lets it be known that none behind them runs.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) commands: Box<[At<Command>]>,
    ends: bool,
}

impl Checker {
    /// A script's commands, or those of a block (RFC 5228 §8.3).
    pub(super) fn block(&mut self, nodes: &[Node<'_>], whole: Whole) -> Block {
        let mut commands = Vec::with_capacity(nodes.len());
        // RFC 5228 §3.2: "require" comes before all other commands.
        let mut may_require = whole == Whole::Script;
        let (mut nodes, mut ends, mut lost) = (nodes, false, false);
        while let Some((node, rest)) = nodes.split_first() {
            if is(node.name, "require") {
                nodes = rest;
                self.require(node, may_require);
                continue;
            }
            may_require = false;
            let before = self.errors.count();
            if is(node.name, "if") {
                let (chain, behind) = nodes.split_at_checked(chain(rest)).unwrap_or((nodes, &[]));
                nodes = behind;
                let (command, known) = self.if_chain(node.at, chain);
                commands.push(command);
                if known {
                    // RFC 5463 §4: what cannot run may use what is not here.
                    return Block { commands: commands.into(), ends: true };
                }
            } else {
                nodes = rest;
                if is(node.name, "elsif") || is(node.name, "else") {
                    self.without_if(node, lost);
                } else {
                    commands.extend(self.command(node));
                }
            }
            ends |= commands.last().is_some_and(|command| command.item.ends());
            // An "elsif" behind a command that swallowed its "if" is no second mistake.
            lost = node.broken || self.errors.count() > before;
            self.unreachable(&commands, nodes);
        }
        Block { commands: commands.into(), ends }
    }

    fn unreachable(&mut self, commands: &[At<Command>], rest: &[Node<'_>]) {
        if let (Some(last), Some(next)) = (commands.last(), rest.first())
            && last.item.ends()
        {
            self.warnings.add(next.at, format!("{} is never reached", shown(next.name)));
        }
    }

    /// RFC 5228 §3.1: "elsif" and "else" follow "if" or "elsif".
    fn without_if(&mut self, node: &Node<'_>, lost: bool) {
        if !lost {
            self.error(node.at, format!("expected \"if\" before {}", shown(node.name)));
        }
        self.block(node.block.as_deref().unwrap_or_default(), Whole::Block);
    }

    /// No command has this name.
    pub(super) fn unknown_command(&mut self, at: Position, name: &str) {
        self.error(at, format!("expected a command, found {}", shown(name)));
        if !self.errors.has_room() {
            return;
        }
        let known = COMMANDS.iter().map(|spec| spec.name).chain(CONTROLS.iter().copied());
        if let Some(near) = nearest(name, known) {
            self.errors.hint(format!("did you mean \"{near}\"?"));
        } else if super::spec::TESTS.iter().any(|spec| is(name, spec.name)) {
            self.errors.hint("it is a test: write it behind \"if\"");
        }
    }

    /// `require <capabilities: string-list>` — RFC 5228 §3.2.
    fn require(&mut self, node: &Node<'_>, allowed: bool) {
        if !allowed {
            self.error(node.at, "expected \"require\" before all other commands");
        }
        if node.broken || self.resolve(node, &REQUIRE).is_none() {
            self.unsure = true;
            return;
        }
        match node.arguments.first() {
            Some(Argument { at, value: Value::Text(name) }) => self.capability(*at, name),
            Some(Argument { value: Value::List(items), .. }) => {
                items.iter().for_each(|(at, name)| self.capability(*at, name));
            }
            _ => {}
        }
    }

    fn capability(&mut self, at: Position, name: &str) {
        match Capability::named(name) {
            Some(capability) if self.offered.has(capability) => self.required.insert(capability),
            found => {
                self.unsure = true;
                self.error(
                    at,
                    format!("expected an extension that is offered, found {}", shown(name)),
                );
                let offered = self.offered;
                if found.is_none() && self.errors.has_room() {
                    let near = match name {
                        // What drafts called them.
                        "imapflags" => Some("imap4flags"),
                        "notify" => Some("enotify"),
                        _ => nearest(name, offered.iter().map(Capability::name)),
                    };
                    if let Some(near) = near {
                        self.errors.hint(format!("did you mean \"{near}\"?"));
                    }
                }
            }
        }
    }

    /// `if <test> <block>`, `elsif <test> <block>`, `else <block>` — RFC 5228 §3.1 — and whether it
    /// is known that nothing behind it runs.
    fn if_chain(&mut self, at: Position, chain: &[Node<'_>]) -> (At<Command>, bool) {
        let mut branches = Vec::with_capacity(chain.len());
        let (mut otherwise, mut known) = (Box::default(), false);
        for node in chain {
            let nodes = node.block.as_deref().unwrap_or_default();
            let spec = match () {
                () if is(node.name, "else") => &ELSE,
                () if is(node.name, "elsif") => &ELSIF,
                () => &IF,
            };
            let before = self.errors.count();
            let test = node.tests.first().filter(|_| spec.tests == Tests::One);
            let test = test.map(|test| self.test(test));
            // A mistaken test may have swallowed the block: that is no second mistake.
            let wrong = node.broken || self.errors.count() > before;
            if wrong || self.resolve(node, spec).is_none() {
                self.block(nodes, Whole::Block);
                continue;
            }
            let Some(test) = test else {
                otherwise = self.block(nodes, Whole::Block).commands;
                continue;
            };
            let holds = self.holds(&test.item);
            let nodes = if holds == Some(false) { &[] } else { nodes };
            let block = self.block(nodes, Whole::Block);
            branches.push(Branch { test, commands: block.commands });
            if holds == Some(true) {
                known = block.ends;
                // No later branch runs.
                break;
            }
        }
        (At { at, item: Command::If { branches: branches.into(), otherwise } }, known)
    }

    /// The tests of `allof` and `anyof`, up to one that `ihave` lets `enough` be known of: RFC 5463
    /// §4 wants the rest left alone.
    pub(super) fn tests(&mut self, nodes: &[Node<'_>], enough: bool) -> Box<[At<Test>]> {
        let mut tests = Vec::with_capacity(nodes.len());
        for node in nodes {
            let test = self.test(node);
            let known = self.holds(&test.item) == Some(enough);
            tests.push(test);
            if known {
                break;
            }
        }
        tests.into()
    }

    /// What a test gives, where `ihave` alone decides it.
    fn holds(&self, test: &Test) -> Option<bool> {
        if self.required.has(Capability::Ihave) { holds(test) } else { None }
    }

    /// `ihave <capabilities: string-list>` — RFC 5463 §4: what it finds counts as required from
    /// here on, if it finds all.
    pub(super) fn ihave(&mut self, call: &Call<'_, '_>) -> Test {
        let (mut all, mut found) = (true, Vec::new());
        for text in self.slot_list(call, 0) {
            let Some(name) = self.constant(&text) else { continue };
            match Capability::named(&name).filter(|&name| self.may_have(name)) {
                Some(capability) => found.push(capability),
                None => all = false,
            }
        }
        if all {
            found.into_iter().for_each(|capability| self.required.insert(capability));
        }
        Test::Ihave(all)
    }

    /// RFC 5463 §4: never what changes how strings are read, unless it is required anyway.
    fn may_have(&self, capability: Capability) -> bool {
        let changes = matches!(capability, Capability::EncodedCharacter | Capability::Variables);
        self.offered.has(capability) && (!changes || self.required.has(capability))
    }
}

/// How many nodes an `if` is: itself, the `elsif`s and the `else` behind it.
fn chain(behind: &[Node<'_>]) -> usize {
    let elsifs = behind.iter().take_while(|node| is(node.name, "elsif")).count();
    let last = behind.get(elsifs).is_some_and(|node| is(node.name, "else"));
    elsifs.saturating_add(usize::from(last)).saturating_add(1)
}

/// What a test gives, where `ihave` alone decides it (RFC 5463 §4).
fn holds(test: &Test) -> Option<bool> {
    took(1);
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
