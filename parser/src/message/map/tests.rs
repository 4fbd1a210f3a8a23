use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use std::path::PathBuf;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One line a part: depth in dots, type, encoding, body, lines.
fn show(message: &[u8], map: &MessageMap) -> String {
    let mut shown = String::new();
    for part in map.parts() {
        let mut depth = 0;
        let mut up = part;
        while let Some(parent) = up.parent() {
            (depth, up) = (depth + 1, parent);
        }
        let (media, subtype) = part.media_type();
        let (at, len) = part.body();
        let body = &message[at as usize..][..len as usize];
        let body = if part.kind() == Kind::Leaf { body } else { b"" };
        shown += &format!(
            "{}{}/{} {} {:?} {}\n",
            ".".repeat(depth),
            text(media),
            text(subtype),
            text(part.encoding()),
            text(body),
            part.lines()
        );
    }
    shown
}

#[track_caller]
fn check(message: &str, want: &[&str]) {
    // The same with bare line feeds (pitfall 20).
    for message in [message.replace('\n', "\r\n"), message.to_string()] {
        let map = MessageMap::parse(message.as_bytes());
        assert_eq!(map.size() as usize, message.len());
        let shown = show(message.as_bytes(), &map).replace("\\r", "");
        assert_eq!(shown.lines().collect::<Vec<_>>(), want, "{message}");
        sound(&map);
    }
}

/// What every map keeps, and that it survives being stored.
#[track_caller]
fn sound(map: &MessageMap) {
    let decoded = MessageMap::decode(&map.encode()).expect("what was encoded can be decoded");
    assert_eq!(decoded.parts().len(), map.parts().len());
    assert_eq!(decoded.encode(), map.encode());
    for (part, again) in map.parts().zip(decoded.parts()) {
        assert_eq!(part.part().end, again.part().end);
        let children = part.children().count();
        match part.kind() {
            Kind::Leaf => assert_eq!(children, 0),
            Kind::Multipart => assert!(children > 0),
            Kind::Message => assert_eq!(children, 1),
        }
        let (header, body) = (part.header(), part.body());
        assert_eq!(header.0 + header.1, body.0);
        assert!(body.0 + body.1 <= map.size());
        for child in part.children() {
            assert_eq!(child.parent().map(|parent| parent.index()), Some(part.index()));
            let child = (child.header().0, child.body().0 + child.body().1);
            assert!(child.0 >= body.0 && child.1 <= body.0 + body.1);
        }
    }
}

#[test]
fn a_boundary_beyond_the_parameters_that_are_kept_is_none() {
    let parts = |before: usize| {
        let params = "x=y; ".repeat(before);
        let message = format!("Content-Type: multipart/mixed; {params}boundary=b\n\n--b\n\nx\n");
        MessageMap::parse(message.as_bytes()).parts().len()
    };
    assert_eq!((parts(PARAMS_PER_FIELD_MAX - 1), parts(PARAMS_PER_FIELD_MAX)), (2, 1));
}

#[test]
fn plain() {
    check("A: b\n\nbody\n", &["text/plain 7bit \"body\\n\" 1"]);
    check("A: b\n\nbody", &["text/plain 7bit \"body\" 0"]);
    check("A: b\n", &["text/plain 7bit \"\" 0"]);
    check("", &["text/plain 7bit \"\" 0"]);
    check("\nbody", &["text/plain 7bit \"body\" 0"]);
    check(
        "Content-Type: TEXT/Html\nContent-Transfer-Encoding: BASE64 (x)\n\n",
        &["text/html base64 \"\" 0"],
    );
}

#[test]
fn multiparts() {
    check(
        "Content-Type: multipart/mixed; boundary=\"b \"\n\npre\n--b\n\none\n--b  \n\
             Content-Type: multipart/alternative; boundary=bb\n\n--bb\nContent-Type: text/html\n\
             \ntwo\n\n--bbb\n--bb--\nepilogue\n-bb\n--b\n\n--b--\nend\n--b\n",
        &[
            "multipart/mixed 7bit \"\" 21",
            ".text/plain 7bit \"one\" 0",
            ".multipart/alternative 7bit \"\" 8",
            "..text/html 7bit \"two\\n\" 1",
            "..text/plain 7bit \"\" 0",
            ".text/plain 7bit \"\" 0",
        ],
    );
}

