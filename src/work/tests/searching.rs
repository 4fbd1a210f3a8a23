//! Searching what is stored.

use super::*;

impl Room {
    /// Asks again until all was looked at; gives the UIDs and how often it asked.
    fn search(&self, mailbox: MailboxKey, query: &Arc<Query>, among: &UidRuns) -> (UidRuns, u32) {
        let (mut found, mut from, mut asked) = (UidRuns::new(), Uid(1), 0);
        loop {
            let (query, among) = (Arc::clone(query), Arc::new(among.clone()));
            asked += 1;
            match self.run(Job::Search { mailbox, query, among, from }) {
                Reply::Found { uids, next, .. } => {
                    assert!(
                        uids.iter().all(|uid| uid >= from && next.is_none_or(|next| uid < next))
                    );
                    found = found.union(&uids);
                    let Some(next) = next else { return (found, asked) };
                    assert!(next > from, "a search that does not move");
                    from = next;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test] // pitfalls 110, 112, 115
fn a_search_reads_what_the_snapshot_leaves_open() {
    let room = Room::new();
    for n in 1..=200 {
        let name = if n % 2 == 0 { "ann" } else { "bob" };
        let message = format!("From: {name}@x\r\nSubject: n{n}\r\n\r\nnumber {n}.\r\n");
        room.append("INBOX", message.as_bytes());
    }
    let (mailbox, snapshot) = room.open("INBOX");
    let from_ann = Query::Header { field: "From".into(), value: "ANN".into() };
    let check = |query: Query, want: &[u32]| {
        let (found, _) = room.search(mailbox, &Arc::new(query), snapshot.uids());
        assert_eq!(found, runs(want));
    };
    let even: Vec<u32> = (1..=100).map(|n| n * 2).collect();
    check(Query::All, &(1..=200).collect::<Vec<_>>());
    check(from_ann.clone(), &even);
    check(Query::Body("number 7.".into()), &[7]);
    check(Query::Text("n199".into()), &[199]);
    let both = |a: &Query, b: Query| Query::And(vec![a.clone(), b]);
    let ones: Vec<u32> = even.iter().copied().filter(|n| n.to_string().starts_with('1')).collect();
    check(both(&from_ann, Query::Body("number 1".into())), &ones);
    check(both(&from_ann, Query::Uids(runs(&[3, 4, 5]))), &[4]);
    check(Query::Nothing, &[]);
    let (found, _) = room.search(mailbox, &Arc::new(from_ann), &runs(&[1, 2, 3, 4, 300]));
    assert_eq!(found, runs(&[2, 4])); // only what the client knows
}

#[test]
fn a_body_too_large_for_a_batch_is_searched_too() {
    let room = Room::new();
    let mut message = b"Subject: x\r\n\r\n".to_vec();
    message.resize(600_000, b'-');
    message.extend_from_slice(b" needle");
    room.append("INBOX", &message);
    room.append("INBOX", b"\r\nneedle");
    room.append("INBOX", b"\r\nhay");
    let (mailbox, snapshot) = room.open("INBOX");
    let query = Arc::new(Query::Body("needle".into()));
    assert_eq!(room.search(mailbox, &query, snapshot.uids()).0, runs(&[1, 2]));
}
