//! The commands of a random client.

use super::client::Client;
use crate::support::messages;
use crate::support::random::Random;

/// May EXPUNGE be told while it runs? (RFC 9051 §7.5.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expunges {
    Held,
    Told,
}

/// A command and what its client has to remember.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// What is sent at once, and what after each `+`. The tag goes in front of the first.
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) expunges: Expunges,
    /// The messages it names by sequence number.
    pub(super) seqs: Option<Vec<usize>>,
    /// The client no longer knows these messages' flags: it changed them in silence.
    pub(super) forgets: Forgets,
    pub(super) idle: bool,
    /// SELECT: the picture begins anew.
    pub(super) selects: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forgets {
    Nothing,
    Flags,
}

impl Command {
    pub(super) fn plain(text: &str) -> Self {
        Self {
            pieces: vec![format!("{text}\r\n").into_bytes()],
            expunges: Expunges::Told,
            seqs: None,
            forgets: Forgets::Nothing,
            idle: text == "IDLE",
            selects: text.starts_with("SELECT"),
        }
    }

    pub(super) fn random(random: &mut Random, client: &Client, made: &mut u32) -> Self {
        match random.below(17) {
            0 => Self::plain("NOOP"),
            1 => Self::plain("CHECK"),
            2 => Self::plain("EXPUNGE"),
            3 => Self::append(random, made),
            4 => {
                let mut idle = Self::plain("IDLE");
                idle.pieces.push(b"DONE\r\n".to_vec());
                idle
            }
            5 => Self::plain(random.pick::<&str>(&[
                "STATUS Box (MESSAGES)",
                "LIST \"\" *",
                "SELECT INBOX",
                "STATUS INBOX (MESSAGES UNSEEN)",
                "CAPABILITY",
            ])),
            6 => Self::search(random),
            16 => Self::metadata(random),
            _ if client.messages.is_empty() => Self::plain("NOOP"),
            7 => {
                let set = Self::uids(random, client);
                Self::plain(&format!("UID EXPUNGE {set}"))
            }
            8..=10 => Self::fetch(random, client),
            11..=13 => Self::store(random, client),
            14 => Self::transfer(random, client, "COPY"),
            _ => Self::transfer(random, client, "MOVE"),
        }
    }

    /// A command on messages: by sequence number or, as often, by UID.
    fn on_messages(random: &mut Random, client: &Client, verb: &str, rest: &str) -> Self {
        if random.one_in(2) {
            let set = Self::uids(random, client);
            return Self::plain(&format!("UID {verb} {set} {rest}"));
        }
        let (first, last) =
            (random.below(client.messages.len()), random.below(client.messages.len()));
        let (low, high) = (first.min(last), first.max(last));
        let (set, seqs) = match random.below(4) {
            0 => (format!("{}", first + 1), vec![first]),
            1 => (format!("{}:{}", first + 1, last + 1), (low..=high).collect()),
            2 => (format!("{},{}", first + 1, last + 1), vec![first, last]),
            _ => ("1:*".to_owned(), (0..client.messages.len()).collect()),
        };
        let mut command = Self::plain(&format!("{verb} {set} {rest}"));
        command.seqs = Some(seqs);
        if matches!(verb, "FETCH" | "STORE") {
            command.expunges = Expunges::Held;
        }
        command
    }

    /// A set of UIDs the client may or may not know.
    fn uids(random: &mut Random, client: &Client) -> String {
        let known = client.messages.iter().filter_map(|message| message.uid);
        let known: Vec<u32> = known.collect();
        let any = |random: &mut Random| match known.is_empty() || random.one_in(5) {
            true => 1 + random.below(40) as u32,
            false => *random.pick(&known),
        };
        let (first, last) = (any(random), any(random));
        match random.below(4) {
            0 => format!("{first}"),
            1 => format!("{first}:{last}"),
            2 => format!("{first},{last}"),
            _ => "1:*".to_owned(),
        }
    }

    fn fetch(random: &mut Random, client: &Client) -> Self {
        let items = random.pick::<&str>(&[
            "(FLAGS)",
            "(UID FLAGS)",
            "(UID)",
            "(UID RFC822.SIZE)",
            "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
            "(UID FLAGS BODY.PEEK[])",
            "(BODY[TEXT])",
            "(UID MODSEQ)",
        ]);
        Self::on_messages(random, client, "FETCH", items)
    }

    fn store(random: &mut Random, client: &Client) -> Self {
        let silent = random.one_in(3);
        let how = format!(
            "{}FLAGS{} ({})",
            random.pick::<&str>(&["", "+", "-"]),
            if silent { ".SILENT" } else { "" },
            random.pick::<&str>(&[
                "\\Seen",
                "\\Deleted",
                "\\Flagged \\Deleted",
                "$One",
                "$Two \\Answered",
                ""
            ]),
        );
        let mut command = Self::on_messages(random, client, "STORE", &how);
        if silent {
            command.forgets = Forgets::Flags;
        }
        command
    }

    fn transfer(random: &mut Random, client: &Client, verb: &str) -> Self {
        let target = random.pick::<&str>(&["Box", "Box", "INBOX", "Nowhere"]);
        Self::on_messages(random, client, verb, target)
    }

    fn search(random: &mut Random) -> Self {
        let keys = random.pick::<&str>(&[
            "ALL",
            "SEEN",
            "UNDELETED",
            "SUBJECT message",
            "RETURN (COUNT) ALL",
        ]);
        let uid = random.one_in(2);
        let mut command = Self::plain(&format!("{}SEARCH {keys}", if uid { "UID " } else { "" }));
        if !uid {
            command.expunges = Expunges::Held;
        }
        command
    }

    /// Annotations, told before whatever command comes next.
    fn metadata(random: &mut Random) -> Self {
        let mailbox = random.pick::<&str>(&["INBOX", "\"\"", "Box"]);
        match random.below(4) {
            0 => Self::plain(&format!("GETMETADATA (DEPTH infinity) {mailbox} (/shared /private)")),
            1 => Self::plain("ENABLE METADATA"),
            _ => {
                let value = random.pick::<&str>(&["x", "", "two\r\nlines"]);
                let sign = random.pick::<&str>(&["", "+"]);
                let head =
                    format!("SETMETADATA {mailbox} (/private/a {{{}{sign}}}\r\n", value.len());
                let tail = format!("{value} /private/b NIL)\r\n");
                let mut command = Self::plain("");
                command.pieces = match *sign {
                    "" => vec![head.into_bytes(), tail.into_bytes()],
                    _ => vec![(head + &tail).into_bytes()],
                };
                command
            }
        }
    }

    fn append(random: &mut Random, made: &mut u32) -> Self {
        *made += 1;
        let message = messages::small(*made);
        let to = random.pick::<&str>(&["INBOX", "INBOX", "Box"]);
        let flags = random.pick::<&str>(&["", " (\\Seen)", " ($One)"]);
        let mut command = Self::plain("");
        let plus = random.one_in(2);
        let sign = if plus { "+" } else { "" };
        let head = format!("APPEND {to}{flags} {{{}{sign}}}\r\n", message.len()).into_bytes();
        let tail = [&message[..], b"\r\n"].concat();
        command.pieces = if plus { vec![[head, tail].concat()] } else { vec![head, tail] };
        command
    }
}
