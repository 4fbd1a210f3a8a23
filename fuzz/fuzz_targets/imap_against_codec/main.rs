//! IMAP commands against imap-codec: what it reads, we read as the same command, to the last item.
//!
//! Both are written in one spelling, ours by the printer that `imap_command` tests, theirs by
//! `theirs`, and compared as text. The other way round it does not hold, and is not meant to: we
//! forgive what real clients send. Disagreements that are understood are listed in
//! docs/testing.md, and `understood` knows them.
#![no_main]

mod theirs;

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok((b"", command)) = CommandCodec::default().decode(input) else { return };
    let Some(want) = theirs::printed(&command) else { return };
    let ours = match parser::imap::command(input) {
        Ok(ours) => parser::fuzzing::imap_printed(&ours),
        Err(error) if understood(error.error, input) => return,
        Err(error) => panic!("{error:?} in {}", input.escape_ascii()),
    };
    let same =
        if want.has_case { ours == want.text } else { ours.eq_ignore_ascii_case(&want.text) };
    assert!(
        same,
        "{}\nis for us {}\nfor them  {}",
        input.escape_ascii(),
        ours.escape_ascii(),
        want.text.escape_ascii()
    );
});

/// Where we refuse with reason what imap-codec reads; docs/testing.md has the reasons.
fn understood(error: parser::Error, input: &[u8]) -> bool {
    let at = input.get(error.offset..).unwrap_or_default();
    match error.expected {
        "tag" => at.iter().take_while(|byte| byte.is_ascii_graphic()).count() > 256,
        "nz-number" | "nz-number64" => at.starts_with(b"0"),
        "fetch-att" | "status-att" => at.starts_with(b")"),
        "zone" => {
            matches!(at, [b'+' | b'-', zone @ ..] if zone.iter().take(4).all(u8::is_ascii_digit))
        }
        "flag" => at.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"NIL")),
        "astring" => {
            let before = input.get(..error.offset).unwrap_or_default().to_ascii_uppercase();
            at.starts_with(b" )") && before.ends_with(b" ID (")
        }
        // The first entry of GETMETADATA, for them; an option, for us (RFC 5464 §4.2).
        _ if in_metadata_options(input, error.offset) => true,
        "number64" | "mod-sequence-valzer" => {
            at.iter().take_while(|byte| byte.is_ascii_digit()).count() >= 19
        }
        "entry"
        | "getmetadata-option"
        | "set without \"*\""
        | "UID FETCH with CHANGEDSINCE for VANISHED" => true,
        _ => false,
    }
}

/// True behind `GETMETADATA x (MAXSIZE` or `(DEPTH`.
fn in_metadata_options(input: &[u8], offset: usize) -> bool {
    let before = input.get(..offset).unwrap_or_default().to_ascii_uppercase();
    let has = |word: &[u8]| before.windows(word.len()).any(|window| window == word);
    has(b" GETMETADATA ") && (has(b" (MAXSIZE") || has(b" (DEPTH"))
}
