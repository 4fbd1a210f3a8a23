//! Reads a transcript file into steps.

use std::path::Path;

use sora::session::Service;

/// A file, read.
pub(super) struct Script {
    /// For messages: path from the package's root.
    pub(super) file: String,
    /// Where alone it can be played, if not in both worlds.
    pub(super) only: Option<Only>,
    /// In order.
    pub(super) steps: Vec<Step>,
}

/// A world a transcript can be played in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    /// The session and the model store.
    Model,
    /// The daemon.
    Server,
}

/// One thing to do.
pub(super) struct Step {
    /// Line in the file, from 1.
    pub(super) line: usize,
    /// What.
    pub(super) what: What,
}

/// What to do.
pub(super) enum What {
    /// Create a mailbox (INBOX is there) and put the small messages 1 to `messages` in it.
    Mailbox { name: String, messages: u32 },
    /// Append one message as written.
    Message { mailbox: String, text: String },
    /// Open connections.
    Open { names: Vec<String>, kind: Kind },
    /// Send a line, with a tag in front if `tagged`; several raw lines in a row are one step each.
    Send { session: String, text: String, tagged: bool },
    /// Expect one response.
    Expect { session: String, pattern: String },
    /// Expect these responses in any order.
    ExpectAnyOrder { session: String, patterns: Vec<(usize, String)> },
    /// `! word word`
    Control(Vec<String>),
}

/// How far a connection is brought before the dialogue starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// IMAP, greeting unread.
    Silent,
    /// IMAP, greeting read.
    New,
    /// IMAP, after LOGIN.
    LoggedIn,
    /// IMAP, after SELECT.
    Selected(String),
    /// IMAP, after EXAMINE.
    Examined(String),
    /// LMTP, greeting unread.
    LmtpSilent,
    /// LMTP, after LHLO.
    Lmtp,
    /// POP3, greeting unread.
    Pop3Silent,
    /// POP3, greeting read.
    Pop3New,
    /// POP3, after PASS.
    Pop3,
    /// ManageSieve, greeting unread.
    SieveSilent,
    /// ManageSieve, greeting read.
    SieveNew,
    /// ManageSieve, after AUTHENTICATE.
    Sieve,
}

impl Kind {
    /// What such a connection speaks.
    pub(super) fn service(&self) -> Service {
        match self {
            Self::Silent | Self::New | Self::LoggedIn | Self::Selected(_) | Self::Examined(_) => {
                Service::Imap
            }
            Self::LmtpSilent | Self::Lmtp => Service::Lmtp,
            Self::Pop3Silent | Self::Pop3New | Self::Pop3 => Service::Pop3,
            Self::SieveSilent | Self::SieveNew | Self::Sieve => Service::ManageSieve,
        }
    }
}

