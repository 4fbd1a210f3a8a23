//! The messages of transcripts and simulations: small, alike, and each known by its number.

/// Message `n`: a plain text message whose every header field can be told from `n`.
pub(crate) fn small(n: u32) -> Vec<u8> {
    let lines = [
        format!("Date: Mon, {:02} Jan 2024 10:00:00 +0000", 1 + (n - 1) % 28),
        format!("From: Sender {n} <sender{n}@example.org>"),
        "To: Reader <reader@example.com>".to_owned(),
        format!("Subject: Message {n}"),
        format!("Message-ID: <{n}@example.org>"),
        String::new(),
        format!("This is the body of message {n}."),
        String::new(),
    ];
    lines.join("\r\n").into_bytes()
}

/// INTERNALDATE of message `n`: noon of day `n` of February 2024, in seconds since 1970.
pub(crate) fn internal_seconds(n: u32) -> i64 {
    1_706_788_800 + i64::from((n - 1) % 28) * 86_400
}

/// The same, as APPEND wants it (RFC 9051 §9 `date-time`).
pub(crate) fn internal_date(n: u32) -> String {
    format!("\"{:02}-Feb-2024 12:00:00 +0000\"", 1 + (n - 1) % 28)
}
