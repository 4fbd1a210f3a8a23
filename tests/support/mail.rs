//! Mail as it comes: whole and broken messages of every kind, made from a seed.

use super::random::Random;

/// Message number `n`, which is its seed; never empty, no two alike.
pub(crate) fn message(n: u32) -> Vec<u8> {
    let mut random = Random::new(n.into());
    let random = &mut random;
    let mut message = match random.below(16) {
        0 => plain(random, n),
        1 => headless(random, n),
        2 => bodiless(random, n),
        3 => with_bare_line_feeds(&plain(random, n)),
        4 => binary(random, n),
        5 => broken_mime(random, n),
        6 => long_lines(random, n),
        7 => dots(random, n),
        8 => encoded_words(random, n),
        9 => many_headers(random, n),
        _ => {
            let mut message = header(random, n);
            message.extend(entity(random, 0));
            message
        }
    };
    match random.below(12) {
        0 => message.truncate(message.len().saturating_sub(1 + random.below(20)).max(1)),
        1 => {
            let at = random.below(message.len());
            message[at] = random.next() as u8;
        }
        2 => message.extend_from_slice(b"\r\n\r\n\r\n"),
        _ => {}
    }
    message
}

/// About `bytes` bytes with one large attachment.
pub(crate) fn large(bytes: usize) -> Vec<u8> {
    let mut random = Random::new(bytes as u64);
    let mut message = header(&mut random, 999_999);
    message.extend_from_slice(b"Content-Type: multipart/mixed; boundary=\"large\"\r\n\r\n");
    message
        .extend_from_slice(b"--large\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--large\r\n");
    message.extend_from_slice(b"Content-Type: application/octet-stream\r\n");
    message.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
    while message.len() < bytes {
        message.extend(base64_line(&mut random));
    }
    message.extend_from_slice(b"--large--\r\n");
    message
}

fn header(random: &mut Random, n: u32) -> Vec<u8> {
    let mut lines = vec![format!("Message-ID: <{n}.{}@example.org>", random.next())];
    let subject =
        random.pick(&["hello", "Re: Fwd: [list] hello", "", "a \"quoted\" subject", "\t folded"]);
    let optional = [
        format!("Date: {:02} Mar 2024 10:{:02}:00 +0100", 1 + random.below(28), random.below(60)),
        format!("From: \"Sender, {n}\" <sender{n}@example.org>"),
        "To: one@example.com,\r\n\tTwo <two@example.com>".to_owned(),
        "Cc: group: a@example.com, b@example.com;".to_owned(),
        format!("Subject: {subject}"),
        "MIME-Version: 1.0".to_owned(),
        format!("References: <1@x> <2@x>\r\n <{n}@x>"),
        format!("Received: from a by b; Fri, {:02} Mar 2024 00:00:00 +0000", 1 + random.below(28)),
    ];
    lines.extend(optional.into_iter().filter(|_| !random.one_in(4)));
    lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect()
}

fn plain(random: &mut Random, n: u32) -> Vec<u8> {
    let mut message = header(random, n);
    message.extend_from_slice(b"\r\n");
    message.extend(text(random));
    message
}

