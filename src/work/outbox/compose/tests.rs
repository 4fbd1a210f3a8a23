//! Each action, and what leaves for it.

use std::sync::Arc;

use super::*;
use crate::sieve::Version;
use parser::message::MessageMap;

const MESSAGE: &[u8] = b"Return-Path: <ann@example.com>\r\nDelivered-To: bob@example.org\r\n\
    Received: by mx (Sora) with LMTP id 1\r\n\tfor <bob@example.org>; now\r\n\
    Message-ID: <1@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n\
    The body\r\n";

fn origin() -> Origin<'static> {
    Origin {
        now: Timestamp::from_seconds(1_795_347_034),
        hostname: "mail.example.org",
        unique: "4Q7.1",
        owner: "bob@example.org",
        sender: "ann@example.com",
        recipient: "bob+x@example.org",
        original_recipient: None,
        asked: None,
        utf8: false,
        message: MESSAGE,
    }
}

#[track_caller]
fn check(new: &NewOutgoing, want: &str) {
    let made = String::from_utf8(new.message.clone()).unwrap();
    assert_eq!(made.matches('\n').count(), made.matches("\r\n").count());
    assert_eq!(made.replace("\r\n", "\n"), want);
}

fn redirect(to: &str) -> Redirect {
    Redirect {
        to: RedirectTo::Address(to.to_owned()),
        sender: None,
        notify: None,
        ret: None,
        deliver_by: None,
        version: Version::AsReceived,
    }
}

#[test] // RFC 5228 §4.2, RFC 5322 §3.6.6
fn sent_on() {
    let new = compose(&Action::Redirect(Box::new(redirect("c@x"))), &origin()).unwrap();
    assert_eq!((&*new.sender, &*new.recipients), ("ann@example.com", &["c@x".to_owned()][..]));
    assert_eq!(new.options, OutgoingOptions::default());
    check(
        &new,
        "Received: by mail.example.org (Sora) with local id 4Q7.1\n\tfor <c@x>; \
         Sun, 22 Nov 2026 11:30:34 +0000\nResent-From: bob@example.org\nResent-To: c@x\n\
         Resent-Date: Sun, 22 Nov 2026 11:30:34 +0000\n\
         Resent-Message-ID: <4Q7.1@mail.example.org>\nDelivered-To: bob@example.org\n\
         Received: by mx (Sora) with LMTP id 1\n\tfor <bob@example.org>; now\n\
         Message-ID: <1@example.com>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nThe body\n",
    );
    let null = Origin { sender: "", ..origin() };
    let bytes = b"A: b\r\nReturn-path: <>\r\nRETURN-PATH:\r\n <a>\r\nX: y\r\nReturn-Path:\r\n\r\n\
                  Return-Path: z";
    let bytes = bytes.to_vec();
    let edited = Version::Edited(Arc::new(bytes));
    let edited = Redirect { version: edited, ..redirect("c@x") };
    let new = compose(&Action::Redirect(Box::new(edited)), &null).unwrap();
    assert_eq!(new.sender, "");
    assert!(new.message.ends_with(b"org>\r\nA: b\r\nX: y\r\n\r\nReturn-Path: z"));
    let list = Redirect { to: RedirectTo::List("tag:list".into()), ..redirect("") };
    assert_eq!(compose(&Action::Redirect(Box::new(list)), &null), None);
}

#[test] // RFC 6009 §6 and §7
fn sent_on_with_parameters() {
    let by = DeliverBy { seconds: 60, mode: ByMode::Return, trace: true };
    let some = DsnNotify { success: true, failure: false, delay: true };
    let redirect = Redirect {
        sender: Some("bob@example.org".into()),
        notify: Some(some),
        ret: Some(DsnReturn::Headers),
        deliver_by: Some(by),
        ..redirect("c@x")
    };
    let new = compose(&Action::Redirect(Box::new(redirect)), &origin()).unwrap();
    assert_eq!(new.sender, "bob@example.org");
    let at = Timestamp::from_seconds(1_795_347_094);
    let want = OutgoingOptions {
        notify: Some("SUCCESS,DELAY".into()),
        ret: Some("HDRS".into()),
        by: Some((at, "RT".into())),
        ..OutgoingOptions::default()
    };
    assert_eq!(new.options, want);
    assert_eq!(dsn_notify(DsnNotify::default()), "NEVER");
}

