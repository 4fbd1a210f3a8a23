//! Scripts and messages from a seed, against answers from the same seed: nothing panics, nothing
//! goes beyond its bounds, and the same seed gives the same outcome.
//!
//!     SIEVE_SEED=7 cargo test --lib sieve::tests::generated -- --nocapture
//!     SIEVE_SEEDS=100000 cargo test --lib sieve::tests::generated

use std::fmt::Write as _;
use std::sync::Arc;

use parser::message::MessageMap;

use super::*;

/// SplitMix64.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const FIELDS: &[&str] = &[
    "Subject",
    "from",
    "TO",
    "Cc",
    "Received",
    "Content-Type",
    "List-Id",
    "X-A",
    "Message-ID",
    "Date",
    "x-none",
    "",
    "a b",
    "Auto-Submitted",
    "Content-Disposition",
    "References",
];
const WORDS: &[&str] = &[
    "",
    "a",
    "*",
    "?*",
    "*a*b*",
    "${1}",
    "${0}",
    "${v}",
    "${global.g}",
    "${env.host}",
    "x@y.example",
    "Tim <t@e.example>",
    "10",
    "007",
    "Ä",
    "text",
    "multipart/mixed",
    "INBOX",
    "Lists/${v}",
    "\\\\Seen",
    "a b \\\\Flagged",
    "+0100",
    "mailto:a@b.example?subject=${v}",
    "(a|b)*c",
    "[[:alpha:]]+",
    "(",
    "2007-02-26T09:00:00Z",
    ":addrbook:default",
    "tag:x,2000:y",
    "\\\\*\\\\?",
    "${hex:ff}",
    "year",
    "std11",
    "from",
    "to",
    "imap.cause",
    "NEVER",
    "FULL",
    "\\\\Sent",
    "F123",
    "maybe",
    "one",
    "two",
    "Content-Type: text/html\\r\\n\\r\\nx",
    "${v}${v}${v}${v}",
];
const MATCHES: &[&str] = &[
    "",
    ":is",
    ":contains",
    ":matches",
    ":regex",
    ":list",
    ":count \"ge\"",
    ":value \"lt\"",
    ":matches :comparator \"i;unicode-casemap\"",
    ":contains :comparator \"i;octet\"",
    ":is :comparator \"i;ascii-numeric\"",
    ":regex :comparator \"i;unicode-casemap\"",
    ":count \"eq\" :comparator \"i;ascii-numeric\"",
    ":value \"gt\" :comparator \"i;unicode-casemap\"",
];

/// A script, mostly right.
struct Writer {
    random: Random,
    out: String,
    depth: u32,
    loops: u32,
}

impl Writer {
    fn word(&mut self) -> String {
        format!("\"{}\"", self.random.pick(WORDS))
    }

    fn words(&mut self) -> String {
        let many: Vec<String> = (0..1 + self.random.below(3)).map(|_| self.word()).collect();
        if many.len() == 1 { many[0].clone() } else { format!("[{}]", many.join(", ")) }
    }

    fn fields(&mut self) -> String {
        let many: Vec<String> = (0..1 + self.random.below(3))
            .map(|_| format!("\"{}\"", self.random.pick(FIELDS)))
            .collect();
        format!("[{}]", many.join(", "))
    }

    fn field(&mut self) -> String {
        format!("\"{}\"", self.random.pick(FIELDS))
    }

