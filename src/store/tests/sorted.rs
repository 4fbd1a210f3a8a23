use super::engine::{Value, Weight};
use super::*;
use crate::job::StoreMode;
use crate::limits;
use crate::model::Timestamp;

impl Fixture {
    fn body(&self, text: &str) -> (NewBody, Facts) {
        (NewBody::Bytes(text.as_bytes().to_vec()), Facts::default())
    }

    fn nothing(&self) -> SortedDelivery {
        SortedDelivery {
            account: self.account,
            bodies: Vec::new(),
            copies: Vec::new(),
            outgoing: Vec::new(),
            remembered: Vec::new(),
            digest: None,
            report: None,
        }
    }

    /// All that is remembered was to be so until a moment ago.
    fn age_memories(&self) {
        let aged = self.0.engine.write::<_, Failure>("aging", Weight::Bytes(0), |tx| {
            tx.execute("UPDATE script_memory SET expires_at = expires_at - 3600000001", &[])
        });
        aged.unwrap();
    }

    /// As a newer version of ours would write them.
    fn make_strange(&self, id: OutgoingId) {
        let made =
            self.0.engine.write::<_, Failure>("making strange", Weight::Bytes(0), move |tx| {
                let id = Value::Int(id.number);
                tx.execute("UPDATE outbox SET kind = 99 WHERE outbox_id = $1", &[id])
            });
        assert_eq!(made.unwrap(), 1);
    }

    fn memories(&self) -> i64 {
        let counted: Result<_, Failure> = self.0.engine.glance("counting", |tx| {
            tx.query_one("SELECT COUNT(*) FROM script_memory", &[], |row| row.int(0))
        });
        counted.unwrap().unwrap()
    }

    /// So many mailboxes there are then.
    fn fill_with_mailboxes(&self, count: usize) {
        let account = self.account;
        let there = self.list_mailboxes(account).unwrap().len();
        let filled = self.0.engine.write::<_, Failure>("filling", Weight::Bytes(0), move |tx| {
            (there..count).try_for_each(|nth| {
                crate::store::mailboxes::insert(tx, account, &name(&format!("m{nth}")), None)
                    .map(drop)
            })
        });
        filled.unwrap();
    }

    fn waiting(&self) -> Vec<Outgoing> {
        self.list_outgoing(Some(self.account), None, 100).unwrap()
    }
}

fn copy(body: usize, mailbox: &str, if_missing: IfMissing) -> SortedCopy {
    let flags = FlagSet { flags: Flags::FLAGGED, keywords: vec![Keyword::new("$Sorted").unwrap()] };
    SortedCopy { body, mailbox: name(mailbox), if_missing, flags, with: None }
}

fn leaving(recipient: &str) -> SortedOutgoing {
    let new = NewOutgoing {
        kind: OutgoingKind::Redirect,
        sender: "a@example.org".into(),
        recipients: vec![recipient.into(), "second@example.net".into()],
        options: OutgoingOptions {
            notify: Some("SUCCESS,FAILURE".into()),
            ret: None,
            original_recipient: Some("rfc822;b+2Bc@x".into()),
            id: Some("1+20".into()),
            by: Some((Timestamp(77), "RT".into())),
            utf8: true,
        },
        message: b"Subject: on its way\r\n\r\n".to_vec(),
    };
    SortedOutgoing { new, unless: None }
}

#[track_caller]
fn done(sorted: Result<Sorted, Error>) -> (Vec<Option<Appended>>, Vec<bool>) {
    match sorted.unwrap() {
        Sorted::Done { copies, queued } => (copies, queued),
        other => panic!("{other:?}"),
    }
}

#[test] // pitfall 25
fn copies_share_their_body_and_a_missing_mailbox_is_made_or_inbox() {
    let store = fixture();
    let bodies = vec![store.body("as it came"), store.body("edited")];
    let copies = vec![
        copy(0, "INBOX", IfMissing::Inbox),
        copy(0, "new/below", IfMissing::Create(None)),
        copy(1, "Junk", IfMissing::Inbox),
        copy(0, "not there", IfMissing::Inbox), // which is INBOX again
        copy(1, "nor there", IfMissing::Inbox), // and the last that goes there
    ];
    let sorted = SortedDelivery { bodies, copies, ..store.nothing() };
    let (stored, queued) = done(store.deliver_sorted(sorted));
    assert!(queued.is_empty());
    let placed: Vec<bool> = stored.iter().map(Option::is_some).collect();
    assert_eq!(placed, [false, true, true, false, true]);
    assert_eq!(stored[4].unwrap().email_id, stored[2].unwrap().email_id);
    assert_ne!(stored[4].unwrap().email_id, stored[1].unwrap().email_id);
    assert_eq!(store.info("INBOX").messages, 1);
    assert_eq!(store.info("new/below").messages, 1);
    let key = store.info("new/below").key;
    let snapshot = store.load_snapshot(key).unwrap();
    let message = snapshot.iter().next().unwrap();
    assert!(message.flags.contains(Flags::FLAGGED) && message.keywords.0 == 1);
}