#[test] // RFC 3461 §5.2.7.1 and §5.2.7.2
fn what_the_sender_asked() {
    let mail = EnvelopeDsn { full: Some(false), id: Some("a+b=c d".into()) };
    let rcpt = RecipientDsn {
        notify: Some([true, true, false]),
        original: Some("rfc822;bob+x@example.org".into()),
    };
    let asked = passed_on(Some(&mail), Some(&rcpt)).unwrap();
    let want = OutgoingOptions {
        notify: Some("SUCCESS,FAILURE".into()),
        ret: Some("HDRS".into()),
        original_recipient: Some("rfc822;bob+2Bx@example.org".into()),
        id: Some("a+2Bb+3Dc+20d".into()),
        ..OutgoingOptions::default()
    };
    assert_eq!(asked, want);
    let origin = Origin { asked: Some(&asked), ..origin() };
    let sent = |redirect| compose(&Action::Redirect(Box::new(redirect)), &origin).unwrap();
    assert_eq!(sent(redirect("c@x")).options, asked);
    let by_script = Redirect { ret: Some(DsnReturn::Full), ..redirect("c@x") };
    let own = OutgoingOptions { ret: Some("FULL".into()), ..OutgoingOptions::default() };
    assert_eq!(sent(by_script).options, own);
    let owners = Redirect { sender: Some("bob@example.org".into()), ..redirect("c@x") };
    assert_eq!(sent(owners).options, OutgoingOptions::default());
    assert_eq!(passed_on(None, None), None);
    assert_eq!(passed_on(Some(&EnvelopeDsn::default()), Some(&RecipientDsn::default())), None);
    assert_eq!(orcpt("utf-8;b\u{f6}b@x").as_deref(), Some("utf-8;b\\x{F6}b@x"));
    assert_eq!(orcpt("bob@x"), None);
    assert_eq!(orcpt(&format!("rfc822;{}", "=".repeat(170))), None);
}

fn vacation() -> Vacation {
    Vacation {
        to: "ann@example.com".into(),
        handle: String::new(),
        seconds: 0,
        from: "B\u{f6}b <bob@example.org>".into(),
        subject: "Auto: Gr\u{fc}\u{df}e".into(),
        mime: false,
        reason: "I am away.\r\nB.".into(),
        in_reply_to: Some("<1@example.com>".into()),
        references: Some("<0@example.com> <1@example.com>".into()),
        fcc: None,
    }
}

#[test] // RFC 5230 §5
fn answers() {
    let new = compose(&Action::Vacation(Box::new(vacation())), &origin()).unwrap();
    assert_eq!((&*new.sender, &*new.recipients), ("", &["ann@example.com".to_owned()][..]));
    assert_eq!(new.options.notify.as_deref(), Some("NEVER"), "§5.1");
    check(
        &new,
        "Date: Sun, 22 Nov 2026 11:30:34 +0000\nMessage-ID: <4Q7.1@mail.example.org>\n\
         From: =?utf-8?b?QsO2Yg==?= <bob@example.org>\nTo: ann@example.com\n\
         Subject: =?utf-8?b?QXV0bzogR3LDvMOfZQ==?=\nIn-Reply-To: <1@example.com>\n\
         References: <0@example.com> <1@example.com>\n\
         Auto-Submitted: auto-replied (vacation)\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n\
         I am away.\nB.\n",
    );
}

#[test] // RFC 6531 §3.4
fn what_is_for_smtputf8() {
    let sent = |to: &str, origin: &Origin<'_>| {
        compose(&Action::Redirect(Box::new(redirect(to))), origin).unwrap().options.utf8
    };
    let raw = Origin { message: b"Subject: \xfc\r\n\r\n", ..origin() };
    assert!(!sent("c@x", &raw), "an old message, not one for SMTPUTF8");
    assert!(sent("c@x", &Origin { utf8: true, ..raw }));
    assert!(sent("c@x", &Origin { owner: "b\u{f6}b@x", ..origin() }), "Resent-From");
    assert!(sent("c\u{f6}@x", &origin()), "Resent-To");
    let away = |to: &str| {
        let vacation = Vacation { to: to.into(), ..vacation() };
        compose(&Action::Vacation(Box::new(vacation)), &origin()).unwrap().options.utf8
    };
    assert!(!away("ann@example.com"), "names are encoded");
    assert!(away("\u{e4}nn@example.com"));
}

#[test] // RFC 5230 §4.4
fn entities_given_by_the_script() {
    let entity = |reason: &str| String::from_utf8(given(reason)).unwrap();
    let html = "Content-Type: text/html\r\n charset=utf-8\r\nBcc: x@y\r\n\r\n<p>\u{e4}";
    let coded = "Content-Transfer-Encoding: 8bit\r\n";
    let want = format!("Content-Type: text/html\r\n charset=utf-8\r\n{coded}\r\n<p>\u{e4}");
    assert_eq!(entity(html), want);
    assert_eq!(entity("\r\nplain"), "\r\nplain");
    assert_eq!(entity("Content-Type: text/plain"), "Content-Type: text/plain\r\n\r\n");
}