#[test] // RFC 2046 §5.1.1, note to implementors
fn boundaries_that_begin_alike() {
    // The longest of those open counts, and what follows it on the line does not.
    check(
        "Content-Type: multipart/mixed; boundary=x1\n\n--x1\nContent-Type: multipart/x; \
             boundary=x\n\n--x\n\none\n--x1 y\n\ntwo\n--x1--y\nend\n--x1\n",
        &[
            "multipart/mixed 7bit \"\" 12",
            ".multipart/x 7bit \"\" 2",
            "..text/plain 7bit \"one\" 0",
            ".text/plain 7bit \"two\" 0",
        ],
    );
    // The same boundary at each level: the innermost that is open counts.
    let same = "Content-Type: multipart/mixed; boundary=b\n\n--b\n";
    check(
        &(same.repeat(3) + "\n1\n--b--\n--b--\n--b--\n--b\n\n2"),
        &[
            "multipart/mixed 7bit \"\" 14",
            ".multipart/mixed 7bit \"\" 7",
            "..multipart/mixed 7bit \"\" 3",
            "...text/plain 7bit \"1\" 0",
        ],
    );
    // Not a line of its own, and no boundary at all.
    for header in ["boundary=b", "boundary=\"\"", "boundary=", "boundary*0*=b", ""] {
        check(
            &format!("Content-Type: multipart/mixed; {header}\n\nx--b\n -- b\n-b\n---b\n-- b"),
            &["text/plain 7bit \"x--b\\n -- b\\n-b\\n---b\\n-- b\" 4"],
        );
    }
}

#[test] // RFC 2045 §6.4 forbids it
fn encoded_messages() {
    let header = "Content-Type: message/rfc822\nContent-Transfer-Encoding: Base64\n\n";
    check(
        &format!("{header}U3ViamVjdDogaW5zaWRlDQoN\nCmJvZHkNCg==\n"),
        &[
            "message/rfc822 base64 \"\" 2",
            ".text/plain base64 \"U3ViamVjdDogaW5zaWRlDQoN\\nCmJvZHkNCg==\\n\" 2",
        ],
    );
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n{header}U3ViamVjdDogaW5zaWRlDQoN\nCmJvZHkNCg==\n--b\n\nx"
    );
    let map = MessageMap::parse(message.as_bytes());
    assert_eq!(map.parts().len(), 4);
    assert!(text(map.part(1).unwrap().envelope()).starts_with("(NIL \"inside\" NIL"));
    sound(&map);
    // Named, but not applied.
    check(
        &format!("{header}Subject: x\n\nbody"),
        &["message/rfc822 base64 \"\" 2", ".text/plain 7bit \"body\" 0"],
    );
    check(header, &["message/rfc822 base64 \"\" 0", ".text/plain base64 \"\" 0"]);
    assert!(map.part(1).unwrap().is_encoded_message());
    assert_eq!(map.parts().filter(|part| part.is_encoded_message()).count(), 1);
}

#[test] // RFC 2231 §3
fn a_boundary_in_pieces() {
    check(
        "Content-Type: multipart/mixed; boundary*1*=%20c; boundary*0*=us-ascii''%3D_a\n\n\
             --=_a c\n\n1\n",
        &["multipart/mixed 7bit \"\" 3", ".text/plain 7bit \"1\\n\" 1"],
    );
    check(
        "Content-Type: multipart/mixed; boundary*0=\"a b\"; BOUNDARY*1=c\n\n--a bc\n\n1\n",
        &["multipart/mixed 7bit \"\" 3", ".text/plain 7bit \"1\\n\" 1"],
    );
}

#[test]
fn messages_in_messages() {
    check(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b\n\
             Content-Type: text/plain\n\ntwo\n--b\nContent-Type: message/rfc822\n\n\
             Content-Type: multipart/mixed; boundary=c\n\n--c\n\nthree\n--b--\n",
        &[
            "multipart/digest 7bit \"\" 18",
            ".message/rfc822 7bit \"\" 2",
            "..text/plain 7bit \"one\" 0",
            ".text/plain 7bit \"two\" 0",
            ".message/rfc822 7bit \"\" 4",
            "..multipart/mixed 7bit \"\" 2",
            "...text/plain 7bit \"three\" 0",
        ],
    );
}