    fn test(&mut self) -> String {
        let matching = self.random.pick(MATCHES);
        let mime = self.random.pick(&[
            "",
            ":mime",
            ":mime :anychild",
            ":mime :type",
            ":mime :anychild :contenttype",
            ":mime :param [\"charset\", \"filename\"]",
        ]);
        let index = self.random.pick(&["", ":index 1", ":index 2 :last", ":index 9"]);
        let part = self.random.pick(&["", ":all", ":localpart", ":domain", ":user", ":detail"]);
        let zone = self.random.pick(&["", ":zone \"-0330\"", ":originalzone", ":zone \"${v}\""]);
        let date =
            self.random.pick(&["year", "julian", "iso8601", "std11", "weekday", "zone", "${v}"]);
        let (words, fields, field, word) = (self.words(), self.fields(), self.field(), self.word());
        self.depth += 1;
        let deep = self.depth > 4;
        let test = match self.random.below(if deep { 22 } else { 25 }) {
            0 => format!("header {matching} {mime} {index} {fields} {words}"),
            1 => format!("address {matching} {part} {index} {fields} {words}"),
            2 => format!("exists {fields}"),
            3 => format!("size :over {}", self.random.below(5_000)),
            4 => format!("envelope {matching} {part} [\"from\", \"to\"] {words}"),
            5 => format!(
                "body {matching} {} {words}",
                self.random.pick(&[
                    "",
                    ":raw",
                    ":content \"text\"",
                    ":content \"\"",
                    ":content [\"multipart\", \"message\"]"
                ])
            ),
            6 => format!("string {matching} {words} {words}"),
            7 => format!("hasflag {matching} {words}"),
            8 => format!("date {matching} {index} {zone} {field} \"{date}\" {words}"),
            9 => format!(
                "currentdate {matching} {} \"{date}\" {words}",
                zone.replace(":originalzone", "")
            ),
            10 => format!("mailboxexists {words}"),
            11 => format!("mailboxidexists {words}"),
            12 => "specialuse_exists \"\\\\Sent\"".into(),
            13 => format!("metadata {matching} \"INBOX\" \"/private/x\" {words}"),
            14 => format!("servermetadataexists {words}"),
            15 => format!(
                "duplicate {}",
                self.random.pick(&[
                    "",
                    ":handle \"h\"",
                    ":header \"x-a\"",
                    ":uniqueid \"${v}\" :seconds 9 :last"
                ])
            ),
            16 => format!("environment {matching} {word} {words}"),
            17 => format!("valid_notify_method {words}"),
            18 => "spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"3\"".into(),
            19 => format!("valid_ext_list {words}"),
            20 => "true".into(),
            21 => format!("notify_method_capability {matching} {word} \"online\" {words}"),
            22 => format!("not {}", self.test()),
            23 => format!("anyof ({}, {})", self.test(), self.test()),
            _ => format!("allof ({}, {})", self.test(), self.test()),
        };
        self.depth -= 1;
        test
    }

    fn command(&mut self) {
        let (word, words, field, fields) = (self.word(), self.words(), self.field(), self.fields());
        let copy = self.random.pick(&["", ":copy", ":copy"]);
        let filing = self.random.pick(&[
            "",
            ":create",
            ":flags \"a\"",
            ":specialuse \"\\\\Sent\"",
            ":mailboxid \"F123\"",
        ]);
        let modifiers = self.random.pick(&[
            "",
            ":lower",
            ":upperfirst",
            ":quotewildcard",
            ":length",
            ":encodeurl",
            ":quoteregex",
        ]);
        let (deep, number) = (self.depth > 5, self.random.below(9));
        match self.random.below(if deep { 20 } else { 26 }) {
            0 => self.put(&format!("fileinto {copy} {filing} {word};")),
            1 => self.put(&format!("redirect {copy} {word};")),
            2 => self.put("keep :flags [\"x\", \"${v}\"];"),
            3 => self.put("discard;"),
            4 | 5 => self.put(&format!("set {modifiers} \"v\" {word};")),
            6 => self.put(&format!("set \"global.g\" {word};")),
            7 => self.put(&format!("addflag {words};")),
            8 => self.put(&format!("removeflag \"v\" {words};")),
            9 => self.put(&format!("addheader {} {field} {word};", copy.replace(":copy", ":last"))),
            10 => self.put(&format!("deleteheader {field};")),
            11 => self.put(&format!("deleteheader :index 1 :matches {field} {words};")),
            12 => self.put(&format!("vacation :addresses \"x@y.example\" :subject {word} {word};")),
            13 => self.put(&format!("notify :message {word} \"mailto:a@b.example?x={number}\";")),
            14 if self.random.one_in(3) => self.put(&format!("reject {word};")),
            15 => self.put(&format!("include :optional \"{number}\";")),
            16 => self.put(&format!("replace {word};")),
            17 if self.random.one_in(3) => self.put(&format!("enclose :headers {fields} {word};")),
            18 if self.loops > 0 => self.put(&format!("extracttext {modifiers} :first 9 \"v\";")),
            19 if self.loops > 0 && self.random.one_in(3) => self.put("break;"),
            20 | 21 if self.loops < 3 => {
                self.put("foreverypart {");
                self.loops += 1;
                self.block();
                self.loops -= 1;
                self.put("}");
            }
            22..=25 => {
                let test = self.test();
                self.put(&format!("if {test} {{"));
                self.block();
                self.put("} else {");
                self.block();
                self.put("}");
            }
            _ => self.put(&format!("debug_log {word};")),
        }
    }

