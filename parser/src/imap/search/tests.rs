use crate::imap::command;
use crate::imap::command::{Command, SearchKey, SearchKeys};
use crate::imap::lists::{Item, List};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The next key and all keys inside it; `None` at the end of a list.
fn tree(keys: &mut SearchKeys<'_>) -> Option<String> {
    Some(match keys.next()? {
        SearchKey::Close => return None,
        SearchKey::Not => format!("!{}", tree(keys)?),
        SearchKey::Fuzzy => format!("~{}", tree(keys)?),
        SearchKey::Or => format!("[{} | {}]", tree(keys)?, tree(keys)?),
        SearchKey::Open => format!("({})", trees(keys)),
        SearchKey::Header { field, value } => format!("{field:?}~{value:?}"),
        SearchKey::Before(day) | SearchKey::On(day) | SearchKey::SentSince(day) => {
            format!("day {}", day.unix_days)
        }
        key => format!("{key:?}"),
    })
}

fn trees(keys: &mut SearchKeys<'_>) -> String {
    let keys: Vec<String> = core::iter::from_fn(|| tree(keys)).collect();
    keys.join(" ")
}

#[track_caller]
fn check(program: &str, want: &str) {
    let frame = format!("a SEARCH {program}\r\n");
    let told = match command(frame.as_bytes()).map(|tagged| tagged.command) {
        Ok(Command::Search { keys, returns, charset, .. }) => {
            let returns = returns.map(|returns| format!("return {returns:?} "));
            let charset = charset.map(|charset| format!("charset {charset:?} "));
            returns.unwrap_or_default() + &charset.unwrap_or_default() + &trees(&mut keys.iter())
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(told, want, "from {program:?}");
}

#[test]
fn simple_keys() {
    check("ALL", "All");
    check("unseen FLAGGED ", "Lacks(Seen) Has(Flagged)");
    check("ANSWERED DELETED DRAFT SEEN", "Has(Answered) Has(Deleted) Has(Draft) Has(Seen)");
    check(
        "UNANSWERED UNDELETED UNDRAFT UNFLAGGED",
        "Lacks(Answered) Lacks(Deleted) Lacks(Draft) Lacks(Flagged)",
    );
    check("RECENT NEW OLD", "Recent New Old");
    check("1:3,* $ UID 5:*", "Seq(Ranges(1:3,*)) Seq(Saved) Uid(Ranges(5:*))");
    check("KEYWORD $x UNKEYWORD y", "Keyword(\"$x\") Unkeyword(\"y\")");
    check("FROM a TO \"b c\" CC {1}\r\nd", "\"From\"~\"a\" \"To\"~\"b c\" \"Cc\"~\"d\"");
    check("BCC a SUBJECT \"100%_\"", "\"Bcc\"~\"a\" \"Subject\"~\"100%_\"");
    check("HEADER X-Foo \"\"", "\"X-Foo\"~\"\"");
    check("BODY a TEXT b", "Body(\"a\") Text(\"b\")");
    check("LARGER 4294967296 SMALLER 0", "Larger(4294967296) Smaller(0)");
    check("BEFORE 1-Jan-1970 ON \"2-Jan-1970\" SENTSINCE 31-dec-1969", "day 0 day 1 day -1");
    check("SINCE 1-Jan-1970", "Since(Date { unix_days: 0 })");
    check("SENTBEFORE 1-Jan-1970", "SentBefore(Date { unix_days: 0 })");
    check("SENTON 1-Jan-1970", "SentOn(Date { unix_days: 0 })");
    // pitfall 116
    check("MODSEQ 5", "ModSeq(5)");
    check("MODSEQ \"/flags/\\\\seen\" all 5", "ModSeq(5)");
    check("MODSEQ \"/flags/x\" 5", "expected entry-type-req at byte 27");
}

#[test]
fn nested_keys() {
    check("NOT SEEN", "!Has(Seen)");
    check("NOT NOT ALL ALL", "!!All All");
    check("OR SEEN NOT DRAFT ALL", "[Has(Seen) | !Has(Draft)] All");
    check(
        "OR OR 1 2 (3 4)",
        "[[Seq(Ranges(1)) | Seq(Ranges(2))] | (Seq(Ranges(3)) Seq(Ranges(4)))]",
    );
    check(
        "(ALL (NOT (SEEN)) FROM \")(\" BODY {2}\r\n)\")",
        "(All (!(Has(Seen))) \"From\"~\")(\" Body(\")\\\"\"))",
    );
    check("()", "expected search-key at byte 10");
    check("(ALL", "expected SP or \")\" at byte 13");
    check("(ALL ALL", "expected SP or \")\" at byte 17");
    check("ALL)", "expected SP at byte 12");
    check("NOT", "expected SP at byte 12");
    check("OR ALL", "expected SP at byte 15");
    check("NOT ", "expected search-key at byte 13");
}

#[test]
fn options() {
    check("RETURN () ALL", "return () All");
    check("return (MIN Max ALL COUNT SAVE) 1", "return (MIN Max ALL COUNT SAVE) Seq(Ranges(1))");
    check("CHARSET utf-8 ALL", "charset \"utf-8\" All"); // pitfall 113
    check("RETURN (COUNT) CHARSET \"X-y\" ALL", "return (COUNT) charset \"X-y\" All");
    check("RETURN (FOO) ALL", "expected search-return-opt at byte 17");
    check("RETURN () ", "expected search-key at byte 19");
    check("CHARSET utf-8", "expected SP at byte 22");
    check("", "expected search-key at byte 9");
    check("FOO", "expected search-key at byte 9");
    check("ALL SEENISH", "expected search-key at byte 13");
    check("KEYWORD \\Seen", "expected flag at byte 17");
    check("LARGER x", "expected number64 at byte 16");
    check("LARGER 9223372036854775808", "expected number64 at byte 16");
    check("ON 30-Feb-2020", "expected day of that month at byte 12");
    check("ON 1-Feb-20200", "expected SP at byte 22");
    check("UID", "expected SP at byte 12");
}

#[test]
fn extended_keys() {
    check("OLDER 259200 younger 1", "Older(259200) Younger(1)");
    check("OLDER 0", "expected nz-number at byte 15");
    check("YOUNGER 4294967296", "expected nz-number at byte 17");
    check(
        "SAVEDBEFORE 1-Jan-1970 SAVEDON 2-Jan-1970 SAVEDSINCE \"1-Jan-1970\" SAVEDATESUPPORTED",
        "SavedBefore(Date { unix_days: 0 }) SavedOn(Date { unix_days: 1 }) \
         SavedSince(Date { unix_days: 0 }) SaveDateSupported",
    );
    check("EMAILID M6d-_9 THREADID T64", "EmailId(\"M6d-_9\") ThreadId(\"T64\")");
    check("EMAILID \"M1\"", "expected objectid at byte 17");
    check("EMAILID M.1", "expected SP at byte 18");
    let long = "x".repeat(255);
    check(&format!("THREADID {long}"), &format!("ThreadId({long:?})"));
    check(&format!("THREADID {long}x"), "expected objectid at byte 18");
    check("FILTER on-the-road", "Filter(\"on-the-road\")");
    check("FILTER a/b", "expected SP at byte 17");
    check("FILTER \"a\"", "expected filter-name at byte 16");
    check("FUZZY (SUBJECT x NOT SEEN) ALL", "~(\"Subject\"~\"x\" !Has(Seen)) All");
    check("NOT FUZZY OR 1 FUZZY 2", "!~[Seq(Ranges(1)) | ~Seq(Ranges(2))]");
    check("FUZZY", "expected SP at byte 14");
    check(&format!("{}ALL", "FUZZY ".repeat(100)), &format!("{}All", "~".repeat(100)));
    check(
        &format!("{}ALL", "FUZZY ".repeat(101)),
        "expected fewer levels of search-key at byte 615",
    );
}

#[test]
fn extended_options() {
    /// The options of `RETURN (options)`.
    #[track_caller]
    fn check(options: &str, want: &str) {
        let frame = format!("a SEARCH RETURN ({options}) ALL\r\n");
        let told = match command(frame.as_bytes()).map(|tagged| tagged.command) {
            Ok(Command::Search { returns: Some(returns), .. }) => {
                let options: Vec<String> =
                    returns.iter().map(|option| format!("{option:?}")).collect();
                options.join(" ")
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "from {options:?}");
    }
    check(
        "PARTIAL 500:1 SAVE",
        "Partial(PartialRange { first: 500, last: 1, from_end: false }) Save",
    );
    check(
        "COUNT partial -1:-100 MIN",
        "Count Partial(PartialRange { first: 1, last: 100, from_end: true }) Min",
    );
    check("PARTIAL 1:*", "expected nz-number at byte 27");
    check("PARTIAL 1", "expected \":\" at byte 26");
    check("PARTIAL 0:1", "expected nz-number at byte 25");
    check("PARTIAL -1:2", "expected \"-\" at byte 28");
    check("PARTIAL 1:-2", "expected nz-number at byte 27");
    check("PARTIAL 1:2 ALL", "expected one PARTIAL or ALL at byte 16");
    check("ALL PARTIAL 1:2", "expected one PARTIAL or ALL at byte 16");
    check("PARTIAL 1:2 PARTIAL 3:4", "expected one PARTIAL or ALL at byte 16");
    check("ALL ALL", "All All");
    check("CONTEXT UPDATE COUNT", "Context Update(None) Count");
    check(
        "UPDATE (UID BODY[HEADER.FIELDS (TO FROM)]) RELEVANCY",
        "Update(Some((UID BODY[HEADER.FIELDS (TO FROM)]))) Relevancy",
    );
    check("UPDATE(UID) MIN", "Update(Some((UID))) Min"); // as RFC 5465 §8 has it
    check("UPDATE ()", "expected fetch-att at byte 25");
    check("UPDATE (UID", "expected SP or \")\" at byte 33");
}

/// A command of the SEARCH kin; lists are shown by their items.
#[track_caller]
fn check_kin(line: &str, want: &str) {
    fn items<'a, T: Item<'a> + core::fmt::Debug>(list: List<'a, T>) -> String {
        let items: Vec<String> = list.iter().map(|item| format!("{item:?}")).collect();
        items.join(" ")
    }
    let frame = format!("a {line}\r\n");
    let told = match command(frame.as_bytes()).map(|tagged| tagged.command) {
        Ok(Command::Sort { numbers, returns, criteria, charset, keys }) => {
            let criteria: Vec<String> = criteria
                .iter()
                .map(|by| format!("{}{:?}", if by.reverse { "-" } else { "" }, by.key))
                .collect();
            format!(
                "{numbers:?} {returns:?} {} {charset:?} {}",
                criteria.join(","),
                trees(&mut keys.iter())
            )
        }
        Ok(Command::Thread { numbers, algorithm, charset, keys }) => {
            format!("{numbers:?} {algorithm} {charset:?} {}", trees(&mut keys.iter()))
        }
        Ok(Command::ESearch { source, returns, charset, keys }) => {
            let source = source
                .map(|source| format!("in {} scope {:?}", items(source.mailboxes), source.scope));
            format!("{source:?} {returns:?} {charset:?} {}", trees(&mut keys.iter()))
        }
        Ok(Command::CancelUpdate(tags)) => items(tags),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(told.replace('\\', ""), want, "from {line:?}");
}

#[test]
fn sorts() {
    check_kin(
        "SORT (SUBJECT) UTF-8 SINCE 1-Jan-1970",
        "Seq None Subject \"UTF-8\" Since(Date { unix_days: 0 })",
    );
    check_kin(
        "uid sort (reverse date Size DISPLAYFROM reverse displayto) \"us-ascii\" NOT SEEN ALL",
        "Uid None -Date,Size,DisplayFrom,-DisplayTo \"us-ascii\" !Has(Seen) All",
    );
    check_kin(
        "SORT (ARRIVAL CC FROM TO RELEVANCY) x ALL",
        "Seq None Arrival,Cc,From,To,Relevancy \"x\" All",
    );
    check_kin("SORT RETURN (COUNT) (DATE) x ALL", "Seq Some((COUNT)) Date \"x\" All");
    check_kin("SORT () x ALL", "expected sort-key at byte 8");
    check_kin("SORT (REVERSE) x ALL", "expected sort-key at byte 8");
    check_kin("SORT (REVERSE REVERSE DATE) x ALL", "expected sort-key at byte 16");
    check_kin("SORT DATE x ALL", "expected \"(\" at byte 7");
    check_kin("SORT (DATE) x", "expected SP at byte 15");
    check_kin("SORT (DATE) x ", "expected search-key at byte 16");
    check_kin("SORT (DATE) RETURN (ALL) x ALL", "expected search-key at byte 27");
}

#[test]
fn threads() {
    check_kin("THREAD ORDEREDSUBJECT UTF-8 ALL", "Seq ORDEREDSUBJECT \"UTF-8\" All");
    check_kin("UID thread Refs x 1:5 SEEN", "Uid Refs \"x\" Seq(Ranges(1:5)) Has(Seen)");
    check_kin("THREAD \"REFERENCES\" x ALL", "expected atom at byte 9");
    check_kin("THREAD REFERENCES", "expected SP at byte 19");
    check_kin("THREAD REFERENCES ALL", "expected SP at byte 23");
}

#[test]
fn searches_of_many_mailboxes() {
    check_kin("ESEARCH ALL", "None None None All");
    check_kin(
        "ESEARCH IN (mailboxes \"folder1\" subtree-one (a \"b c\") Selected) RETURN (MIN) CHARSET x unseen",
        "Some(\"in Mailboxes((\"folder1\")) SubtreeOne((a \"b c\")) Selected scope ()\") \
         Some((MIN)) Some(\"x\") Lacks(Seen)",
    );
    check_kin(
        "ESEARCH IN (inboxes personal subscribed subtree x (y z 1:5 w (a (b \")\")) v ())) ALL",
        "Some(\"in Inboxes Personal Subscribed Subtree((x)) scope (y z 1:5 w (a (b \")\")) v ())\") \
         None None All",
    );
    check_kin("ESEARCH IN () ALL", "expected filter-mailboxes at byte 14");
    check_kin("ESEARCH IN (everywhere) ALL", "expected filter-mailboxes at byte 14");
    check_kin("ESEARCH IN (selected-delayed) ALL", "expected filter-mailboxes at byte 14");
    check_kin("ESEARCH IN (mailboxes ()) ALL", "expected mailbox at byte 25");
    check_kin("ESEARCH IN (mailboxes) ALL", "expected SP at byte 23");
    check_kin("ESEARCH IN (inboxes) ", "expected search-key at byte 23");
    check_kin("ESEARCH IN (inboxes () ALL", "expected tagged-ext-label at byte 23");
    check_kin("ESEARCH IN (inboxes (x (()) ALL", "expected astring at byte 27");
    check_kin("ESEARCH RETURN (ALL) IN (inboxes) ALL", "expected search-key at byte 23");
    check_kin("UID ESEARCH ALL", "expected command after UID at byte 6");
}

#[test]
fn updates_are_cancelled() {
    check_kin("CANCELUPDATE \"B01\" \"B 2\"", "\"B01\" \"B 2\"");
    check_kin("CANCELUPDATE", "expected SP at byte 14");
    check_kin("CANCELUPDATE B01", "expected DQUOTE at byte 15");
}

/// pitfall 116: depth is bounded, so neither the stack nor the work grows without end.
#[test]
fn depth() {
    let nest = |levels: usize| format!("{}ALL{}", "(".repeat(levels), ")".repeat(levels));
    check(&nest(100), &nest(100).replace("ALL", "All"));
    check(&nest(101), "expected fewer levels of search-key at byte 109");
    check(&nest(100_000), "expected fewer levels of search-key at byte 109");
    check(&format!("{}ALL", "NOT ".repeat(100)), &format!("{}All", "!".repeat(100)));
    check(&format!("{}ALL", "NOT ".repeat(101)), "expected fewer levels of search-key at byte 413");
    check(&"OR ".repeat(100_000), "expected fewer levels of search-key at byte 312");
}