impl Script {
    /// Reads `text`; the error names file and line.
    pub(super) fn parse(file: &Path, text: &str) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = file.strip_prefix(root).unwrap_or(file).display().to_string();
        let mut script = Self { file, only: None, steps: Vec::new() };
        if !text.starts_with("# ") || !text.lines().next().is_some_and(|rule| rule.contains("RFC "))
        {
            return Err(format!("{}:1: the first line names the rule and its RFC", script.file));
        }
        let mut lines = text.lines().zip(1..).peekable();
        while let Some((text, line)) = lines.next() {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let mut more = Vec::new();
            while let Some((next, _)) = lines.next_if(|(next, _)| continues(next)) {
                let after = next.split_once('|').map_or("", |(_, rest)| rest);
                more.push(after.strip_prefix(' ').unwrap_or(after).to_owned());
            }
            script
                .line(text, line, &more)
                .map_err(|why| format!("{}:{line}: {why}: {text}", script.file))?;
        }
        script.count_literals();
        Ok(script)
    }

    fn line(&mut self, text: &str, line: usize, more: &[String]) -> Result<(), String> {
        let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
        let split = head.len() - head.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
        let (session, mark) = head.split_at(split);
        let session = session.to_owned();
        let joined = || [&[rest.to_owned()], more].concat().join("\r\n");
        let what = match mark {
            ">" => What::Send { session, text: joined(), tagged: true },
            ">>" => What::Send { session, text: joined(), tagged: false },
            "<" => What::Expect { session, pattern: joined() },
            "~" => {
                if let Some(Step { what: What::ExpectAnyOrder { session: same, patterns }, .. }) =
                    self.steps.last_mut()
                    && *same == session
                {
                    patterns.push((line, joined()));
                    return Ok(());
                }
                What::ExpectAnyOrder { session, patterns: vec![(line, joined())] }
            }
            "!" if session.is_empty() => {
                What::Control(rest.split_whitespace().map(str::to_owned).collect())
            }
            "" => {
                for clause in text.split("; ") {
                    self.clause(clause, line, more)?;
                }
                return Ok(());
            }
            _ => return Err("neither a set-up nor a dialogue line".to_owned()),
        };
        self.steps.push(Step { line, what });
        Ok(())
    }

    /// One part of a set-up line.
    fn clause(&mut self, text: &str, line: usize, more: &[String]) -> Result<(), String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let names = |upto: usize| words[1..upto].iter().map(|word| (*word).to_owned()).collect();
        let inbox = |at: usize| words.get(at).map_or("INBOX", |word| word).to_owned();
        let place = |word: &str| words.iter().position(|other| *other == word);
        let what = match *words.first().ok_or("empty")? {
            "only" => {
                self.only = match words.get(1) {
                    Some(&"model") => Some(Only::Model),
                    Some(&"server") => Some(Only::Server),
                    _ => return Err("only model, or only server".to_owned()),
                };
                return Ok(());
            }
            "mailbox" => {
                let counted = words.last().is_some_and(|last| last.starts_with("message"));
                let messages = words.get(words.len() - 2).filter(|_| counted);
                let messages = messages.map_or(Ok(0), |count| count.parse());
                let name = words[1..words.len() - if counted { 2 } else { 0 }].join(" ");
                What::Mailbox { name, messages: messages.map_err(|_| "how many messages?")? }
            }
            "message" => {
                let text = more.iter().map(|line| format!("{line}\r\n")).collect();
                What::Message { mailbox: inbox(1), text }
            }
            "lmtp" => match place("silent") {
                Some(at) => What::Open { names: names(at), kind: Kind::LmtpSilent },
                None => What::Open { names: names(words.len()), kind: Kind::Lmtp },
            },
            "pop3" | "sieve" => {
                let kinds = match words.first() {
                    Some(&"pop3") => [Kind::Pop3Silent, Kind::Pop3New, Kind::Pop3],
                    _ => [Kind::SieveSilent, Kind::SieveNew, Kind::Sieve],
                };
                let [silent, new, whole] = kinds;
                let states = [("silent", silent), ("new", new)];
                let said = states.into_iter().find_map(|(word, kind)| Some((place(word)?, kind)));
                let (at, kind) = said.unwrap_or((words.len(), whole));
                What::Open { names: names(at), kind }
            }
            "session" | "sessions" => {
                let states = ["silent", "new", "logged", "selected", "examined"];
                let at =
                    words.iter().position(|word| states.contains(word)).ok_or("which state?")?;
                let kind = match words[at] {
                    "silent" => Kind::Silent,
                    "new" => Kind::New,
                    "logged" => Kind::LoggedIn,
                    "selected" => Kind::Selected(inbox(at + 1)),
                    _ => Kind::Examined(inbox(at + 1)),
                };
                What::Open { names: names(at), kind }
            }
            _ => return Err("not a set-up line".to_owned()),
        };
        self.steps.push(Step { line, what });
        Ok(())
    }

    /// Puts the size of what follows in `>>` lines in place of `{*}`.
    fn count_literals(&mut self) {
        let mut following: Option<(String, usize)> = None;
        for step in self.steps.iter_mut().rev() {
            match &mut step.what {
                What::Send { session, text, tagged } => {
                    let after = following.take().filter(|(other, _)| other == session);
                    let after = after.map_or(0, |(_, bytes)| bytes);
                    if text.contains("{*") || text.contains("{~*") {
                        let size = after.saturating_sub(2); // the command's own CRLF
                        *text = text.replace("{*", &format!("{{{size}"));
                        following = Some((session.clone(), 0));
                    }
                    if !*tagged {
                        let here = super::play::unescape(text, &mut |_| None).len() + 2;
                        following = Some((session.clone(), after + here));
                    }
                }
                What::Expect { pattern, .. } if pattern.starts_with('+') => {}
                _ => following = None,
            }
        }
    }
}

/// `| text`, or `a| text` below `a> …` and `a< …`.
fn continues(line: &str) -> bool {
    let mark = line.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    mark == "|" || mark.starts_with("| ") && !line.starts_with(' ')
}
