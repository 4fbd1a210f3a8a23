use std::time::Duration;

use super::engine::Weight;
use super::*;
use crate::job::{Change, StoreMode, Transfer};
use crate::limits;
use crate::model::{EntryName, MailboxId};

const LEASE: Duration = Duration::from_secs(60);

impl Fixture {
    /// What happens in a mailbox is seen by a script.
    fn scripted(&self, mailbox: &str) -> MailboxKey {
        let key = self.key(mailbox);
        let entry = (EntryName::event_script(), Some(b"script".to_vec()));
        self.set_annotations(self.account, Some(&name(mailbox)), vec![entry]).unwrap();
        key
    }

    /// `CAUSE from SOURCE (FLAGS) UIDS`, of all that is due, in the order of its mailboxes' numbers.
    fn due_now(&self) -> Vec<String> {
        let mut taken = self.take_events(100, LEASE).unwrap();
        taken.sort_by_key(|event| event.key.mailbox.mailbox);
        taken.iter().map(shown).collect()
    }

    fn flag(&self, mailbox: &str, set: &[u32], mode: StoreMode, flags: FlagSet) {
        let change = FlagChange { uids: uids(set), mode, flags, unchanged_since: None };
        self.store_flags(self.key(mailbox), change).unwrap();
    }

    fn of(&self, from: &str, set: &[u32], to: &str) -> Transfer {
        Transfer { from: self.key(from), uids: uids(set), to: name(to) }
    }

