//! Whole scripts: those of the RFCs compile, and mistakes read as they should.

use std::format;
use std::fs;
use std::path::PathBuf;
use std::string::{String, ToString as _};
use std::vec::Vec;

use super::tree::{Command, MatchType, Modifier, Relation, Test};
use super::*;

/// `want` is "ok", or the mistakes, one a line.
#[track_caller]
fn check(script: &str, want: &str) {
    let got = match compile(script.as_bytes(), CAPABILITIES) {
        Ok(_) => "ok".into(),
        Err(errors) => errors.iter().map(Error::to_string).collect::<Vec<String>>().join("\n"),
    };
    assert_eq!(got, want, "{script}");
}

#[track_caller]
fn compiled(script: &str) -> Script {
    compile(script.as_bytes(), CAPABILITIES).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The examples of the RFCs, as they stand in the fuzzing corpus.
#[test]
fn examples_of_the_rfcs() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/sieve_script");
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("rfc") {
            continue;
        }
        seen += 1;
        if let Err(errors) = compile(&fs::read(entry.path()).unwrap(), CAPABILITIES) {
            wrong.push(format!("{name}: {}", errors[0]));
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 40, "{seen}");
}

#[test]
fn commands() {
    check("", "ok");
    check("keep; discard; stop;", "ok");
    check("if true {} elsif false {} else {}", "ok");
    check("redirect \"a@b\";", "ok");
    check("require \"reject\"; reject text:\r\nno\r\n.\r\n;", "ok");
    check("else {}", "line 1, column 1: expected \"if\" before \"else\"");
    check("frob;", "line 1, column 1: expected a known command; \"frob\" is not");
    check("keep \"a\";", "line 1, column 6: expected no more arguments of \"keep\"");
    check("keep :x;", "line 1, column 6: expected :flags of \"keep\"");
    check("stop :x;", "line 1, column 6: expected no tagged argument of \"stop\"");
    check("redirect;", "line 1, column 9: expected a string with an address");
    check("redirect 1;", "line 1, column 10: expected a string with an address");
    check("redirect [\"a\"];", "line 1, column 10: expected a string with an address");
    check("keep {}", "line 1, column 6: expected \";\"");
    check("if true;", "line 1, column 8: expected a block");
    check("if {}", "line 1, column 4: expected a test");
    check("if (true) {}", "line 1, column 5: expected one test without parentheses");
    check("if anyof true {}", "line 1, column 10: expected \"(\" and a list of tests");
    check("keep\nstop;", "line 2, column 1: expected \";\" or an argument");
}

#[test]
fn requirements() {
    let before = "line 1, column 1: expected require";
    check("fileinto \"a\";", &format!("{before} \"fileinto\" before \"fileinto\""));
    check("redirect :copy \"a\";", "line 1, column 10: expected require \"copy\" before \":copy\"");
    check("require [\"fileinto\", \"copy\"]; fileinto :copy \"a\";", "ok");
    check(
        "keep; require \"copy\";",
        "line 1, column 7: expected \"require\" before all other commands",
    );
    check(
        "require [\"copy\",\n \"frob\"]; fileinto \"a\";",
        "line 2, column 2: expected a capability that is offered; \"frob\" is not",
    );
    check("require \"vacation-seconds\"; vacation :seconds 9 \"a\";", "ok"); // RFC 6131 §2
    let few = compile(b"require \"copy\";", &["fileinto"]).unwrap_err();
    assert_eq!(few[0].at.column, 9);
    let script = compiled("require [\"copy\", \"body\"]; redirect :copy \"a\";");
    assert_eq!((script.required, script.used), (["copy", "body"].into(), ["copy"].into()));
}

