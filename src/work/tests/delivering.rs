//! Mail that comes in.

use super::*;

#[test] // pitfalls 3, 5, 13, 143
fn each_recipient_gets_a_copy_with_its_own_trace_lines() {
    let room = Room::new();
    let (inbox, _) = room.open("INBOX");
    room.runner.changes.watch(inbox, &room.bag);
    let message = b"Subject: x\n\n8-bit \xff and NUL \0";
    let answers = room.deliver(&["bob@example.org", "BOB+x@Example.org"], message);
    assert_eq!(answers, [Ok(()), Ok(())]);
    assert_eq!(room.changes(), [inbox]);
    let bodies = room.bodies("INBOX");
    for (body, given) in bodies.iter().zip(["bob@example.org", "BOB+x@Example.org"]) {
        let lines = body.strip_suffix(message).expect("the message follows, byte for byte");
        let lines = String::from_utf8(lines.into()).unwrap();
        let want = format!("Return-Path: <ann@example.com>\r\nDelivered-To: {given}\r\nReceived: ");
        assert!(lines.starts_with(&want) && lines.ends_with("+0000\r\n"), "{lines}");
    }
    let arrivals = room.arrivals.0.lock().unwrap();
    let told: Vec<_> = arrivals.iter().map(|arrival| (arrival.uid, arrival.bytes)).collect();
    let want: Vec<_> = (1..).map(Uid).zip(bodies.iter().map(|body| body.len() as u64)).collect();
    assert_eq!(told, want);
    drop(arrivals);
    assert_eq!(room.deliver(&["bob@example.org"], b""), [Ok(())]); // an empty DATA
    assert_eq!(room.deliver(&["bob+panic@example.org"], b""), [Ok(())]); // the hook's own affair
}

#[test] // design: "PostgreSQL", what a delivery costs
fn a_delivery_is_a_look_up_and_a_statement() {
    let room = Room::new();
    let deliver = |message: &[u8]| room.deliver(&["bob@example.org"], message);
    assert_eq!(deliver(b"Received: from a\r\nMessage-ID: <1@x>\r\n\r\n"), [Ok(())]);
    let before = room.runner.store.statements();
    assert_eq!(deliver(b"Received: from a\r\nReferences: <1@x>\r\n\r\nx"), [Ok(())]);
    let counted = room.runner.store.statements() - before;
    if postgres::is_wanted() && !postgres::is_pooled() {
        assert_eq!(counted, 2);
    }
}

#[test] // pitfalls 6, 7, 146
fn only_a_recognisable_retry_is_suppressed() {
    let room = Room::new();
    let check = |message: &[u8], messages: u32| {
        assert_eq!(room.deliver(&["bob@example.org"], message), [Ok(())]);
        assert_eq!(room.open("INBOX").1.len(), messages);
    };
    check(b"Received: from a\r\nMessage-ID: <1@x>\r\n\r\none", 1);
    check(b"Received: from a\r\nMessage-ID: <1@x>\r\n\r\none", 1); // a retry
    check(b"Received: from a\r\nMessage-ID: <1@x>\r\n\r\ntwo", 2);
    check(b"Message-ID: <1@x>\r\n\r\none", 3);
    check(b"Message-ID: <1@x>\r\n\r\none", 4); // twice on purpose
}

#[test] // pitfall 14
fn a_message_that_was_here_is_a_loop() {
    let room = Room::new();
    let loops = Err(DeliveryProblem::Refused(Refusal::MailLoop));
    let message = b"Delivered-To: bob@example.org\r\n\r\n";
    assert_eq!(room.deliver(&["bob@example.org", "bob+x@example.org"], message), [loops, Ok(())]);
    assert_eq!(room.open("INBOX").1.len(), 1);
}

#[test] // pitfalls 2, 4, 5
fn recipients() {
    let room = Room::new();
    let check = |given: &str, detail: Option<&str>| {
        let recipient = room.recipient(given);
        assert_eq!((recipient.account, recipient.detail.as_deref()), (room.account, detail));
        assert_eq!(recipient.given, given);
    };
    check("bob@example.org", None);
    check("BoB@EXAMPLE.org", None);
    check("bob+Lists+x@example.org", Some("Lists+x"));
    check("bob+a b@c@example.org", Some("a b@c")); // RFC 5321 §4.1.2
    for unknown in [
        "eve@example.org",
        "bob@example.com",
        "bob",
        "",
        "a@b@c",
        "+bob@example.org",
        "bob b@example.org",
        "bob+a b",
        "+a b@example.org",
        "eve+a b@example.org",
    ] {
        let reply = room.run(Job::FindRecipient { given: unknown.into() });
        assert!(matches!(reply, Reply::Refused(Refusal::NoSuchRecipient)), "{unknown}: {reply:?}");
    }
}

#[test]
fn a_large_message_comes_by_the_spool_and_back_whole() {
    let room = Room::new();
    let chunk = |byte| vec![byte; 256 * 1024];
    let mut ticket = None;
    for byte in [b'a', b'b', b'c'] {
        let Reply::Spooled(more) = room.run(Job::Spool { ticket, chunk: chunk(byte) }) else {
            panic!()
        };
        ticket = Some(more);
    }
    let body = Body::Spooled(ticket.unwrap());
    let reply = room.run(Job::Append {
        account: room.account,
        name: MailboxName::inbox(),
        flags: FlagSet::default(),
        internal_date: None,
        body,
    });
    assert!(matches!(reply, Reply::Appended { uid: Uid(1), .. }), "{reply:?}");
    assert_eq!(room.bodies("INBOX"), [[chunk(b'a'), chunk(b'b'), chunk(b'c')].concat()]);
}

#[test]
fn a_spool_that_is_full_says_so() {
    let room = Room::new();
    let reply = room.run(Job::Spool { ticket: None, chunk: vec![0; (10 << 20) + 1] });
    assert!(matches!(reply, Reply::Failed(Fault::NoSpace)), "{reply:?}");
}

#[test]
fn the_admin_delivers_by_the_same_path_and_is_never_suppressed() {
    let room = Room::new();
    let message = b"Received: from a\r\n\r\nwelcome";
    let deliver =
        |to| super::super::deliver_now(&room.runner.store, &room.settings, "", to, message);
    deliver("bob@example.org").unwrap();
    deliver("bob@example.org").unwrap();
    assert!(matches!(deliver("eve@example.org"), Err(super::super::DeliverError::NoSuchAccount)));
    assert!(matches!(deliver("eve"), Err(super::super::DeliverError::NoSuchAccount)));
    let bodies = room.bodies("INBOX");
    assert_eq!(bodies.len(), 2);
    assert!(bodies[0].starts_with(b"Return-Path: <>\r\nDelivered-To: bob@example.org\r\n"));
    assert!(bodies[0].ends_with(message));
}
