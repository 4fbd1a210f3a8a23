//! What mapping a message costs: `cargo bench -p sora-parser --bench message`.

use std::hint::black_box;
use std::time::Instant;

use parser::lmtp::DotStream;
use parser::message::transfer::{Base64, QuotedPrintable};
use parser::message::{Addresses, DateTime, Header, MessageMap, envelope};

fn main() {
    let small = newsletter(4_096);
    let attachment = attachment(20 * 1024 * 1024);
    let prose = newsletter(20 * 1024 * 1024);
    bench("map of 4 KB", &small, |input| MessageMap::parse(input).root().lines() > 0);
    bench("map of 4 KB, encoded", &small, |input| MessageMap::parse(input).encode().len() > 9);
    let stored = MessageMap::parse(&small).encode();
    bench("stored map, decoded", &stored, |input| MessageMap::decode(input).is_some());
    bench("header of 4 KB", &small, |input| Header::of(input).1 > 0);
    let mut out = Vec::new();
    bench("envelope of 4 KB", &small, |input| {
        out.clear();
        envelope::write(&Header::of(input).0, &mut out);
        !out.is_empty()
    });
    bench("map of 20 MB attached", &attachment, |input| {
        MessageMap::parse(input).parts().len() == 3
    });
    bench("map of 20 MB of lines", &prose, |input| MessageMap::parse(input).parts().len() == 3);
    let mut data = Vec::new();
    bench("dots of 20 MB", &prose, |input| {
        data.clear();
        DotStream::new().feed(input, &mut data).consumed == input.len()
    });
    bench("base64 of 20 MB", &attachment, |input| {
        data.clear();
        Base64::new().feed(input, &mut data);
        !data.is_empty()
    });
    bench("quoted-printable of 20 MB", &prose, |input| {
        data.clear();
        QuotedPrintable::new().feed(input, &mut data);
        !data.is_empty()
    });
    bench("date", b"Fri, 21 Nov 1997 09:55:06 -0600 (CST)", |input| {
        DateTime::parse(input).is_some()
    });
    bench("address", b"\"Public, Joe Q.\" <joe.public@example.org>", |input| {
        Addresses::new(input).count() == 1
    });
}

const HEADER: &str = "Return-Path: <bounce+12345@lists.example.org>\r\n\
    Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n\
    \tby mail.example.com (Postfix) with ESMTPS id 4AbCdEf123\r\n\
    \tfor <me@example.com>; Fri, 21 Nov 2025 09:55:06 +0100 (CET)\r\n\
    Received: from app (app.internal [10.0.0.7]) by mx.example.org; Fri, 21 Nov 2025 08:55:05 +0000\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=k1;\r\n\
    \tt=1763711705; h=from:to:subject:date:message-id:mime-version:content-type;\r\n\
    \tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\
    \tb=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4\r\n\
    From: \"Example Weekly\" <weekly@example.org>\r\n\
    To: Me <me@example.com>, \"You, too\" <you@example.net>\r\n\
    Subject: =?utf-8?q?N=C3=A4chste_Woche?= in the garden\r\n\
    Date: Fri, 21 Nov 2025 09:55:04 +0100\r\n\
    Message-ID: <20251121085504.12345@example.org>\r\n\
    List-Unsubscribe: <https://example.org/u/12345>\r\n\
    MIME-Version: 1.0\r\n\
    X-Mailer: Example 1.0\r\n";

/// text/plain and text/html, in lines of 72.
fn newsletter(bytes: usize) -> Vec<u8> {
    let mut mail = HEADER.to_owned();
    mail += "Content-Type: multipart/alternative; boundary=\"b1_0123456789\"\r\n\r\n";
    for kind in ["plain", "html"] {
        mail += &format!("--b1_0123456789\r\nContent-Type: text/{kind}; charset=utf-8\r\n");
        mail += "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
        let end = mail.len() + bytes.saturating_sub(HEADER.len() + 400) / 2;
        while mail.len() < end {
            mail +=
                "The quick brown fox jumps over the lazy dog =E2=80=93 and again and again.\r\n";
        }
    }
    (mail + "--b1_0123456789--\r\n").into_bytes()
}

/// A line of text and a file in base64.
fn attachment(bytes: usize) -> Vec<u8> {
    let mut mail = HEADER.to_owned();
    mail += "Content-Type: multipart/mixed; boundary=\"b1_0123456789\"\r\n\r\n--b1_0123456789\r\n";
    mail +=
        "\r\nSee the file.\r\n--b1_0123456789\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n";
    mail += "Content-Transfer-Encoding: base64\r\n\r\n";
    while mail.len() < bytes {
        mail += "JVBERi0xLjcKJeLjz9MKMSAwIG9iago8PC9UeXBlL0NhdGFsb2cvUGFnZXMgMiAwIFI+PgplbmRv\r\n";
    }
    (mail + "--b1_0123456789--\r\n").into_bytes()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn bench(name: &str, input: &[u8], mut run: impl FnMut(&[u8]) -> bool) {
    assert!(run(input), "{name}: the input must parse, or we time the error path");
    let rounds = (2_000_000 / (input.len() + 2_000)).max(1);
    let mut best = f64::MAX;
    for _ in 0..40 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(run(black_box(input)));
        }
        best = best.min(start.elapsed().as_secs_f64() / rounds as f64);
    }
    let rate = input.len() as f64 / best / 1e6;
    println!("{name:28} {:12.1} ns {rate:8.0} MB/s", best * 1e9);
}
