//! Sieve scripts printed again in one form: what it prints parses to the same at other places.

use alloc::string::String;
use core::fmt::Write as _;

use crate::sieve::grammar::{Argument, Node, Value};

/// A script.
pub(crate) fn print(nodes: &[Node<'_>]) -> String {
    let mut out = String::new();
    commands(&mut out, nodes);
    out
}

fn commands(out: &mut String, nodes: &[Node<'_>]) {
    for node in nodes {
        head(out, node);
        match &node.block {
            None => out.push_str(";\r\n"),
            Some(block) => {
                out.push_str(" {\r\n");
                commands(out, block);
                out.push_str("}\r\n");
            }
        }
    }
}

/// `identifier arguments` — RFC 5228 §8.2.
fn head(out: &mut String, node: &Node<'_>) {
    out.push_str(node.name);
    for argument in &node.arguments {
        out.push(' ');
        self::argument(out, argument);
    }
    let (open, between, close) = if node.listed { (" (", ", ", ")") } else { (" ", " ", "") };
    for (index, test) in node.tests.iter().enumerate() {
        out.push_str(if index == 0 { open } else { between });
        head(out, test);
    }
    out.push_str(if node.tests.is_empty() { "" } else { close });
}

fn argument(out: &mut String, argument: &Argument<'_>) {
    match &argument.value {
        Value::Tag(name) => {
            out.push(':');
            out.push_str(name);
        }
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Text(text) => quoted(out, text),
        Value::List(items) => {
            for (index, (_, text)) in items.iter().enumerate() {
                out.push_str(if index == 0 { "[" } else { ", " });
                quoted(out, text);
            }
            out.push(']');
        }
    }
}

/// `quoted-string = DQUOTE quoted-text DQUOTE` — RFC 5228 §8.1.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
