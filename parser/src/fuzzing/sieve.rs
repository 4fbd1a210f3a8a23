//! Sieve scripts: what holds for any bytes.

use alloc::string::String;
use core::fmt::Write as _;

use crate::sieve::{CAPABILITIES, ERRORS_MAX, Error, SCRIPT_BYTES_MAX, compile, grammar};

/// Mistakes have places in the script, in order; what parses prints and parses to the same, and
/// means the same.
pub fn sieve_script(input: &[u8]) {
    let compiled = compile(input, CAPABILITIES);
    if let Err(errors) = &compiled {
        in_place(input, errors);
    }
    let Ok(script) = core::str::from_utf8(input) else { return };
    let (nodes, errors) = grammar::parse(script);
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
    match (compiled, compile(printed.as_bytes(), CAPABILITIES)) {
        (Ok(one), Ok(two)) => {
            assert_eq!((one.required, one.used), (two.required, two.used), "{printed}");
        }
        (Err(_), Err(_)) => {}
        (one, two) => assert_eq!(one, two, "{printed}"),
    }
}

fn print(nodes: &[grammar::Node<'_>]) -> String {
    let mut printed = String::new();
    for node in nodes {
        let _ = write!(printed, "{node}");
    }
    printed
}

/// Lines and columns are those of the offsets, which never leave the script.
fn in_place(input: &[u8], errors: &[Error]) {
    assert!(!errors.is_empty() && errors.len() <= ERRORS_MAX);
    assert!(errors.is_sorted_by(|one, next| one.at.offset < next.at.offset), "{errors:?}");
    for error in errors {
        let before = input.get(..error.at.offset).expect("a place in the script");
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let begins = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let characters = before[begins..].iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        assert_eq!((error.at.line as usize, error.at.column as usize), (line, characters + 1));
    }
}
