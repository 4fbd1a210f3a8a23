//! Sieve scripts: what holds for any bytes.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::linear;
use super::sieve_print::print;
use crate::sieve::{Capabilities, ERRORS_MAX, Error, SCRIPT_BYTES_MAX, Script, compile, grammar};

/// Mistakes have places in the script, in order; what parses prints and parses to the same, and
/// compiles to the same tree.
pub fn sieve_script(input: &[u8]) {
    // Most of it is guessing what misspelt names were meant to be, a hundred times at most.
    let compiled = linear(input.len(), 256, || compile(input, Capabilities::ALL));
    match &compiled {
        Ok(script) => in_place(input, &script.warnings),
        Err(errors) => {
            assert!(!errors.is_empty(), "no tree and no mistake");
            in_place(input, errors);
        }
    }
    let Ok(text) = core::str::from_utf8(input) else { return };
    let (nodes, errors) = grammar::parse(text);
    if !errors.is_empty() {
        assert!(compiled.is_err(), "the check forgot {errors:?}");
        return;
    }
    let printed = print(&nodes);
    let (again, errors) = grammar::parse(&printed);
    assert!(errors.is_empty(), "{errors:?} in {printed}");
    assert_eq!(print(&again), printed);
    if printed.len() > SCRIPT_BYTES_MAX || memchr::memchr(0, input).is_some() {
        return;
    }
    match (compiled, compile(printed.as_bytes(), Capabilities::ALL)) {
        (Ok(one), Ok(two)) => assert_eq!(without_places(&one), without_places(&two), "{printed}"),
        (Err(_), Err(_)) => {}
        (one, two) => assert_eq!(one, two, "{printed}"),
    }
}

/// A tree as text, but for the `@line:column` of its places.
fn without_places(script: &Script) -> String {
    let Script { commands, variables, required, used, .. } = script;
    let text = format!("{commands:?} {variables:?} {required:?} {used:?}");
    let mut pieces = text.split('@');
    let mut kept: String = pieces.next().unwrap_or_default().into();
    for piece in pieces {
        kept.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    kept
}

/// Lines and columns are those of the offsets, which never leave the script.
fn in_place(input: &[u8], errors: &[Error]) {
    assert!(errors.len() <= ERRORS_MAX);
    assert!(errors.is_sorted_by(|one, next| one.at.offset < next.at.offset), "{errors:?}");
    // A mark before the script is no character of its first line.
    let mark = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    for error in errors {
        let offset = usize::try_from(error.at.offset).unwrap_or(usize::MAX);
        let before = input.get(mark.min(offset)..offset).expect("a place in the script");
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let begins = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let characters = before[begins..].iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        assert_eq!((error.at.line as usize, error.at.column as usize), (line, characters + 1));
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
        let _ = error.shown_in(input).to_string();
    }
}