#[test] // pitfalls 19, 106
fn malformed() {
    let plain = |body: &str, lines: u32| format!("text/plain 7bit {body:?} {lines}");
    check("Content-Type: multipart/mixed\n\nx\n", &[&plain("x\n", 1)]);
    check("Content-Type: multipart/mixed; boundary=b\n\nx\n", &[&plain("x\n", 1)]);
    check("Content-Type: multipart/mixed; boundary=b\n\n--b--\n", &[&plain("--b--\n", 1)]);
    check("Content-Type: multipart/mixed; boundary=\"\"\n\n--\n", &[&plain("--\n", 1)]);
    check("Content-Type: nonsense\n\nx", &[&plain("x", 0)]);
    // Headers that a boundary ends, and parts that no delimiter ends.
    check(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\nContent-Type: text/html\n\
             --b\n\nopen",
        &[
            "multipart/mixed 7bit \"\" 5",
            ".text/plain 7bit \"\" 0",
            ".text/html 7bit \"\" 0",
            ".text/plain 7bit \"open\" 0",
        ],
    );
    // An outer delimiter ends all that is inside.
    check(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/x; \
             boundary=c\n\n--c\n\none\n--b--\n",
        &["multipart/mixed 7bit \"\" 7", ".multipart/x 7bit \"\" 2", "..text/plain 7bit \"one\" 0"],
    );
}

#[test] // RFC 2557 §4.4.3, RFC 3282 §2
fn locations_and_languages() {
    let map = MessageMap::parse(
        b"Content-Location: http://x/\r\n y/\r\n\tz a\r\nContent-Language: de (x),\r\n en\r\n\r\n",
    );
    assert_eq!(map.root().location(), Some(&b"http://x/y/z a"[..]));
    assert_eq!(map.root().languages().collect::<Vec<_>>(), [b"de", b"en"]);
}

#[test]
fn what_headers_say() {
    let map = MessageMap::parse(
        b"Content-Type: Application/X; NAME*0*=utf-8''%41;\r\n name*1=\"b c\"\r\n\
              Content-ID: <i@d>\r\nContent-Description: a\r\n b\r\nContent-MD5: m==\r\n\
              Content-Disposition: ATTACHMENT; FileName=x\r\nContent-Language: de, en\r\n\
              Content-Location: http://x\r\n\r\n",
    );
    let root = MessageMap::decode(&map.encode()).unwrap();
    let root = root.root();
    assert!(root.is("application", "x"));
    let params: Vec<_> = root.params().map(|(n, v)| (text(n), text(v))).collect();
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    assert_eq!(params, [pair("name*0*", "utf-8''%41"), pair("name*1", "b c")]);
    assert_eq!(root.param("name*1"), Some(&b"b c"[..]));
    let joined = root.param_joined("name").unwrap();
    assert_eq!((text(&joined.charset), text(&joined.value)), ("utf-8".into(), "Ab c".into()));
    assert_eq!(root.disposition_param_joined("filename").unwrap().value, b"x");
    assert_eq!(root.id(), Some(&b"<i@d>"[..]));
    assert_eq!(root.description(), Some(&b"a b"[..]));
    assert_eq!(root.md5(), Some(&b"m=="[..]));
    assert_eq!(root.disposition(), Some(&b"attachment"[..]));
    assert_eq!(root.disposition_params().next(), Some((&b"filename"[..], &b"x"[..])));
    assert_eq!(root.language(), Some(&b"de, en"[..]));
    assert_eq!(root.location(), Some(&b"http://x"[..]));
    assert_eq!(root.encoding(), b"7bit");
}

#[test]
fn nested_envelope() {
    let map = MessageMap::parse(b"Content-Type: message/rfc822\n\nSubject: in\n\nx");
    assert!(text(map.root().envelope()).starts_with("(NIL \"in\" NIL"));
    assert_eq!(map.part(1).unwrap().envelope(), super::super::envelope::EMPTY);
}