fn reject(extended: bool, origin: &Origin<'_>) -> Option<NewOutgoing> {
    compose(&Action::Reject { extended, reason: "No, not n\u{f6}w".into() }, origin)
}

#[track_caller]
fn parts_of(new: &NewOutgoing, kind: &str, media: &str) -> [String; 3] {
    let map = MessageMap::parse(&new.message);
    let parts: Vec<_> = map.parts().collect();
    let types: Vec<_> = parts
        .iter()
        .map(|part| {
            let (main, sub) = part.media_type();
            format!("{}/{}", main.escape_ascii(), sub.escape_ascii()).to_lowercase()
        })
        .collect();
    assert_eq!(types, ["multipart/report", "text/plain", media, "text/rfc822-headers"]);
    assert_eq!(parts[0].param("report-type"), Some(kind.as_bytes()));
    let body = |at: usize| {
        let (from, bytes) = parts[at].body();
        let raw = &new.message[from as usize..][..bytes as usize];
        let encoding = String::from_utf8_lossy(parts[at].encoding()).into_owned();
        let plain = crate::mail::text::undo_encoding(&encoding, raw).unwrap();
        String::from_utf8(plain.into_owned()).unwrap().replace("\r\n", "\n")
    };
    assert!(new.message.is_ascii());
    [body(1), body(2), body(3)]
}

#[test] // RFC 5429 §2.2.1, RFC 8098 §3
fn rejected() {
    let new = reject(false, &origin()).unwrap();
    assert_eq!((&*new.sender, &*new.recipients), ("", &["ann@example.com".to_owned()][..]));
    let header = String::from_utf8_lossy(&new.message).into_owned();
    assert!(header.contains("\r\nFrom: bob+x@example.org\r\nTo: ann@example.com\r\n"));
    assert!(header.contains("\r\nAuto-Submitted: auto-replied (rejected)\r\n"));
    assert!(header.contains("\r\nIn-Reply-To: <1@example.com>\r\n"));
    let [told, facts, headers] =
        parts_of(&new, "disposition-notification", "message/disposition-notification");
    assert!(told.contains("The reason given is as follows:\n\nNo, not n\u{f6}w\n"), "{told}");
    assert_eq!(
        facts,
        "Reporting-UA: mail.example.org; Sora\n\
         Final-Recipient: rfc822; bob+x@example.org\nOriginal-Message-ID: <1@example.com>\n\
         Disposition: automatic-action/MDN-sent-automatically; deleted\n",
    );
    assert!(headers.starts_with("Delivered-To: bob@example.org\nReceived:"), "{headers}");
    assert!(!headers.contains("The body"));
}

#[test] // RFC 8098 §3.2.3, RFC 6533 §4
fn rejected_by_another_name() {
    let original_recipient = Some("rfc822;rob@example.org");
    let recipient = "b\u{f6}b@example.org";
    let new = reject(false, &Origin { original_recipient, recipient, ..origin() }).unwrap();
    let message = String::from_utf8_lossy(&new.message);
    let want = "Original-Recipient: rfc822;rob@example.org\r\n\
                Final-Recipient: utf-8; b\\x{F6}b@example.org\r\n";
    assert!(message.contains(want), "{message}");
    assert_eq!(reject(true, &origin()), None, "refused in the dialogue");
    assert_eq!(reject(false, &Origin { sender: "", ..origin() }), None);
}

#[test] // RFC 5436 §2.7
fn notified() {
    let notify = Notify {
        method: "mailto:a@b?cc=c@d".into(),
        recipients: vec!["a@b".into(), "c@d".into()],
        to: vec!["a@b".into()],
        from: "bob@example.org".into(),
        sender: "bob@example.org".into(),
        importance: Importance::High,
        subject: "You have got mail".into(),
        headers: vec![("X-Pager".into(), "1\r\nBcc: x@y".into())],
        body: "From: Ann\r\n".into(),
        owner: "bob@example.org".into(),
        fcc: None,
    };
    let new = compose(&Action::Notify(Box::new(notify)), &origin()).unwrap();
    assert_eq!(new.recipients, ["a@b", "c@d"]);
    check(
        &new,
        "Date: Sun, 22 Nov 2026 11:30:34 +0000\nMessage-ID: <4Q7.1@mail.example.org>\n\
         From: bob@example.org\nTo: a@b\nCc: c@d\nSubject: You have got mail\n\
         Auto-Submitted: auto-notified; owner-email=\"bob@example.org\"\n\
         References: <1@example.com>\nImportance: high\nX-Pager: 1 Bcc: x@y\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 7bit\n\nFrom: Ann\n",
    );
}