fn text(random: &mut Random) -> Vec<u8> {
    let lines = random.below(30);
    let words = ["mail", "store", "grüße", "=20", "--x", ".", "From ", "日本", "\t", "{3}"];
    let mut text = Vec::new();
    for _ in 0..lines {
        for _ in 0..random.below(10) {
            text.extend_from_slice(random.pick(&words).as_bytes());
            text.push(b' ');
        }
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// The rest of a header and a body: nested multiparts, messages, attachments.
fn entity(random: &mut Random, depth: usize) -> Vec<u8> {
    let kind = if depth > 3 { random.below(3) } else { random.below(6) };
    let mut entity = Vec::new();
    match kind {
        0 => {
            let charset = random.pick(&["utf-8", "iso-8859-1", "\"us-ascii\"", "unknown-8bit"]);
            let encoding = random.pick(&["7bit", "8bit", "quoted-printable", "X-NONE"]);
            entity.extend_from_slice(
                format!(
                    "Content-Type: text/plain; charset={charset}\r\n\
                     Content-Transfer-Encoding: {encoding}\r\n\r\n"
                )
                .as_bytes(),
            );
            entity.extend(text(random));
        }
        1 => {
            entity.extend_from_slice(
                b"Content-Type: application/pdf;\r\n name*0=\"long \";\r\n name*1=\"name.pdf\"\r\n\
                  Content-Disposition: attachment; filename*=utf-8''gr%C3%BC%C3%9Fe.pdf\r\n\
                  Content-Transfer-Encoding: base64\r\n\r\n",
            );
            for _ in 0..random.below(200) {
                entity.extend(base64_line(random));
            }
        }
        2 => {
            entity.extend_from_slice(
                b"Content-Type: text/html\r\nContent-ID: <x@y>\r\n\r\n<p>hi</p>",
            );
        }
        3 => {
            entity.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n");
            entity.extend(self::entity(random, depth + 1));
        }
        _ => {
            let boundary = format!("=_{depth}_{}", random.below(1_000));
            let subtype = random.pick(&["mixed", "alternative", "related", "digest", "signed"]);
            entity.extend_from_slice(
                format!("Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\r\n\r\n")
                    .as_bytes(),
            );
            for _ in 0..random.below(5) {
                entity.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                entity.extend(self::entity(random, depth + 1));
                entity.extend_from_slice(b"\r\n");
            }
            if !random.one_in(5) {
                entity.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            }
        }
    }
    entity
}

fn base64_line(random: &mut Random) -> Vec<u8> {
    let letter = |random: &mut Random| b'A' + random.below(26) as u8;
    let mut line: Vec<u8> = (0..76).map(|_| letter(random)).collect();
    line.extend_from_slice(b"\r\n");
    line
}

fn headless(random: &mut Random, n: u32) -> Vec<u8> {
    let mut message = format!("\r\nno header at all, number {n}\r\n").into_bytes();
    message.extend(text(random));
    message
}

fn bodiless(random: &mut Random, n: u32) -> Vec<u8> {
    header(random, n) // not even the blank line
}

fn with_bare_line_feeds(message: &[u8]) -> Vec<u8> {
    message.iter().copied().filter(|byte| *byte != b'\r').collect()
}

fn binary(random: &mut Random, n: u32) -> Vec<u8> {
    let mut message = header(random, n);
    message.extend_from_slice(b"Content-Transfer-Encoding: binary\r\n\r\n");
    message.extend((0..random.below(3_000)).map(|_| random.next() as u8));
    message
}

fn broken_mime(random: &mut Random, n: u32) -> Vec<u8> {
    let types = [
        "multipart/mixed",
        "multipart/mixed; boundary=",
        "multipart/mixed; boundary=\"never seen\"",
        "multipart/mixed; boundary=x; boundary=y",
        "text",
        "/",
        "text/plain; charset",
        "text/plain; charset=\"unterminated",
        "message/rfc822",
        "message/external-body; access-type=none",
        "message/partial; number=1",
    ];
    let mut message = header(random, n);
    let content_type = random.pick(&types);
    message.extend_from_slice(format!("Content-Type: {content_type}\r\n").as_bytes());
    message.extend_from_slice(
        b"Content-Transfer-Encoding: base64, really\r\n: no name\r\nnot a field\r\n",
    );
    message.extend_from_slice(b"\r\n--x\r\n--x--\r\n--x\r\n\r\n--\r\n");
    message.extend(text(random));
    message
}

fn long_lines(random: &mut Random, n: u32) -> Vec<u8> {
    let mut message = header(random, n);
    let long = "x".repeat(1 + random.below(120_000));
    message.extend_from_slice(format!("X-Long: {long}\r\n\r\n{long}\r\n").as_bytes());
    message
}

fn dots(random: &mut Random, n: u32) -> Vec<u8> {
    let mut message = header(random, n);
    message.extend_from_slice(b"\r\n");
    for _ in 0..1 + random.below(20) {
        message.extend_from_slice(random.pick::<&[u8]>(&[
            b".\r\n", b"..\r\n", b".\n", b"\n.\r", b".", b"\r\n", b"\r.\r\n", b"a.\r\n",
        ]));
    }
    message
}

fn encoded_words(random: &mut Random, n: u32) -> Vec<u8> {
    let mut message = header(random, n);
    for (name, value) in [
        ("Subject", "=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= =?ISO-8859-1?B?R3L832U=?="),
        ("Subject", "=?utf-8?q?never ended"),
        ("To", "=?UTF-8?Q?J=C3=BCrgen?= <j@example.com>, =?x?y?z?= <@>"),
        ("X-Raw", "Grüße 日本語"),
    ] {
        message.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    message.extend_from_slice(b"X-Latin: Gr\xFC\xDFe\r\n\r\n");
    message.extend(text(random));
    message
}

fn many_headers(random: &mut Random, n: u32) -> Vec<u8> {
    let mut message = header(random, n);
    for field in 0..random.below(400) {
        message.extend_from_slice(format!("X-Field-{field}: value {field}\r\n").as_bytes());
    }
    message.extend_from_slice(b"\r\nbody\r\n");
    message
}
