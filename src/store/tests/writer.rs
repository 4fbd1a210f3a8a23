use super::*;
use engine::{Pending, Tx, Value, Weight};

fn add(tx: &mut Tx<'_>, label: &str) -> Result<(), Failure> {
    tx.execute("INSERT INTO sequences (name, next) VALUES ($1, 1)", &[Value::Text(label)]).map(drop)
}

fn labels(store: &Store) -> Vec<String> {
    let mut labels = Vec::new();
    let read = store.0.engine.read_once::<_, Failure>("test", |tx| {
        tx.query("SELECT name FROM sequences ORDER BY name", &[], |row| {
            labels.push(row.text(0)?.to_owned());
            Ok(())
        })
    });
    read.unwrap();
    labels.retain(|label| label.starts_with('t'));
    labels
}

/// Holds the writer until everything is submitted, so that it is one group.
fn grouped<T>(store: &Store, submit: impl FnOnce() -> T) -> T {
    let (open, gate) = crossbeam_channel::bounded::<()>(1);
    let held: Pending<(), Failure> =
        store.0.engine.submit("holding", Weight::Bytes(0), move |_| {
            let _opened = gate.recv();
            Ok(())
        });
    let submitted = submit();
    drop(open);
    held.wait().unwrap();
    submitted
}

#[test]
fn a_job_that_fails_undoes_only_itself() {
    let store = embedded_fixture();
    let engine = &store.0.engine;
    let submit = |label: &'static str, fails: bool| -> Pending<(), Error> {
        engine.submit("test", Weight::Bytes(0), move |tx| {
            add(tx, label)?;
            if fails { Err(Refusal::OverQuota.into()) } else { Ok(()) }
        })
    };
    let answers = grouped(&store, || {
        [submit("t1", false), submit("t2", true), submit("t3", false), submit("t3", false)]
    });
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.wait().is_ok()).collect();
    assert_eq!(answers, [true, false, true, false]); // the last: a name is there once
    assert_eq!(labels(&store), ["t1", "t3"]);
}

#[test] // the first job of a group has no savepoint
fn a_first_job_that_fails_undoes_only_itself() {
    let store = embedded_fixture();
    let fails: Result<(), Error> = store.0.engine.write("test", Weight::Bytes(0), |tx| {
        add(tx, "t1")?;
        Err(Refusal::OverQuota.into())
    });
    assert_eq!(refused(fails), Refusal::OverQuota);
    assert_eq!(labels(&store), Vec::<String>::new());
}

#[test] // invariant 11
fn a_job_that_panics_undoes_only_itself() {
    let store = embedded_fixture();
    let engine = &store.0.engine;
    let submit = |label: &'static str, panics: bool| -> Pending<(), Failure> {
        engine.submit("test", Weight::Bytes(0), move |tx| {
            add(tx, label)?;
            assert!(!panics, "on purpose");
            Ok(())
        })
    };
    let answers =
        grouped(&store, || [submit("t1", false), submit("t2", true), submit("t3", false)]);
    let [first, second, third] = answers.map(Pending::wait);
    assert!(first.is_ok() && third.is_ok());
    assert!(matches!(second, Err(Failure::Panicked { doing: "test" })));
    assert_eq!(labels(&store), ["t1", "t3"]);
}

#[test] // pitfall 10: the transaction itself is lost, as by a full disk
fn a_lost_transaction_is_run_again_each_job_alone() {
    let store = embedded_fixture();
    let engine = &store.0.engine;
    let submit = |label: &'static str, loses: bool| -> Pending<(), Failure> {
        engine.submit("test", Weight::Bytes(0), move |tx| {
            add(tx, label)?;
            if loses {
                tx.execute("ROLLBACK", &[])?;
            }
            Ok(())
        })
    };
    let answers =
        grouped(&store, || [submit("t1", false), submit("t2", true), submit("t3", false)]);
    let [first, second, third] = answers.map(Pending::wait);
    assert!(first.is_ok() && third.is_err() == second.is_ok(), "{first:?} {second:?} {third:?}");
    assert_eq!(labels(&store), ["t1", "t3"]);
}

#[test]
fn a_bulk_job_is_alone_and_nothing_is_lost_around_it() {
    let store = embedded_fixture();
    let engine = &store.0.engine;
    let submit = |label: &'static str, weight: Weight| -> Pending<(), Failure> {
        engine.submit("test", weight, move |tx| add(tx, label))
    };
    let answers = grouped(&store, || {
        [
            submit("t1", Weight::Bytes(1)),
            submit("t2", Weight::Bulk),
            submit("t3", Weight::Bytes(usize::MAX)),
            submit("t4", Weight::Bulk),
            submit("t5", Weight::Bytes(1)),
        ]
    });
    answers.into_iter().for_each(|answer| answer.wait().unwrap());
    assert_eq!(labels(&store), ["t1", "t2", "t3", "t4", "t5"]);
}

#[test]
fn what_was_submitted_is_committed_before_closing() {
    let dir = TemporaryDir::embedded();
    let store = dir.open(Opening::Daemon).unwrap();
    let answer: Pending<(), Failure> =
        store.0.engine.submit("test", Weight::Bytes(0), |tx| add(tx, "t1"));
    drop(store);
    answer.wait().unwrap();
    let store = dir.open(Opening::Daemon).unwrap();
    assert_eq!(labels(&store), ["t1"]);
}

#[test]
fn a_reader_cannot_write() {
    let store = embedded_fixture();
    let written = store.0.engine.read::<_, Failure>("test", |tx| add(tx, "t1"));
    assert!(written.is_err());
    assert_eq!(labels(&store), Vec::<String>::new());
}

#[test]
fn a_reader_that_fails_leaves_the_pool_whole() {
    let store = embedded_fixture();
    for _ in 0..crate::limits::READERS_MAX * 2 {
        let failed = store.0.engine.read::<(), _>("test", |tx| Err(tx.corrupt("on purpose")));
        assert!(failed.is_err());
    }
    let more = crate::limits::READERS_MAX * 2;
    std::thread::scope(|scope| {
        (0..more).for_each(|_| drop(scope.spawn(|| labels(&store.store))));
    });
}
