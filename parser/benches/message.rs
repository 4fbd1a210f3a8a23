//! What mapping a message costs: `make bench-parts`, with a directory of messages if you have one.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use mail_parser::MessageParser;
use mail_parser::parsers::MessageStream;
use mailparse::MailHeaderMap;
use parser::lmtp::DotStream;
use parser::message::transfer::{Base64, QuotedPrintable};
use parser::message::{Addresses, DateTime, Header, MessageMap, envelope, header};
use table::{Asked, Table, Task};

const PEERS: [&str; 2] = ["mail-parser", "mailparse"];

fn main() {
    let asked = Asked::from_args();
    let small = newsletter(4_096);
    let attachment = attachment(20 << 20);
    let prose = newsletter(20 << 20);
    maps(&asked, &small, &attachment, &prose);
    fields(&asked, &small);
    ours_alone(&asked, &small, &attachment, &prose);
}

fn maps(asked: &Asked, small: &[u8], attachment: &[u8], prose: &[u8]) {
    let mut table = Table::new(
        asked,
        "A whole message. sora: the message map: offsets, sizes and lines of every part, its types, parameters and\n\
         the rendered envelopes of inner messages; bodies are not decoded. mail-parser: parsed, bodies decoded.\n\
         mailparse: parts and headers, nothing decoded, no lines counted.",
        &PEERS,
    );
    let large = newsletter(65_536);
    for (name, input) in [
        ("newsletter of 4 KB", small),
        ("newsletter of 64 KB", &large),
        ("20 MB, one attachment", attachment),
        ("20 MB of short lines", prose),
    ] {
        table.line(name, input.len(), Task::new(input, map), both(input));
    }
    if let Some(directory) = &asked.directory {
        let mut mails = Vec::new();
        read_all(directory, &mut mails);
        let bytes = mails.iter().map(Vec::len).sum();
        let name = format!("{} messages, one of them", mails.len());
        let peers = vec![
            Some(Task::on_all(&mails, |input| {
                black_box(&MessageParser::default().parse(input));
                true
            })),
            Some(Task::on_all(&mails, |input| {
                black_box(&mailparse::parse_mail(input));
                true
            })),
        ];
        table.mean(&name, bytes, mails.len(), Task::on_all(&mails, map), peers);
    }
}

fn map(input: &[u8]) -> bool {
    black_box(MessageMap::parse(input)).parts().len() > 0
}

fn both(input: &[u8]) -> Vec<Option<Task<'_>>> {
    let mail_parser = |input| {
        MessageParser::default().parse(input).is_some_and(|m| !black_box(m).parts.is_empty())
    };
    let mailparse =
        |input| mailparse::parse_mail(input).is_ok_and(|m| !black_box(m).headers.is_empty());
    vec![Some(Task::new(input, mail_parser)), Some(Task::new(input, mailparse))]
}

fn fields(asked: &Asked, small: &[u8]) {
    let mut table = Table::new(
        asked,
        "Parts of a header, that of the 4 KB newsletter. A field is looked up by sora without reading the others; the\n\
         peers read the header first. sora writes the envelope as IMAP sends it; the peers read the header for it.",
        &PEERS,
    );
    let bytes = header::header_len(small);
    let names: [&[u8]; 3] = [b"Return-Path", b"Message-ID", b"X-Mailer"];
    for name in names {
        let text = core::str::from_utf8(name).expect("ASCII");
        let ours = Task::new(small, |input| header::find(input, name).is_some());
        let theirs = Task::new(small, |input| {
            MessageParser::default()
                .parse_headers(input)
                .is_some_and(|mail| mail.header(text).is_some())
        });
        let other = Task::new(small, |input| {
            mailparse::parse_headers(input)
                .is_ok_and(|(headers, _)| headers.get_first_value(text).is_some())
        });
        table.line(&format!("field {text}"), bytes, ours, vec![Some(theirs), Some(other)]);
    }
    let headers = || {
        let theirs =
            Task::new(small, |input| MessageParser::default().parse_headers(input).is_some());
        let other = Task::new(small, |input| mailparse::parse_headers(input).is_ok());
        vec![Some(theirs), Some(other)]
    };
    let mut out = Vec::new();
    let ours = Task::new(small, |input| Header::of(input).1 > 0);
    table.line("the fields a server reads", bytes, ours, headers());
    let ours = Task::new(small, |input| {
        out.clear();
        envelope::write(&Header::of(input).0, &mut out);
        !out.is_empty()
    });
    table.line("envelope", bytes, ours, headers());
    let list = "\"Public, Joe Q.\" <joe.public@example.org>, Me <me@example.com>, you@example.net";
    let line = format!("{list}\r\n");
    let peers = vec![
        Some(Task::new(line.as_bytes(), |input| {
            MessageStream::new(input)
                .parse_address()
                .as_address()
                .is_some_and(|list| list.iter().count() == 3)
        })),
        Some(Task::new(list.as_bytes(), |input| {
            core::str::from_utf8(input).is_ok_and(|text| {
                mailparse::addrparse(text).is_ok_and(|list| list.count_addrs() == 3)
            })
        })),
    ];
    let ours = Task::new(list.as_bytes(), |input| Addresses::new(input).count() == 3);
    table.line("three addresses", list.len(), ours, peers);
    let date = "Fri, 21 Nov 1997 09:55:06 -0600 (CST)";
    let line = format!("{date}\r\n");
    let peers = vec![
        Some(Task::new(line.as_bytes(), |input| {
            MessageStream::new(input).parse_date().as_datetime().is_some()
        })),
        Some(Task::new(date.as_bytes(), |input| {
            core::str::from_utf8(input).is_ok_and(|text| mailparse::dateparse(text).is_ok())
        })),
    ];
    let ours = Task::new(date.as_bytes(), |input| DateTime::parse(input).is_some());
    table.line("a date", date.len(), ours, peers);
}

fn ours_alone(asked: &Asked, small: &[u8], attachment: &[u8], prose: &[u8]) {
    let mut table = Table::new(asked, "A stored map, and bodies in slices of 64 KB.", &[]);
    let ours = Task::new(small, |input| MessageMap::parse(input).encode().len() > 9);
    table.line("map of 4 KB, encoded", small.len(), ours, vec![]);
    let stored = MessageMap::parse(small).encode();
    let ours = Task::new(&stored, |input| MessageMap::decode(input).is_some());
    table.line("stored map, decoded", stored.len(), ours, vec![]);
    let mut data = Vec::new();
    let ours = Task::new(prose, |input| {
        let mut dots = DotStream::new();
        input.chunks(65_536).all(|slice| {
            data.clear();
            dots.feed(slice, &mut data).consumed == slice.len()
        })
    });
    table.line("dots undone", prose.len(), ours, vec![]);
    let ours = Task::new(attachment, |input| {
        let mut decoder = Base64::new();
        input.chunks(65_536).for_each(|slice| {
            data.clear();
            decoder.feed(slice, &mut data);
        });
        !data.is_empty()
    });
    table.line("base64", attachment.len(), ours, vec![]);
    let ours = Task::new(prose, |input| {
        let mut decoder = QuotedPrintable::new();
        input.chunks(65_536).for_each(|slice| {
            data.clear();
            decoder.feed(slice, &mut data);
        });
        !data.is_empty()
    });
    table.line("quoted-printable", prose.len(), ours, vec![]);
}

/// Every file below `directory`.
fn read_all(directory: &Path, mails: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, mails);
        } else {
            mails.extend(fs::read(path));
        }
    }
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