    fn one(&self) -> Event {
        let mut taken = self.take_events(100, LEASE).unwrap();
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    fn settle(&self, event: &Event, next: NextMessage, effects: Vec<Effect>) -> Settled {
        let from = event.uids.first().unwrap();
        let settlement =
            Settlement { event: event.key, from, next, effects, trigger: Trigger::Never };
        self.settle_event(settlement).unwrap()
    }
}

fn shown(event: &Event) -> String {
    let source = event.source.map_or(String::new(), |MailboxId(source)| format!(" from {source}"));
    let flags = &event.changed_flags;
    let uids: Vec<String> = event.uids.iter().map(|uid| uid.to_string()).collect();
    format!("{}{source} ({flags}) {}", event.cause.name(), uids.join(","))
}

fn flags(flags: Flags, names: &[&str]) -> FlagSet {
    FlagSet { flags, keywords: keywords(names) }
}

fn placed(mailbox: &str, create: bool) -> Placed {
    let flags = flags(Flags::FLAGGED, &["$Seen-by-script"]);
    Placed { body: None, mailbox: name(mailbox), create, flags }
}

#[test]
fn nobody_is_told_of_what_no_script_sees() {
    let store = fixture();
    store.append_many("INBOX", 3);
    store.append("INBOX");
    store.copy(store.of("INBOX", &[1, 2], "Junk")).unwrap();
    store.move_messages(store.of("INBOX", &[3], "Junk")).unwrap();
    store.flag("INBOX", &[1], StoreMode::Add, flags(Flags::SEEN, &["a"]));
    assert_eq!(store.next_event().unwrap(), None);
    // Nor of deliveries, and of what the site's scripts do not look at, where there is a script.
    store.scripted("INBOX");
    store.append_many("INBOX", 2);
    let message = store.message("INBOX", b"A: b\r\n\r\n");
    assert!(!store.append_seen(message, Trigger::Never).unwrap().event);
    store.rename_mailbox(store.account, &name("INBOX"), &name("Old")).unwrap();
    assert_eq!(store.next_event().unwrap(), None);
    assert!(store.event_bell().try_recv().is_err());
}

#[test] // RFC 6785 §2.2.1, §2.2.2
fn what_comes_by_append_copy_and_move_is_seen() {
    let store = fixture();
    store.append_many("INBOX", 4);
    store.scripted("Junk");
    assert!(store.append("Junk").event);
    assert!(store.event_bell().try_recv().is_ok());
    assert!(!store.append("INBOX").event);
    store.append_with("Junk", Flags::SEEN, &["by-itself"]);
    store.copy(store.of("INBOX", &[1, 3], "Junk")).unwrap();
    store.move_messages(store.of("INBOX", &[2], "Junk")).unwrap();
    store.move_messages(store.of("Junk", &[1], "Trash")).unwrap();
    let mut seen = Vec::new();
    while let [event] = &store.take_events(100, LEASE).unwrap()[..] {
        // One of a mailbox at a time, and nobody else has it.
        assert_eq!(store.due_now(), [""; 0]);
        seen.push(shown(event));
        store.settle(event, NextMessage::None, Vec::new());
    }
    let from_inbox = "COPY from 1 ()";
    let want =
        ["APPEND () 1", "APPEND () 2", &format!("{from_inbox} 3,4"), &format!("{from_inbox} 5")];
    assert_eq!(seen, want);
    let message = store.message("Trash", b"A: b\r\n\r\n");
    assert!(store.append_seen(message, Trigger::Always).unwrap().event);
    assert_eq!(store.due_now(), ["APPEND () 2"]);
}

#[test] // RFC 6785 §2.2.3, §4.5
fn each_message_is_told_with_the_flags_that_changed() {
    let store = fixture();
    store.scripted("INBOX");
    store.append_many("INBOX", 4);
    store.flag("INBOX", &[2], StoreMode::Add, flags(Flags::SEEN, &["x"]));
    assert_eq!(shown(&store.one()), "FLAG (\\Seen x) 2");
    store.drop_event(store.events()[0]).unwrap();
    store.flag("INBOX", &[1, 2, 3], StoreMode::Replace, flags(Flags::SEEN, &["y"]));
    let first = store.one();
    assert_eq!(shown(&first), "FLAG (\\Seen y) 1,3");
    store.settle(&first, NextMessage::None, Vec::new());
    assert_eq!(shown(&store.one()), "FLAG (x y) 2");
    store.drop_event(store.events()[0]).unwrap();
    store.flag("INBOX", &[1, 2, 3], StoreMode::Add, flags(Flags::SEEN, &["Y"])); // as they are
    assert_eq!(store.next_event().unwrap(), None);
}

impl Fixture {
    fn events(&self) -> Vec<EventKey> {
        use super::engine::Value;
        let due = self.0.engine.write::<_, Failure>("making due", Weight::Bytes(0), |tx| {
            tx.execute("UPDATE imap_events SET due_at = $1", &[Value::Int(0)])
        });
        due.unwrap();
        self.take_events(100, LEASE).unwrap().iter().map(|event| event.key).collect()
    }
}

#[test]
fn an_event_goes_on_where_it_was_and_only_once() {
    let store = fixture();
    store.append_many("INBOX", 10);
    let junk = store.scripted("Junk");
    let every_other: Vec<u32> = (1..=10).collect();
    store.copy(store.of("INBOX", &every_other, "Junk")).unwrap();
    let event = store.one();
    assert_eq!(event.attempts, 1);
    let seen = |uid| Effect { add: flags(Flags::SEEN, &[]), ..Effect::none(Uid(uid)) };
    let ours = NextMessage::Ours(Uid(4), LEASE);
    let done = store.settle(&event, ours, vec![seen(1), seen(3)]);
    let mod_seq = store.info("Junk").highest_mod_seq;
    assert_eq!(
        done,
        Settled::Done { changes: vec![Change { mailbox: junk, mod_seq }], sends: false }
    );
    // Whoever lost it does nothing any more.
    assert_eq!(store.settle(&event, NextMessage::None, vec![seen(2)]), Settled::TakenOver);
    assert_eq!(store.due_now(), [""; 0]);
    assert_eq!(store.shown("Junk")[..3], ["1 {\"\\\\Seen\"}", "2 {}", "3 {\"\\\\Seen\"}"]);
    store.postpone_event(event.key, Duration::ZERO).unwrap();
    let rest = store.one();
    assert_eq!(shown(&rest), "COPY from 1 () 4,5,6,7,8,9,10");
    store.settle(&rest, NextMessage::Anybody(Uid(9)), Vec::new());
    let rest = store.one();
    assert_eq!(shown(&rest), "COPY from 1 () 9,10");
    store.settle(&rest, NextMessage::None, Vec::new());
    assert_eq!(store.next_event().unwrap(), None);
}

#[test] // RFC 6785 §3
fn what_a_script_wants_is_done_to_flags_and_copies() {
    let store = fixture();
    store.scripted("Junk");
    for _ in 0..3 {
        store.append_with("Junk", Flags::SEEN, &["old"]);
    }
    let event = store.one();
    let effect = |uid| Effect::none(Uid(uid));
    let body = (b"X: new\r\n\r\n".to_vec(), Facts::default());
    let effects = vec![
        Effect {
            add: flags(Flags::NONE, &["$Junk"]),
            remove: flags(Flags::SEEN, &["OLD"]),
            ..effect(1)
        },
        Effect {
            discard: true,
            copies: vec![placed("INBOX", false), placed("made/below", true)],
            ..effect(2)
        },
        // To nowhere: it stays, and that is told.
        Effect { discard: true, copies: vec![placed("nowhere", false)], ..effect(3) },
        Effect { copies: vec![Placed { body: Some(body), ..placed("INBOX", false) }], ..effect(3) },
        Effect { copies: vec![placed("INBOX", false)], discard: true, ..effect(9) }, // is gone
    ];
    let Settled::Done { changes, sends } = store.settle(&event, NextMessage::None, effects) else {
        panic!();
    };
    let known = |change: &Change| store.mailbox_by_key(change.mailbox).unwrap();
    assert!(changes.iter().all(|change| known(change).highest_mod_seq == change.mod_seq));
    assert_eq!((changes.len(), sends), (3, false));
    let copied = "{\"\\\\Flagged\"} $Seen-by-script";
    assert_eq!(
        store.shown("Junk"),
        ["1 {} $Junk", "2 {\"\\\\Deleted\", \"\\\\Seen\"} old", "3 {\"\\\\Seen\"} old"]
    );
    assert_eq!(store.shown("INBOX"), [format!("1 {copied}"), format!("2 {copied}")]);
    assert_eq!(store.shown("made/below"), [format!("1 {copied}")]);
    let runs = store.script_runs(store.account).unwrap();
    assert_eq!(runs[0].report.text, "fileinto: there is no mailbox nowhere: the message stays\n");
    // None of it was an event: what was appended after the first is all that is left.
    let rest = store.one();
    assert_eq!(shown(&rest), "APPEND () 2");
}

#[test]
fn an_event_of_a_mailbox_that_is_gone_is_none() {
    let store = fixture();
    let key = store.scripted("Junk");
    store.append("Junk");
    let event = store.one();
    store.delete_mailbox(key.account, &name("Junk")).unwrap();
    let settlement = Settlement {
        event: event.key,
        from: Uid(1),
        next: NextMessage::None,
        effects: vec![Effect::none(Uid(1))],
        trigger: Trigger::Never,
    };
    assert_eq!(refused(store.settle_event(settlement)), Refusal::NoSuchMailbox);
    store.drop_event(event.key).unwrap();
    assert_eq!(store.next_event().unwrap(), None);
}

#[test]
fn what_was_taken_before_a_restart_is_due_after_it() {
    let store = fixture();
    store.scripted("INBOX");
    store.append("INBOX");
    store.one();
    assert_eq!(store.due_now(), [""; 0]);
    store.reclaim_events().unwrap();
    assert_eq!(store.due_now().len(), usize::from(!store.is_shared()));
}

#[test]
fn a_change_of_scattered_messages_is_several_parts() {
    let store = fixture();
    store.scripted("INBOX");
    let count = u32::try_from(limits::EVENT_RANGES_MAX).unwrap() + 5;
    store.append_many("INBOX", count * 2);
    let every_other: Vec<u32> = (1..=count).map(|n| n * 2).collect();
    store.flag("INBOX", &every_other, StoreMode::Add, flags(Flags::SEEN, &[]));
    let first = store.one();
    assert_eq!((first.key.part, first.uids.len()), (0, count - 5));
    store.settle(&first, NextMessage::None, Vec::new());
    let second = store.one();
    assert_eq!((second.key.part, second.uids.len()), (1, 5));
}

#[test] // RFC 6785 §2.3.1
fn a_mailbox_has_its_own_script_or_the_servers_or_none() {
    let store = fixture();
    let set = |of: Option<&str>, value: Option<&str>| {
        let of = of.map(name);
        let value = value.map(|value| value.as_bytes().to_vec());
        let entries = vec![(EntryName::event_script(), value)];
        store.set_annotations(store.account, of.as_ref(), entries).unwrap();
    };
    let sees = |mailbox: &str| store.append(mailbox).event;
    assert!(!sees("Junk"));
    set(None, Some("all"));
    assert!(sees("Junk") && sees("INBOX"));
    store.create_mailbox(store.account, &name("new"), None).unwrap();
    assert!(sees("new"));
    set(Some("Junk"), Some("")); // "no script is run"
    assert!(!sees("Junk") && sees("INBOX"));
    set(Some("Junk"), Some("own"));
    set(None, None);
    assert!(sees("Junk") && !sees("INBOX") && !sees("new"));
    set(Some("INBOX"), Some("own"));
    store.rename_mailbox(store.account, &name("INBOX"), &name("Old")).unwrap();
    assert!(sees("Old"));
    set(Some("Junk"), None);
    assert!(!sees("Junk"));
}