    fn block(&mut self) {
        self.depth += 1;
        for _ in 0..self.random.below(4) {
            self.command();
        }
        self.depth -= 1;
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }
}

fn script(random: &mut Random) -> String {
    let names: Vec<String> =
        OFFERED.iter().map(|capability| format!("{:?}", capability.name())).collect();
    let mut writer = Writer {
        random: random.clone(),
        out: format!("require [{}];\n", names.join(", ")),
        depth: 0,
        loops: 0,
    };
    for _ in 0..1 + writer.random.below(12) {
        writer.command();
    }
    *random = writer.random;
    writer.out
}

fn message(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    let fields = random.below(9);
    for _ in 0..fields {
        let field = random.pick(FIELDS);
        let value = random.pick(&[
            "x",
            "Tim <t@e.example>, g: a@b;",
            "=?utf-8?q?=C3=A4?= b",
            "Mon, 26 Feb 2007 09:00:00 -0500",
            "text/plain; charset=utf-8",
            "multipart/mixed; boundary=b",
            "<a@b> <c@d>",
            "",
            "folded\r\n value",
            "a*b?c\\",
            "attachment; filename*0=a; filename*1=b",
            "message/rfc822",
        ]);
        let _written = write!(text, "{field}: {value}\r\n");
    }
    if !random.one_in(8) {
        text += "\r\n";
        for _ in 0..random.below(7) {
            text += random.pick(&[
                "--b\r\n",
                "\r\n",
                "Content-Type: text/html\r\n\r\n<b>x</b>\r\n",
                "--b--\r\n",
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
                "some text\r\n",
                "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\n",
                "=C3=A4 aGVsbG8=\r\n",
            ]);
        }
    }
    let mut bytes = text.into_bytes();
    while random.one_in(3) && !bytes.is_empty() {
        let at = random.below(bytes.len());
        bytes[at] = u8::try_from(random.below(256)).unwrap();
    }
    bytes
}

fn limits(random: &mut Random) -> Limits {
    if random.one_in(2) {
        return Limits::default();
    }
    Limits {
        actions_max: random.below(4),
        redirects_max: random.below(3),
        includes_max: random.below(3),
        include_depth_max: 1 + random.below(3),
        globals_max: random.below(3),
        string_bytes_max: random.below(60),
        variables_bytes_max: random.below(100),
        instructions_max: random.next() % 200,
        match_steps_max: random.next() % 3_000,
        edits_max: random.below(5),
        added_bytes_max: random.below(2_000),
        copied_bytes_max: random.below(2_000),
        questions_max: random.below(30),
        trace_lines_max: random.below(9),
    }
}

fn answer(random: &mut Random, question: &Question, scripts: &[Arc<Script>]) -> Answer {
    if random.one_in(40) {
        return Answer::Impossible("it is broken".into());
    }
    if random.one_in(100) {
        return Answer::Bool(true); // to any question
    }
    match question {
        Question::Script { .. } if random.one_in(4) => Answer::Script(Ok(None)),
        Question::Script { .. } if random.one_in(9) => Answer::Script(Err("wrong".into())),
        Question::Script { .. } => {
            Answer::Script(Ok(scripts.get(random.below(scripts.len())).cloned()))
        }
        Question::MailboxById { .. }
        | Question::SpecialUseMailbox { .. }
        | Question::Metadata { .. }
        | Question::InLists { .. } => {
            Answer::Text((!random.one_in(2)).then(|| random.pick(&["x", "INBOX", "Ä"]).into()))
        }
        _ => Answer::Bool(random.one_in(2)),
    }
}

