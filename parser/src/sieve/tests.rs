//! Whole scripts: the tree they give, and what has wounded others. What each rule lets pass and
//! what it refuses stands as data in `parser/tests/sieve`.

use std::string::{String, ToString as _};
use std::vec::Vec;
use std::{format, vec};

use super::tree::{
    Command, Comparator, Content, EnvironmentItem, MatchType, Modifier, Piece, Relation, Scope,
    Test, VariableId,
};
use super::*;

#[track_caller]
fn compiled(script: &str) -> Script {
    compile(script.as_bytes(), Capabilities::ALL).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The first mistake, and how many there are.
#[track_caller]
fn first(script: &[u8]) -> (String, usize) {
    let errors = compile(script, Capabilities::ALL).unwrap_err();
    (errors[0].to_string(), errors.len())
}

#[test]
fn the_tree() {
    let script = compiled(
        "require [\"variables\", \"relational\"];\n\
         if not header :value \"ge\" \"X\" \"5\" { set :length :lower \"N\" \"a${b}\"; }",
    );
    let Command::If { branches, otherwise } = &script.commands[0].item else { panic!() };
    assert!(otherwise.is_empty());
    assert_eq!((script.commands[0].at.line, script.commands[0].at.column), (2, 1));
    let Test::Not(test) = &branches[0].test.item else { panic!() };
    let Test::Header { headers, compare, .. } = &test.item else { panic!() };
    assert_eq!(compare.matching.kind, MatchType::Value(Relation::GreaterOrEqual));
    assert_eq!(compare.matching.comparator, Comparator::AsciiCasemap);
    assert_eq!((headers[0].constant(), compare.keys[0].constant()), (Some("X"), Some("5")));
    let Command::Set { variable, value, modifiers } = &branches[0].commands[0].item else {
        panic!()
    };
    assert_eq!(**modifiers, [Modifier::Lower, Modifier::Length]);
    let Content::Pieces(pieces) = &value.content else { panic!() };
    assert_eq!(**pieces, [Piece::Literal("a".into()), Piece::Variable(VariableId(0))]);
    assert_eq!(*script.variables[variable.0 as usize].name, *"n");
}

/// RFC 6609 §3.4: one variable by both names, and another that only has its name.
#[test]
fn variables_have_scopes() {
    let script = compiled(
        "require [\"variables\", \"include\", \"vnd.dovecot.environment\"];\n\
         set \"b\" \"${a}\"; global \"a\"; set \"A\" \"${global.a}${env.remote_ip}${1}\";",
    );
    let names: Vec<_> = script.variables.iter().map(|one| (&*one.name, one.scope)).collect();
    assert_eq!(names, [("a", Scope::Local), ("b", Scope::Local), ("a", Scope::Global)]);
    let Command::Set { variable, value, .. } = &script.commands[1].item else { panic!() };
    let Content::Pieces(pieces) = &value.content else { panic!() };
    assert_eq!(pieces[0], Piece::Variable(*variable));
    assert_eq!(pieces[1], Piece::Environment(EnvironmentItem::RemoteIp));
    assert_eq!(pieces[2], Piece::Match(1));
}

#[test]
fn octets_that_are_no_text_stay_as_they_are() {
    let script = compiled(
        "require [\"variables\", \"encoded-character\", \"fileinto\"];\n\
         set \"a\" \"${hex:ff}\"; set \"b\" \"${hex:fe}${a}${hex:24 7b}a}\";",
    );
    let content = |index: usize| match &script.commands[index].item {
        Command::Set { value, .. } => value.content.clone(),
        _ => panic!(),
    };
    assert_eq!(content(0), Content::Octets([0xff].into()));
    let a = Piece::Variable(VariableId(0));
    let octets = Piece::Octets([0xfe].into());
    assert_eq!(content(1), Content::Pieces([octets, a.clone(), a].into()));
    // A mailbox is named in UTF-8.
    let wrong = "require [\"encoded-character\", \"fileinto\"]; fileinto \"${hex:ff}\";";
    assert!(first(wrong.as_bytes()).0.ends_with("found octets that are no UTF-8"));
}

#[test]
fn flags_are_told_apart_before_anything_runs() {
    let script =
        compiled("require \"imap4flags\"; keep :flags [\"\\\\Seen  $a\", \"\\\\Recent\"];");
    let Command::Keep { flags: Some(flags) } = &script.commands[0].item else { panic!() };
    let flags: Vec<_> = flags.iter().map(|flag| flag.constant()).collect();
    assert_eq!(flags, [Some("\\Seen"), Some("$a")]);
    assert_eq!(script.warnings.len(), 1);
}

#[test]
fn what_is_required_and_what_is_used() {
    let script = compiled("require [\"copy\", \"body\"]; redirect :copy \"a@b\";");
    let [copy, body] = [Capability::Copy, Capability::Body];
    assert_eq!(
        (script.required, script.used),
        (Capabilities::of(&[copy, body]), Capabilities::of(&[copy]),)
    );
    let few = compile(b"require \"copy\";", Capabilities::ALL.without(copy)).unwrap_err();
    assert!(few[0].to_string().ends_with("expected an extension that is offered, found \"copy\""));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_script() {
    compiled("\u{feff}keep;");
    assert!(first("\u{feff}frob;".as_bytes()).0.starts_with("line 1, column 1: "));
    assert!(first("keep;\u{feff}".as_bytes()).0.contains("found"));
    assert_eq!(first("\u{feff}keep;\0".as_bytes()).0, "line 1, column 6: expected no NUL");
}

#[test]
fn line_ends_may_be_mixed() {
    let script = compiled("redirect\r\n\"a@b\";\nif header \"a\" text:\r\n..a\n.b\r\n.\n{}\r\n");
    let Command::If { branches, .. } = &script.commands[1].item else { panic!() };
    let Test::Header { compare, .. } = &branches[0].test.item else { panic!() };
    assert_eq!(compare.keys[0].constant(), Some(".a\n.b\r\n"));
    assert_eq!(script.commands[1].at.line, 3);
}

/// Enough for what is quadratic to take more steps than a line may.
const FLOOD_BYTES: usize = 64 << 10;

/// Floods: each is refused or read in steps that grow with its length, and with few words.
#[test]
fn floods_cost_what_they_are_long() {
    let floods: &[(&str, &str, &str)] = &[
        ("", "{", ""),
        ("", "(", ""),
        ("", "[", ""),
        ("if ", "not ", "true {}"),
        ("if ", "anyof(", ""),
        ("", "if true {", ""),
        ("", "a;", ""),
        ("if true {}", "elsif true {}", ""),
        ("", "if true {} else {}", ""),
        ("redirect ", ":a ", ";"),
        ("if header ", ":is ", "\"a\" \"b\" {}"),
        ("if header [\"\"", ",\"x\"", "] \"\" {}"),
        ("require [\"\"", ",\"x\"", "];"),
        ("", "require \"fileinto\";", ""),
        ("", "/*", ""),
        ("", "/**/", ""),
        ("", "/* */ *", ""),
        ("", "#\n", ""),
        ("", "//", ""),
        ("", "\"", ""),
        ("", "\"\"", ""),
        ("\"", "\\", ""),
        ("redirect text:\n", "..\n", ""),
        ("redirect text:\n", "..\n", ".\n;"),
        ("", "text:", ""),
        ("", "text:\n.\n", ""),
        ("", "'", ""),
        ("", "' \n", ""),
        ("", "?", ""),
        ("", "\u{e9} ", ""),
        ("", ": ", ""),
        ("", "1 ", ""),
        ("", "9", ""),
        ("", "a", ""),
        ("", "}", ""),
        ("require [\"variables\",\"encoded-character\"];set \"a\" \"", "${", "\";"),
        ("require [\"variables\",\"encoded-character\"];set \"a\" \"", "${hex:", "\";"),
        ("require [\"variables\",\"encoded-character\"];set \"a\" \"", "${a", "\";"),
        ("require [\"variables\",\"encoded-character\"];set \"a\" \"", "${a}", "\";"),
        ("require [\"variables\",\"encoded-character\"];set \"a\" \"${hex:", "40 ", "}\";"),
        ("require [\"variables\",\"encoded-character\"];set \"a\" \"${unicode:", "0", "}\";"),
        ("require \"regex\";if header :regex \"a\" \"", "(", "\" {}"),
        ("require \"regex\";if header :regex \"a\" \"", "[[:", "\" {}"),
        ("require \"regex\";if header :regex \"a\" \"", "a{1}", "\" {}"),
        ("redirect \"", "<", "\";"),
        ("redirect \"", "\\\"a", "\";"),
        ("redirect \"", "a.", "\";"),
        ("require \"vacation\";vacation :from \"a@b", ",a@b", "\" \"\";"),
        ("require \"imap4flags\";setflag \"", "a ", "\";"),
        ("require \"imap4flags\";setflag \"", "* ", "\";"),
        ("require \"ihave\";if ", "not ", "ihave \"x\" {}"),
        ("require \"ihave\";if anyof(true", ",ihave \"x\"", ") {}"),
        ("require \"variables\";", "set \"a\" \"\";", ""),
    ];
    for (before, again, behind) in floods {
        let count = (FLOOD_BYTES - before.len() - behind.len()) / again.len();
        let script = format!("{before}{}{behind}", again.repeat(count));
        crate::fuzzing::sieve_script(script.as_bytes());
    }
}

#[test]
fn many_are_let_pass() {
    let list =
        |count: usize| (0..count).map(|n| format!("\"a{n}@b\"")).collect::<Vec<_>>().join(",");
    compiled(&format!("if header \"from\" [{}] {{ keep; }}", list(10_000)));
    let script = compiled(&format!("if true {{}} {}", "elsif true { keep; }".repeat(10_000)));
    let Command::If { branches, .. } = &script.commands[0].item else { panic!() };
    assert_eq!(branches.len(), 10_001);
    let names = format!("require [{}];", list(10_000));
    assert_eq!(first(names.as_bytes()).1, ERRORS_MAX);
    let variables: String = (0..5_000).map(|n| format!("set \"a{n}\" \"\";")).collect();
    let (message, _) = first(format!("require \"variables\";{variables}").as_bytes());
    assert!(message.ends_with("expected at most 4096 variables"), "{message}");
}

#[test]
fn long_scripts_are_refused_unread() {
    let long = vec![b' '; SCRIPT_BYTES_MAX + 1];
    assert_eq!(first(&long).0, "line 1, column 1: expected a script of at most 1048576 bytes");
    compile(&long[1..], Capabilities::NONE).unwrap();
}

#[test]
fn the_tree_is_small() {
    use core::mem::size_of;
    let sizes = [
        size_of::<tree::Text>(),
        size_of::<tree::At<Command>>(),
        size_of::<tree::At<Test>>(),
        size_of::<grammar::Node<'_>>(),
    ];
    assert!(sizes.iter().zip([40, 96, 104, 160]).all(|(&size, most)| size <= most), "{sizes:?}");
}
