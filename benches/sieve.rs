//! What a script costs beside a delivery: `cargo bench --bench sieve`. Time and allocations of one run
//! over a message of 4 KB, and of compiling.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench may fail")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use parser::message::MessageMap;
use sora::sieve::{Action, Envelope, Facts, Mail, OFFERED, Outcome, Script, Step, compile, run};

fn main() {
    let message = message();
    let map = MessageMap::parse(&message);
    let envelope = Envelope {
        from: "sender@lists.example.org".into(),
        to: "user+tag@example.com".into(),
        ..Envelope::default()
    };
    let facts = Facts { addresses: &["user@example.com"], ..Facts::default() };
    let mail = Mail { bytes: &message, map: &map, envelope: &envelope };
    println!("a message of {} bytes, {} of them header", message.len(), map.root().header().1);
    let traced = Facts { traced: true, ..facts.clone() }; // as deliveries are, with `[sieve] log = "errors"`
    let run = |script: &Arc<Script>, facts| match run(Arc::clone(script), mail, facts) {
        Step::Done(outcome) => outcome,
        Step::Ask(asking) => panic!("{:?}", asking.question()),
    };
    let go = |script: &Arc<Script>| run(script, &facts);
    let trace = |script: &Arc<Script>| run(script, &traced);
    let scripts = [
        ("no rule", String::from("keep;")),
        ("5 rules", five()),
        ("5 rules, variables and flags", busy()),
        ("200 rules", many()),
        ("5 rules on the body", bodies()),
    ];
    for (name, text) in &scripts {
        let script = compile(text.as_bytes(), OFFERED).expect("a script").shared();
        let outcome = go(&script);
        assert!(outcome.error.is_none(), "{name}: {outcome:?}");
        time(&format!("run: {name}"), 100, || go(&script));
        time(&format!("traced: {name}"), 100, || trace(&script));
    }
    assert!(files(&go(&compile(five().as_bytes(), OFFERED).unwrap().shared()), "Lists"));
    assert!(files(&go(&compile(many().as_bytes(), OFFERED).unwrap().shared()), "Folder 199"));
    time("compile: 5 rules", 50, || compile(five().as_bytes(), OFFERED).unwrap());
    time("compile: 200 rules", 4, || compile(many().as_bytes(), OFFERED).unwrap());
}

/// Best of many short rounds: what the machine can do where others leave it alone for a moment.
fn time<T>(name: &str, times: u32, mut work: impl FnMut() -> T) {
    let allocations = allocation_counter::measure(|| drop(black_box(work()))).count_total;
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let start = Instant::now();
        for _ in 0..times {
            drop(black_box(work()));
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(times));
    }
    println!("{name:32} {:9.2} µs  {allocations:5} allocations", best * 1e6);
}

fn files(outcome: &Outcome, into: &str) -> bool {
    outcome.actions.iter().any(
        |done| matches!(&done.action, Action::FileInto { filing, .. } if filing.mailbox == into),
    )
}

fn message() -> Vec<u8> {
    let mut text = String::from(
        "Return-Path: <sender@lists.example.org>\r\nDelivered-To: user@example.com\r\n",
    );
    for hop in 0..4 {
        text += &format!(
            "Received: from mx{hop}.example.org (mx{hop}.example.org [192.0.2.{hop}])\r\n\tby mx.example.com with ESMTPS id {hop}abcdef\r\n\tfor <user@example.com>; Mon, 26 Feb 2007 09:00:0{hop} +0000\r\n"
        );
    }
    text += "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=sel;\r\n\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB4nujc7YopdG5\r\n";
    text += "From: \"Somebody, Q.\" <sender@lists.example.org>\r\nTo: List <list@lists.example.org>, user@example.com\r\nCc: other@example.net\r\nSubject: [list] =?utf-8?q?Caf=C3=A9?= opening hours\r\nDate: Mon, 26 Feb 2007 09:00:00 +0000\r\nMessage-ID: <123@lists.example.org>\r\nList-Id: The list <list.lists.example.org>\r\nList-Unsubscribe: <mailto:leave@lists.example.org>\r\nX-Spam-Status: No, score=-1.1\r\nX-Mailer: Mailer 1.0\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
    while text.len() < 4_096 {
        text += "A line of text, about as long as the lines of a letter are, more or less.\r\n";
    }
    text.into_bytes()
}

fn five() -> String {
    String::from(
        r#"require ["fileinto", "envelope", "imap4flags", "copy"];
        if header :contains "X-Spam-Status" "Yes" { fileinto "Junk"; stop; }
        if address :is "from" ["boss@example.com", "ceo@example.com"] { addflag "\\Flagged"; keep; stop; }
        if header :matches "subject" "*[SPAM]*" { discard; stop; }
        if anyof (address :domain "from" "shop.example", header :contains "subject" ["invoice", "order"]) {
            fileinto "Shopping"; stop;
        }
        if header :is "list-id" "The list <list.lists.example.org>" { fileinto "Lists"; stop; }
        "#,
    )
}

fn busy() -> String {
    String::from(
        r#"require ["fileinto", "envelope", "imap4flags", "variables", "regex", "date", "relational", "subaddress"];
        if header :matches "list-id" "*<*.*>*" { set :lower "list" "${2}"; }
        if header :regex "subject" "^\\[([^]]+)\\] (.*)$" { set "topic" "${1}"; }
        if envelope :detail :matches "to" "*" { set "tag" "${1}"; }
        if currentdate :value "ge" "year" "1970" { addflag "$Recent1970"; }
        if string :is "${tag}" "tag" { fileinto "Lists/${list}/${topic}"; }
        "#,
    )
}

fn bodies() -> String {
    String::from(
        r#"require ["fileinto", "body"];
        if body :contains "viagra" { discard; stop; }
        if body :text :contains ["casino", "lottery"] { discard; stop; }
        if body :raw :contains "MAKE MONEY FAST" { discard; stop; }
        if body :content "text/html" :contains "script" { fileinto "Html"; stop; }
        if body :matches "*about as long*" { fileinto "Long"; }
        "#,
    )
}

fn many() -> String {
    let mut text = String::from("require [\"fileinto\", \"imap4flags\"];\n");
    for rule in 0..199 {
        text += &match rule % 4 {
            0 => format!(
                "if header :contains \"subject\" \"topic {rule}\" {{ fileinto \"Folder {rule}\"; stop; }}\n"
            ),
            1 => format!(
                "if address :is \"from\" \"person{rule}@example.net\" {{ fileinto \"Folder {rule}\"; stop; }}\n"
            ),
            2 => format!(
                "if header :is \"list-id\" \"<list{rule}.example.net>\" {{ fileinto \"Folder {rule}\"; stop; }}\n"
            ),
            _ => format!(
                "if anyof (address :domain [\"to\", \"cc\"] \"d{rule}.example\", header :matches \"subject\" \"[{rule}]*\") {{ addflag \"$x\"; fileinto \"Folder {rule}\"; stop; }}\n"
            ),
        };
    }
    text + "if header :contains \"list-id\" \"lists.example.org\" { fileinto \"Folder 199\"; }\n"
}