#[test]
fn what_leaves_is_written_with_it_and_kept_until_it_is_gone() {
    let store = fixture();
    let outgoing = vec![leaving("one@example.net"), leaving("two@example.net")];
    let (copies, queued) =
        done(store.deliver_sorted(SortedDelivery { outgoing, ..store.nothing() }));
    assert_eq!((copies.len(), queued), (0, vec![true, true]));
    let due = store.due_outgoing(10).unwrap();
    assert_eq!(due.len(), 2);
    let first = &due[0];
    assert_eq!(first.recipients, ["one@example.net", "second@example.net"]);
    assert_eq!(first.options, leaving("x").new.options);
    assert_eq!((first.kind, first.attempts, first.is_dead), (OutgoingKind::Redirect, 0, false));
    assert_eq!(store.outgoing_message(first.id).unwrap(), Some(leaving("x").new.message));
    store.make_strange(due[1].id);
    let strange = &store.due_outgoing(10).unwrap()[1];
    assert_eq!(
        (strange.id, strange.kind),
        (due[1].id, OutgoingKind::Other),
        "it leaves all the same"
    );
    let left = &first.recipients[1..];
    store.postpone_outgoing(first.id, left, Some(60_000_000), "450 later", None).unwrap();
    assert_eq!(store.due_outgoing(10).unwrap().len(), 1);
    store.postpone_outgoing(due[1].id, &due[1].recipients, None, "550 never", None).unwrap();
    assert_eq!(store.due_outgoing(10).unwrap(), []);
    let waiting = store.waiting();
    assert_eq!((waiting[0].attempts, &*waiting[0].last_error), (1, "450 later"));
    assert!(waiting[1].is_dead && !waiting[0].is_dead);
    assert_eq!(store.next_outgoing().unwrap(), Some(waiting[0].due_at), "the dead are not due");
    assert_eq!(store.list_outgoing(None, Some(waiting[0].id), 9).unwrap(), waiting[1..]);
    assert!(store.retry_outgoing(due[1].id).unwrap());
    assert_eq!(store.due_outgoing(10).unwrap().len(), 1);
    assert!(store.remove_outgoing(first.id).unwrap() && !store.remove_outgoing(first.id).unwrap());
    assert_eq!(store.outgoing_message(first.id).unwrap(), None);
    let report = leaving("y").new;
    store.postpone_outgoing(first.id, left, None, "550 never", Some(&report)).unwrap();
    assert_eq!(store.waiting().len(), 1, "nobody is told of what somebody has removed");
    let last = &store.waiting()[0];
    let forget = |kept| store.forget_dead_letters(kept).unwrap();
    assert!(!forget(Duration::ZERO) && store.waiting().len() == 1, "it is alive");
    store.postpone_outgoing(last.id, &last.recipients, None, "550 never", None).unwrap();
    assert!(!forget(Duration::from_secs(3_600)) && store.waiting().len() == 1, "not yet");
    assert!(!forget(Duration::ZERO) && store.waiting().is_empty());
}

#[test] // pitfall 31
fn an_account_has_so_many_that_wait() {
    let store = fixture();
    let queue = |count: i64| {
        let outgoing = (0..count).map(|_| leaving("one@example.net")).collect();
        done(store.deliver_sorted(SortedDelivery { outgoing, ..store.nothing() }));
    };
    queue(limits::OUTGOING_PER_ACCOUNT_MAX - 1);
    assert!(store.may_send(store.account).unwrap());
    queue(1);
    assert!(!store.may_send(store.account).unwrap());
    assert!(store.may_send(AccountId(77)).unwrap());
    let first = store.waiting().remove(0);
    store.postpone_outgoing(first.id, &first.recipients, None, "550 never", None).unwrap();
    assert!(store.may_send(store.account).unwrap(), "the dead do not count");
}

#[test] // RFC 5230 §4.2, RFC 8580
fn an_answer_is_sent_once_in_its_time_and_its_copy_with_it() {
    let store = fixture();
    let what = MemoryDigest::of_answer("away", "A@example.org");
    assert_eq!(what, MemoryDigest::of_answer("away", "a@EXAMPLE.org"));
    assert_ne!(what, MemoryDigest::of_answer("awaya", "@example.org"));
    let answer = |seconds| {
        let unless = Some(Remembered { what, seconds });
        let outgoing = vec![SortedOutgoing { unless, ..leaving("a@example.org") }];
        let mut sent = copy(1, "Sent", IfMissing::Inbox);
        sent.with = Some(0);
        let copies = vec![copy(0, "INBOX", IfMissing::Inbox), sent];
        let bodies = vec![store.body("mail"), store.body("answer")];
        let sorted = SortedDelivery { bodies, copies, outgoing, ..store.nothing() };
        done(store.deliver_sorted(sorted)).1
    };
    assert_eq!(answer(3_600), [true]);
    assert_eq!(answer(3_600), [false]);
    assert_eq!((store.info("INBOX").messages, store.info("Sent").messages), (2, 1));
    assert!(store.remembers(store.account, what).unwrap());
    assert!(!store.forget_memories().unwrap());
    store.age_memories();
    assert!(!store.remembers(store.account, what).unwrap());
    assert_eq!(answer(0), [true]);
    assert!(!store.forget_memories().unwrap());
    assert_eq!(store.memories(), 0, "0 seconds are over at once");
}