#[test]
fn tests_and_their_tags() {
    let rel = "require [\"relational\", \"comparator-i;ascii-numeric\"];";
    check("if size :over 1M {}", "ok");
    check("if size 1M {}", "line 1, column 4: expected \":over\" or \":under\" with \"size\"");
    check(
        "if header :is :contains \"a\" \"b\" {}",
        "line 1, column 15: expected one match type only",
    );
    check("if header \"a\" :is \"b\" {}", "line 1, column 11: expected \":is\" before this");
    check("if header \"a\" {}", "line 1, column 15: expected a string list with keys");
    check(&format!("{rel} if header :count \"gt\" \"a\" \"1\" {{}}"), "ok");
    check(
        "require \"relational\";\nif header :value \"xx\" \"a\" \"1\" {}",
        "line 2, column 18: expected \"gt\", \"ge\", \"lt\", \"le\", \"eq\" or \"ne\"",
    );
    check(
        &format!("{rel}\nif header :comparator \"i;ascii-numeric\" :matches \"a\" \"1\" {{}}"),
        "line 2, column 4: expected a comparator that knows substrings",
    );
    check(
        "if header :comparator \"i;x\" \"a\" \"1\" {}",
        "line 1, column 23: expected a known comparator; \"i;x\" is not",
    );
    check(
        "require \"envelope\";\nif envelope [\"from\",\n\"orcpt\", \"x\"] \"a\" {}",
        "line 3, column 1: expected require \"envelope-dsn\" before \"orcpt\"\n\
         line 3, column 10: expected an envelope part, as \"from\" or \"to\"",
    );
    check(
        "require \"index\"; if header :last \"a\" \"b\" {}",
        "line 1, column 28: expected \":index\" with \":last\"",
    );
    check("if frob {}", "line 1, column 4: expected a known test; \"frob\" is not");
}

#[test]
fn values() {
    let vars =
        "require [\"variables\", \"include\", \"foreverypart\", \"date\", \"editheader\"];\n";
    check(&format!("{vars}set :upper :length \"a\" \"${{b}}\";"), "ok");
    check(
        &format!("{vars}set :upper :lower \"a\" \"b\";"),
        "line 2, column 12: expected one modifier of precedence 40 only",
    );
    check(&format!("{vars}set \"1\" \"b\";"), "line 2, column 5: expected a variable name");
    check(
        &format!("{vars}include \"${{a}}\";"),
        "line 2, column 9: expected a string without variables",
    );
    check(&format!("{vars}break;"), "line 2, column 1: expected \"foreverypart\" around \"break\"");
    check(&format!("{vars}foreverypart :name \"a\" {{ break :name \"a\"; }}"), "ok");
    check(
        &format!("{vars}addheader \"a:\" \"b\";"),
        "line 2, column 11: expected a header field name",
    );
    check(
        &format!("{vars}keep;\nif header \"${{x.y}}\" \"a\" {{}}"),
        "line 3, column 11: expected variables of a namespace whose extension is required",
    );
}

/// RFC 5463 §4: what an untrue `ihave` guards is not looked at.
#[test]
fn ihave() {
    let script = "require \"ihave\"; if ihave \"x\" { frob; } else { keep; }";
    check(script, "ok");
    check("require \"ihave\"; if allof(ihave \"x\", frob) { frob; }", "ok");
    check("require \"ihave\"; if ihave \"fileinto\" { fileinto \"a\"; }", "ok");
    check(
        "require \"ihave\"; if not ihave \"copy\" { frob; } else { redirect :copy \"a\"; }",
        "ok",
    );
    check(
        "require \"ihave\"; if ihave \"copy\" { frob; }",
        "line 1, column 36: expected a known command; \"frob\" is not",
    );
}

#[test]
fn every_mistake_in_one_pass() {
    check(
        "require [\"fileinto\"];\nif header :is \"Subject\" [] {\n  fileinto :copy \"a\"\n}\n\
         elsif size :over 10X { frob; }\nvacation;\n",
        "line 2, column 26: expected a string\n\
         line 4, column 1: expected \";\" or a block\n\
         line 5, column 18: expected a number, with K, M or G at most behind it\n\
         line 5, column 24: expected a known command; \"frob\" is not\n\
         line 6, column 1: expected require \"vacation\" before \"vacation\"\n\
         line 6, column 9: expected a string with a reason",
    );
    check("keep;\n\0", "line 2, column 1: expected no NUL");
    assert_eq!(
        compile(b"keep; # \xff", &[]).unwrap_err()[0].to_string(),
        "line 1, column 9: expected UTF-8"
    );
    let errors = compile("x;".repeat(5000).as_bytes(), &[]).unwrap_err();
    assert_eq!(errors.len(), ERRORS_MAX);
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
    let Test::Not(test) = &branches[0].0.item else { panic!() };
    let Test::Header { compare, .. } = &test.item else { panic!() };
    assert_eq!(compare.matching.kind, MatchType::Value(Relation::GreaterOrEqual));
    assert_eq!(compare.keys[0].constant(), Some("5"));
    let Command::Set { name, value, modifiers } = &branches[0].1[0].item else { panic!() };
    assert_eq!((name.as_str(), value.pieces.len()), ("n", 2));
    assert_eq!(modifiers, &[Modifier::Lower, Modifier::Length]);
}
