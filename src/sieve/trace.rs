//! Bytes of a message as a line of trace may have them.

/// Bytes of a value that a line repeats.
const SHOWN_BYTES_MAX: usize = 80;

/// In quotes, on one line, cut short.
pub(super) fn shown(octets: &[u8]) -> String {
    let cut = octets.get(..SHOWN_BYTES_MAX);
    let text = String::from_utf8_lossy(cut.unwrap_or(octets));
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}{}\"", text.trim_end_matches('\u{fffd}'), if cut.is_some() { "…" } else { "" })
}

/// On one line.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1_000).collect()
}
