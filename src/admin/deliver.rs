//! `deliver`: message files into accounts, by the path that LMTP uses.

use std::fs::File;
use std::io::{self, Read};

use super::options::{Choice, Options};
use super::{AdminError, Streams, counted, open};
use crate::limits;
use crate::model::Address;
use crate::work::{self, DeliverError};

pub(super) const CHOICES: &[Choice] = &[
    Choice { name: "to", value: "ADDRESS", what: "whom it is for; may be given more than once" },
    Choice { name: "from", value: "ADDRESS", what: "the envelope sender (none: the null sender)" },
];

pub(super) const MORE: &str = "\
FILE is one message, header first; - is standard input. It is stored as it is, with the trace lines
of a delivery in front; only a text file of Unix, without a single CRLF, gets the line ends that
mail travels with. It is on the disk when this says so. The same file given twice arrives twice.
";

/// Files above which progress is shown.
const QUIET_FILES: usize = 10;

pub(super) fn run(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let files = options.words();
    if files.is_empty() {
        return Err(options.wrong("no FILE to deliver; - is standard input"));
    }
    let recipients = recipients(options)?;
    let sender = sender(options)?;
    let (config, store) = open(options)?;
    for recipient in &recipients {
        if !work::is_deliverable(&store, recipient)? {
            return Err(AdminError::NoSuchAddress(recipient.clone())); // before the first file
        }
    }
    let settings = work::Settings::of(&config);
    let bytes_max = config.servers.lmtp.max_message_size.0;
    let (mut failed, shows) = (0, streams.watched && files.len() > QUIET_FILES);
    for (done, file) in files.iter().enumerate() {
        let delivered = message(file, bytes_max, streams.input).and_then(|message| {
            let mut each = recipients.iter();
            each.try_for_each(|to| {
                work::deliver_now(&store, &settings, &sender, to.as_str(), &message)
                    .map_err(Problem::Deliver)
            })
        });
        if let Err(problem) = delivered {
            failed += 1;
            let line = if shows { "\n" } else { "" };
            writeln!(streams.err, "{line}{file}: {problem}")?;
        }
        if shows {
            write!(streams.err, "\r{} of {}", done + 1, files.len())?;
        }
    }
    if shows {
        writeln!(streams.err)?;
    }
    report(files, failed, &recipients, streams)
}

fn report(
    files: &[&str],
    failed: usize,
    recipients: &[Address],
    streams: &mut Streams<'_>,
) -> Result<(), AdminError> {
    let to: Vec<&str> = recipients.iter().map(Address::as_str).collect();
    let to = to.join(", ");
    match (files, files.len() - failed) {
        ([file], 1) => writeln!(streams.out, "Delivered {file} to {to}")?,
        (_, 0) => {}
        (_, count) => {
            writeln!(streams.out, "Delivered {} to {to}", counted(count as u64, "message"))?
        }
    }
    if failed > 0 {
        return Err(AdminError::Undelivered { failed, of: files.len() });
    }
    Ok(())
}

fn recipients(options: &Options<'_>) -> Result<Vec<Address>, AdminError> {
    options.required("to")?;
    let wrong = |text: &str| {
        options.wrong(&format!("--to {text:?}: expected an address such as user@example.com"))
    };
    options.values("to").map(|text| Address::new(text).ok_or_else(|| wrong(text))).collect()
}

/// It goes into the Return-Path line: nothing that could end it, or start another.
fn sender(options: &Options<'_>) -> Result<String, AdminError> {
    let text = options.value("from").unwrap_or("");
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let bad = |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == '>';
    let fits = text.len() <= limits::ADDRESS_BYTES_MAX && !text.contains(bad);
    if !text.is_empty() && (!fits || !text.contains('@')) {
        let what = format!("--from {text:?}: expected an address such as user@example.com");
        return Err(options.wrong(&what));
    }
    Ok(text.to_owned())
}

/// Why one file was not delivered.
enum Problem {
    Read(io::Error),
    TooLarge(u64),
    Deliver(DeliverError),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::TooLarge(bytes_max) => {
                write!(f, "larger than [servers.lmtp] max_message_size, {bytes_max} bytes")
            }
            Self::Deliver(error) => error.fmt(f),
        }
    }
}

fn message(file: &str, bytes_max: u64, input: &mut dyn Read) -> Result<Vec<u8>, Problem> {
    let mut message = Vec::new();
    let read = match file {
        "-" => input.take(bytes_max + 1).read_to_end(&mut message),
        file => {
            File::open(file).and_then(|opened| opened.take(bytes_max + 1).read_to_end(&mut message))
        }
    };
    match read {
        Ok(_) if message.len() as u64 > bytes_max => Err(Problem::TooLarge(bytes_max)),
        Ok(_) => Ok(as_it_travels(message)),
        Err(error) => Err(Problem::Read(error)),
    }
}

/// RFC 5322 §2.3: lines end in CRLF. A file that has none is a message in Unix's own form, as
/// sendmail takes it; one that has some has travelled, and is not ours to mend.
fn as_it_travels(message: Vec<u8>) -> Vec<u8> {
    if memchr::memmem::find(&message, b"\r\n").is_some() || !message.contains(&b'\n') {
        return message;
    }
    let lines: Vec<&[u8]> = message.split(|byte| *byte == b'\n').collect();
    lines.join(&b"\r\n"[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unix_text_gets_other_line_ends() {
        let check = |file: &str, want: &str| {
            assert_eq!(as_it_travels(file.into()), want.as_bytes(), "{file:?}");
        };
        check("A: b\n\nc\n", "A: b\r\n\r\nc\r\n");
        check("A: b\n\nno end", "A: b\r\n\r\nno end");
        check("A: b\r\n\r\nbare\nlf", "A: b\r\n\r\nbare\nlf");
        check("one line", "one line");
        check("\r", "\r");
        check("", "");
    }
}