fn play(seed: u64, shows: bool) {
    let mut random = Random(seed);
    let mut scripts = Vec::new();
    for _ in 0..1 + random.below(3) {
        let mut text = script(&mut random);
        if random.one_in(10) {
            // What is broken is refused, or does something else.
            let mut at = random.below(text.len());
            while !text.is_char_boundary(at) || !text.is_char_boundary(at + 1) {
                at -= 1;
            }
            text.replace_range(at..at + 1, random.pick(&["\"", ";", "{", "}", "x", ":"]));
        }
        if shows {
            println!("{text}\n");
        }
        match compile(text.as_bytes(), OFFERED) {
            Ok(script) => scripts.push(Arc::new(script)),
            Err(mistakes) => assert!(!mistakes.is_empty()),
        }
    }
    let Some(first) = scripts.first() else { return };
    let bytes = message(&mut random);
    let map = MessageMap::parse(&bytes);
    let envelope = Envelope {
        from: random.pick(&["", "t@e.example", "@r:a+b@c", "x"]).into(),
        to: random.pick(&["x@y.example", "a+b@y.example", ""]).into(),
        ..Envelope::default()
    };
    let limits = limits(&mut random);
    let spam = random.one_in(2).then_some(Verdict { score: 40, text: "" });
    let facts = Facts { addresses: &["x@y.example"], limits, spam, ..Facts::default() };
    let mail = Mail { bytes: &bytes, map: &map, envelope: &envelope };
    let mut outcomes = Vec::new();
    for traced in [false, true] {
        let facts = Facts { traced, ..facts.clone() };
        let mut random = random.clone();
        let mut step = run(Arc::clone(first), mail, &facts);
        let mut questions = 0;
        let outcome = loop {
            step = match step {
                Step::Done(outcome) => break outcome,
                Step::Ask(asking) => {
                    questions += 1;
                    assert!(questions < 200_000, "it asks without end");
                    let answer = answer(&mut random, asking.question(), &scripts);
                    asking.answer(answer)
                }
            };
        };
        well_formed(&outcome, &limits, &bytes);
        outcomes.push(outcome);
    }
    if shows {
        println!("{:?}\n{:#?}", String::from_utf8_lossy(&bytes), outcomes[1]);
    }
    // Being watched changes nothing.
    let [quiet, traced] = &outcomes[..] else { unreachable!() };
    assert_eq!((&quiet.actions, &quiet.error), (&traced.actions, &traced.error));
    assert_eq!(quiet.duplicates, traced.duplicates);
}

fn well_formed(outcome: &Outcome, limits: &Limits, received: &[u8]) {
    assert!(outcome.trace.len() <= limits.trace_lines_max);
    assert!(outcome.trace.iter().all(|line| !line.text.contains(char::is_control)));
    if outcome.error.is_some() {
        assert!(matches!(
            &*outcome.actions,
            [Done {
                action: Action::Keep { implicit: true, version: Version::AsReceived, .. },
                ..
            }]
        ));
        assert!(outcome.duplicates.is_empty());
        return;
    }
    // The implicit keep has its room always.
    assert!(outcome.actions.len() <= limits.actions_max + 1, "{outcome:?}");
    let (mut redirects, mut mailboxes) = (0, Vec::new());
    for done in &outcome.actions {
        let version = match &done.action {
            Action::Keep { version, flags, .. } => {
                mailboxes.push("INBOX".to_owned());
                flags.iter().for_each(|flag| right_flag(flag));
                Some(version)
            }
            Action::FileInto { filing, version } => {
                let name = &filing.mailbox;
                assert!(!name.is_empty() && !name.contains(char::is_control));
                mailboxes.push(name.clone());
                filing.flags.iter().for_each(|flag| right_flag(flag));
                Some(version)
            }
            Action::Redirect(redirect) => {
                redirects += 1;
                if let RedirectTo::Address(address) = &redirect.to {
                    right_address(address);
                }
                Some(&redirect.version)
            }
            Action::Vacation(answer) => {
                assert!(!answer.to.is_empty() && !answer.handle.is_empty());
                assert!(answer.references.as_ref().is_none_or(|r| !r.contains(['\r', '\n'])));
                None
            }
            Action::Notify(notify) => {
                notify.recipients.iter().for_each(|address| right_address(address));
                None
            }
            Action::Reject { .. } => None,
        };
        let Some(bytes) = version.map(|version| version.bytes(received)) else { continue };
        assert!(bytes.len() <= received.len() + limits.added_bytes_max + 256 * 1024);
    }
    assert!(redirects <= limits.redirects_max);
    mailboxes.sort();
    assert!(mailboxes.windows(2).all(|pair| pair[0] != pair[1]), "{mailboxes:?}");
}

fn right_flag(flag: &str) {
    assert!(!flag.is_empty() && !flag.contains([' ', '(', ')', '\r', '\n', '"']), "{flag:?}");
}

fn right_address(address: &str) {
    assert!(
        address.contains('@') && !address.contains(['\r', '\n', '<', '>', '\0']),
        "{address:?}"
    );
}

#[test]
fn generated() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = number("SIEVE_SEED") {
        return play(seed, true);
    }
    for seed in 0..number("SIEVE_SEEDS").unwrap_or(1_000) {
        let played = std::panic::catch_unwind(|| play(seed, false));
        assert!(played.is_ok(), "SIEVE_SEED={seed}");
    }
}
