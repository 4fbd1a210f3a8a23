//! Scripts and messages made of choices, mostly right, so that more than the compiler sees them.

use std::fmt::Write as _;

use super::choices::Choices;
use crate::sieve::OFFERED;

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
struct Writer<'c, 'i> {
    random: &'c mut Choices<'i>,
    out: String,
    depth: u32,
    loops: u32,
}

impl Writer<'_, '_> {
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

pub(super) fn script(random: &mut Choices<'_>) -> String {
    let names: Vec<String> =
        OFFERED.iter().map(|capability| format!("{:?}", capability.name())).collect();
    let mut writer =
        Writer { random, out: format!("require [{}];\n", names.join(", ")), depth: 0, loops: 0 };
    for _ in 0..1 + writer.random.below(12) {
        writer.command();
    }
    writer.out
}

pub(super) fn message(random: &mut Choices<'_>) -> Vec<u8> {
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
        bytes[at] = random.byte();
    }
    bytes
}