#[test] // RFC 7352 §3, pitfall 6
fn what_a_script_has_seen_is_remembered_with_the_delivery() {
    let store = fixture();
    let what = MemoryDigest::of_duplicate("", "<id@example.org>");
    let seen = || SortedDelivery {
        remembered: vec![Remembered { what, seconds: 60 }],
        digest: Some(DeliveryDigest::new("a@example.org", "b@example.org", b"the same")),
        ..store.nothing()
    };
    assert!(!store.remembers(store.account, what).unwrap());
    done(store.deliver_sorted(seen()));
    assert!(store.remembers(store.account, what).unwrap());
    assert!(matches!(store.deliver_sorted(seen()).unwrap(), Sorted::Repeated { .. }));
    let again = SortedDelivery { digest: None, ..seen() };
    done(store.deliver_sorted(again)); // its time begins anew
}

#[test]
fn the_last_runs_are_kept() {
    let store = fixture();
    let run = |n: i64| {
        let report = Some(RunReport { failed: n % 2 == 0, text: format!("run {n}") });
        done(store.deliver_sorted(SortedDelivery { report, ..store.nothing() }));
    };
    (1..=limits::SCRIPT_RUNS_KEPT + 5).for_each(run);
    let runs = store.script_runs(store.account).unwrap();
    assert_eq!(runs.len(), usize::try_from(limits::SCRIPT_RUNS_KEPT).unwrap());
    assert_eq!(runs[0].report.text, format!("run {}", limits::SCRIPT_RUNS_KEPT + 5));
    assert_eq!(runs.last().unwrap().report, RunReport { failed: true, text: "run 6".into() });
}

#[test] // RFC 5232 §5
fn a_keyword_that_the_mailbox_cannot_hold_is_left_out() {
    let store = fixture();
    store.append("INBOX");
    let names: Vec<String> =
        (1..limits::KEYWORDS_PER_MAILBOX_MAX).map(|n| format!("k{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    store.set("INBOX", &[1], StoreMode::Add, Flags::NONE, &names);
    let keyword = |name| Keyword::new(name).unwrap();
    let keywords = vec![keyword("last"), keyword("none"), keyword("k7"), keyword("nor")];
    let flags = FlagSet { flags: Flags::SEEN, keywords };
    let place = |mailbox| SortedCopy { flags: flags.clone(), ..copy(0, mailbox, IfMissing::Inbox) };
    let bodies = vec![store.body("x")];
    let copies = vec![place("Junk"), place("INBOX")];
    done(store.deliver_sorted(SortedDelivery { bodies, copies, ..store.nothing() }));
    let mut message = store.message("INBOX", b"x");
    message.flags = flags;
    let refused = refused(store.store.append(message.clone()));
    assert!(matches!(refused, Refusal::Limit(_)), "APPEND is told: {refused:?}");
    let delivery = Delivery { message, if_missing: IfMissing::Inbox, digest: None };
    assert!(store.deliver(vec![delivery]).remove(0).is_ok());
    let all = |shown: Vec<String>| shown.into_iter().skip(1).collect::<Vec<_>>();
    assert_eq!(all(store.shown("INBOX")), [r#"2 {"\\Seen"} k7 last"#, r#"3 {"\\Seen"} k7 last"#]);
    assert_eq!(store.shown("Junk"), [r#"1 {"\\Seen"} last none k7 nor"#]);
}

#[test] // RFC 5490 §3.2, RFC 5228 §2.10.6
fn a_mailbox_too_many_is_not_made_and_the_mail_is_in_inbox() {
    let store = fixture();
    store.fill_with_mailboxes(limits::MAILBOXES_PER_ACCOUNT_MAX - 1);
    let bodies = vec![store.body("x")];
    let copies = vec![copy(0, "parent/child", IfMissing::Create(None))];
    done(store.deliver_sorted(SortedDelivery { bodies, copies, ..store.nothing() }));
    assert_eq!(store.info("INBOX").messages, 1);
    assert!(store.mailbox(store.account, &name("parent")).is_err(), "nor half of it");
    let message = store.message("parent/child", b"y");
    let delivery = Delivery { message, if_missing: IfMissing::Create(None), digest: None };
    assert!(store.deliver(vec![delivery]).remove(0).is_ok());
    assert_eq!(store.info("INBOX").messages, 2);
    let runs = store.script_runs(store.account).unwrap();
    let told = |run: &KeptRun| run.report.failed && run.report.text.contains("parent/child");
    assert_eq!(runs.iter().filter(|run| told(run)).count(), 2, "{runs:?}");
    let copies = vec![copy(0, "last", IfMissing::Create(None))];
    let bodies = vec![store.body("z")];
    done(store.deliver_sorted(SortedDelivery { bodies, copies, ..store.nothing() }));
    assert_eq!(store.info("last").messages, 1, "one more may be");
}
