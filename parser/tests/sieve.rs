//! Sieve as data: every rule the compiler can check, the RFCs' own examples, and broken scripts.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;

use parser::sieve::{Capabilities, compile};

/// A file or folder beside this one.
fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sieve").join(path)
}

/// The files of a folder, in order, with their names.
fn files(folder: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(data(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = entries
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// "ok" or the mistakes, one a line as `line:column message`; then the warnings.
fn verdict(script: &[u8], lines_before: u32) -> String {
    let compiled = compile(script, Capabilities::ALL);
    let (first, list, mark) = match &compiled {
        Ok(script) => ("ok\n", &script.warnings, "warning "),
        Err(errors) => ("", errors, ""),
    };
    let mut verdict = String::from(first);
    for error in list {
        let line = i64::from(error.at.line) - i64::from(lines_before);
        let message = error.to_string();
        let message = message.split_once(": ").unwrap().1;
        verdict += &format!("{mark}{line}:{} {message}\n", error.at.column);
    }
    verdict
}

/// What a script comes to, with so many lines before it that do not count.
type Judge = fn(&[u8], u32) -> String;

/// A file of cases again, with the verdicts that the compiler gives now.
///
/// `== rule | place` begins a rule, `needs …` says what its scripts require. Lines with a bar are a
/// script, in which `␍` stands for CR, `␀` for NUL and `�` for an octet that is no UTF-8; what
/// follows up to the empty line is the verdict.
fn judged(text: &str, judge: Judge) -> String {
    let (mut judged, mut needs, mut script) = (String::new(), String::new(), String::new());
    for line in text.lines().chain([""]) {
        if let Some(code) = line.strip_prefix('|') {
            script += code.strip_prefix(' ').unwrap_or(code);
            script += "\n";
            judged += &format!("{line}\n");
        } else if !script.is_empty() {
            if line.is_empty() {
                let script = std::mem::take(&mut script);
                judged += &verdict_of(&needs, &script, judge);
                judged.push('\n');
            }
        } else {
            if let Some(rule) = line.strip_prefix("==") {
                needs.clear();
                let (_, place) = rule.rsplit_once(" | ").expect(rule);
                assert!(data("../../src/sieve").join(place).exists(), "{rule}");
            }
            if let Some(names) = line.strip_prefix("needs ") {
                let names: Vec<String> =
                    names.split(' ').map(|name| format!("\"{name}\"")).collect();
                needs = format!("require [{}];\n", names.join(", "));
            }
            judged += &format!("{line}\n");
        }
    }
    judged.truncate(judged.trim_end().len());
    judged + "\n"
}

fn verdict_of(needs: &str, script: &str, judge: Judge) -> String {
    let script = script.replace('␍', "\r").replace('␀', "\0");
    let mut bytes = needs.as_bytes().to_vec();
    for (index, piece) in script.split('\u{fffd}').enumerate() {
        if index > 0 {
            bytes.push(0xff);
        }
        bytes.extend_from_slice(piece.as_bytes());
    }
    judge(&bytes, u32::from(!needs.is_empty()))
}

/// Every file of a folder says what the compiler says. `SIEVE_BLESS=1` writes it down instead; read
/// the difference then.
#[track_caller]
fn check(folder: &str, judge: Judge) {
    for (name, text) in files(folder) {
        let judged = judged(&text, judge);
        if std::env::var_os("SIEVE_BLESS").is_some() {
            fs::write(data(folder).join(&name), &judged).unwrap();
            continue;
        }
        for (want, got) in text.lines().zip(judged.lines()) {
            assert_eq!(got, want, "{folder}/{name}");
        }
        assert_eq!(judged.lines().count(), text.lines().count(), "{folder}/{name}");
    }
}

/// The scripts of the RFCs, each with its section. `# needs …` names what the text around it has
/// required; `#! …` is what the compiler says of the slips that the RFCs have themselves.
#[test]
fn examples() {
    let mut seen = 0;
    for (name, text) in files("examples") {
        let head: Vec<&str> = text.lines().take_while(|line| is_head(line)).collect();
        assert!(!head.is_empty(), "{name}: where is it from?");
        let script = text.lines().skip(head.len()).collect::<Vec<_>>().join("\n") + "\n";
        let needs = head.iter().find_map(|line| line.strip_prefix("# needs "));
        let needs = needs.map(|names| format!("require [\"{}\"];\n", names.replace(' ', "\", \"")));
        let needs = needs.unwrap_or_default();
        let verdict = verdict(format!("{needs}{script}").as_bytes(), u32::from(!needs.is_empty()));
        let got: Vec<&str> =
            verdict.lines().filter(|line| *line != "ok" && !line.starts_with("warning")).collect();
        let want: Vec<&str> = head.iter().filter_map(|line| line.strip_prefix("#! ")).collect();
        if std::env::var_os("SIEVE_BLESS").is_some() {
            let head =
                head.iter().filter(|line| !line.starts_with("#! ")).map(|line| format!("{line}\n"));
            let slips = got.iter().map(|line| format!("#! {line}\n"));
            let whole: String = head.chain(slips).collect();
            fs::write(data("examples").join(&name), whole + &script).unwrap();
        } else {
            assert_eq!(got, want, "{name}");
        }
        seen += 1;
    }
    assert!(seen > 140, "{seen}");
}

fn is_head(line: &str) -> bool {
    ["# RFC ", "# draft", "# vnd.", "# needs ", "#! "].iter().any(|head| line.starts_with(head))
}

#[test]
fn rules() {
    check("rules", verdict);
}

#[test]
fn mistakes() {
    check("mistakes", verdict);
}

/// What an interpreter gets: each argument in its place.
#[test]
fn trees() {
    check("trees", tree);
}

/// A line for each command, with its strings as they stand in the script.
fn tree(script: &[u8], _: u32) -> String {
    let script = compile(script, Capabilities::ALL).unwrap();
    let mut tree = String::new();
    for command in &script.commands {
        let text = format!("{:?}\n", command.item);
        let mut places = text.split("at: @");
        let mut line = String::from(places.next().unwrap());
        for rest in places {
            line += rest.split_once(", ").unwrap().1;
        }
        let line = line.replace("Text { content: Constant(\"", "\"").replace("\") }", "\"");
        tree += &line;
    }
    let names =
        script.variables.iter().map(|variable| format!("{} {:?}", variable.name, variable.scope));
    let names: Vec<String> = names.collect();
    if names.is_empty() { tree } else { tree + &format!("{}\n", names.join(", ")) }
}