#[test] // pitfall 106
fn bounds() {
    let flat = "Content-Type: multipart/mixed; boundary=b\n\n".to_string()
        + &"--b\n\n".repeat(PARTS_MAX + 10);
    let map = MessageMap::parse(flat.as_bytes());
    assert_eq!(map.parts().len(), PARTS_MAX);
    sound(&map);
    let deep: String = (0..DEPTH_MAX * 2)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}.\n\n--b{n}.\n"))
        .collect();
    let map = MessageMap::parse(deep.as_bytes());
    assert_eq!(map.parts().len(), DEPTH_MAX);
    sound(&map);
    let messages = "Content-Type: message/rfc822\n\n".repeat(DEPTH_MAX * 2);
    let map = MessageMap::parse(messages.as_bytes());
    assert_eq!(map.parts().len(), DEPTH_MAX);
    sound(&map);
    let params = format!("Content-Type: a/b{}\n\n", "; x=y".repeat(1_000));
    let map = MessageMap::parse(params.as_bytes());
    assert_eq!(map.root().params().count(), PARAMS_PER_FIELD_MAX);
    let pieces: String = (0..5_000).map(|n| format!("; x*{n}*=y")).collect();
    let map = MessageMap::parse(format!("Content-Type: a/b{pieces}\n\n").as_bytes());
    assert_eq!(map.root().params().count(), PARAMS_PER_FIELD_MAX);
    assert_eq!(map.root().param_joined("X").unwrap().value.len(), PARAMS_PER_FIELD_MAX);
    let part = format!("--b\nContent-Type: a/b{}\n\n", "; x=y".repeat(100));
    let many = "Content-Type: multipart/mixed; boundary=b\n\n".to_string() + &part.repeat(600);
    let map = MessageMap::parse(many.as_bytes());
    assert_eq!(map.parts().map(|part| part.params().count()).sum::<usize>(), PARAMS_MAX);
    sound(&map);
    let part = format!("--b\nContent-ID: {}\n\n", "x".repeat(VALUE_BYTES_MAX));
    let many = "Content-Type: multipart/mixed; boundary=b\n\n".to_string() + &part.repeat(200);
    let map = MessageMap::parse(many.as_bytes());
    assert!(map.text.len() <= TEXT_BYTES_MAX);
    assert_eq!(map.parts().filter(|part| part.id().is_some()).count(), 127);
    sound(&map);
    let long = format!("Content-ID: {}\n\n", "x".repeat(VALUE_BYTES_MAX * 2));
    let map = MessageMap::parse(long.as_bytes());
    assert_eq!(map.root().id().map(<[u8]>::len), Some(VALUE_BYTES_MAX));
}

#[test]
fn odd_bytes() {
    check("A: b\rC: d\n\r\n", &["text/plain 7bit \"\" 0"]);
    // Header fields that no blank line ends, and a body that no header precedes.
    check("Content-Type: text/html\nno field", &["text/html 7bit \"\" 0"]);
    let cases: [(&[u8], usize); 6] = [
        (b"Content-Type: multipart/mixed; boundary=\"b\0\"\r\n\r\n--b\0\r\n\r\n\0", 2),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\r\r\n\r\n\n--b--", 2),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\n\n1\r\n--b\r\n\n2\n", 3),
        (b"Content-Type: multipart/mixed; boundary=\xc3\n\n--\xc3\n\n\xc3", 2),
        (b"Content-Type: multipart/mixed; boundary=\"b\\", 1),
        (b"Content-Type: multipart/mixed (x\\; boundary=b\n\n--b\n\n", 1),
    ];
    for (message, parts) in cases {
        let map = MessageMap::parse(message);
        assert_eq!(map.parts().len(), parts, "{}", message.escape_ascii());
        sound(&map);
    }
    let deep: Vec<u8> = (0..150)
        .flat_map(|n| {
            format!("Content-Type: multipart/mixed; boundary={0}\n\n--{0}\n", "b".repeat(n + 1))
                .into_bytes()
        })
        .chain(b"\n--b".repeat(20_000))
        .collect();
    sound(&MessageMap::parse(&deep));
}

#[test]
fn damaged_maps_are_refused() {
    let message = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b\n\n2\n--b--\n";
    let good = MessageMap::parse(message).encode();
    for cut in 0..good.len() {
        assert_eq!(MessageMap::decode(&good[..cut]), None, "{cut}");
    }
    for index in 0..good.len() {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[index] = value;
            if let Some(map) = MessageMap::decode(&bad) {
                for part in map.parts() {
                    assert!(part.children().count() < 3);
                    assert!(part.params().count() < 200);
                }
            }
        }
    }
}

#[test]
fn corpus() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let mut seen = 0;
    for folder in std::fs::read_dir(root).unwrap() {
        let Ok(files) = std::fs::read_dir(folder.unwrap().path()) else { continue };
        for file in files {
            let message = std::fs::read(file.unwrap().path()).unwrap();
            sound(&MessageMap::parse(&message));
            let half = &message[..message.len() / 2];
            sound(&MessageMap::parse(half));
            seen += 1;
        }
    }
    assert!(seen > 100);
}
