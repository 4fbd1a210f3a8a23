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

/// INTERNALDATE of message `n`, as APPEND wants it: noon of day `n` of February 2024.
pub(crate) fn internal_date(n: u32) -> String {
    format!("\"{:02}-Feb-2024 12:00:00 +0000\"", 1 + (n - 1) % 28)
}
