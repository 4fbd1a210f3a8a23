//! A Maildir++ as Dovecot keeps it: folders, UIDs, flags, keywords and subscriptions. Nothing is written.
//!
//! Each folder is a directory whose name begins with a dot, with dots between levels; INBOX is the
//! Maildir itself. `dovecot-uidlist` has the UIDs, `dovecot-keywords` the names of the keywords, and the
//! names of the files the rest. A daemon may be at work meanwhile: files change their names when flags
//! change, and go.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use parser::imap::utf7;

use crate::job::FlagSet;
use crate::limits;
use crate::model::{Flags, Keyword, Timestamp};

/// A directory that holds messages.
#[derive(Debug)]
pub(super) struct Folder {
    /// With `/` between levels.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// `None` if Dovecot was never here.
    pub(super) uid_validity: Option<u32>,
    /// The first UID that was not given out; 1 if Dovecot was never here.
    pub(super) uid_next: u32,
    /// Ascending by UID; then those that Dovecot has not seen, by name.
    pub(super) files: Vec<MessageFile>,
    keywords: Vec<Option<Keyword>>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MessageFile {
    pub(super) uid: Option<u32>,
    /// Its name without flags: it never changes, and no other message of the folder ever has it.
    pub(super) base: Vec<u8>,
    path: PathBuf,
}

/// A message's bytes and what its file says of it.
#[derive(Debug)]
pub(super) struct Read {
    /// As they travel, and as Dovecot shows them: every line ends in CRLF.
    pub(super) bytes: Vec<u8>,
    pub(super) flags: FlagSet,
    /// Dovecot keeps INTERNALDATE as the file's time.
    pub(super) date: Timestamp,
}

/// INBOX and every folder, parents first.
pub(super) fn folders(root: &Path) -> io::Result<Vec<Folder>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_folder = entry.path().join("cur").is_dir();
        if let (Some(name), true) = (name.as_bytes().strip_prefix(b"."), is_folder) {
            let levels: Vec<String> = name.split(|byte| *byte == b'.').map(decoded).collect();
            folders.push(Folder { name: levels.join("/"), path: entry.path() });
        }
    }
    folders.sort_by(|one, other| one.name.cmp(&other.name));
    folders.insert(0, Folder { name: "INBOX".into(), path: root.to_owned() });
    Ok(folders)
}

/// One level of a name: in modified UTF-7, or with `mailbox_list_utf8` in UTF-8.
fn decoded(level: &[u8]) -> String {
    let plain = || String::from_utf8_lossy(level).into_owned();
    utf7::decode(level).map_or_else(|_| plain(), |name| name.into_owned())
}

/// Names of `subscriptions`, with `/` between levels; none if the file is not there.
pub(super) fn subscriptions(root: &Path) -> io::Result<Vec<String>> {
    let text = if_there(fs::read(root.join("subscriptions")))?;
    // Its second version begins with a line of its own, and has tabs between levels.
    let (separator, text) = match text.strip_prefix(b"V\t2\n") {
        Some(rest) => (b'\t', rest),
        None => (b'.', text.as_slice()),
    };
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let name = |line: &[u8]| {
        let levels: Vec<String> = line.split(|byte| *byte == separator).map(decoded).collect();
        levels.join("/")
    };
    Ok(lines.map(name).collect())
}

fn if_there(read: io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

fn damaged(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Folder {
    /// What is in it now.
    pub(super) fn read(&self) -> io::Result<Contents> {
        let list = UidList::parse(&if_there(fs::read(self.path.join("dovecot-uidlist")))?)?;
        let keywords = keywords(&if_there(fs::read(self.path.join("dovecot-keywords")))?);
        // After the list: what it names is there, or was deleted meanwhile.
        let mut there = self.files()?;
        let numbered = list.uids.into_iter();
        let mut files: Vec<MessageFile> = numbered
            .filter_map(|(uid, base)| {
                let path = there.remove(&base)?;
                Some(MessageFile { uid: Some(uid), base, path })
            })
            .collect();
        let mut unseen: Vec<MessageFile> =
            there.into_iter().map(|(base, path)| MessageFile { uid: None, base, path }).collect();
        unseen.sort_by(|one, other| one.base.cmp(&other.base));
        files.append(&mut unseen);
        Ok(Contents { uid_validity: list.uid_validity, uid_next: list.uid_next, files, keywords })
    }

    /// Paths by names without flags. What is in both directories was moved in between.
    fn files(&self) -> io::Result<HashMap<Vec<u8>, PathBuf>> {
        let mut files = HashMap::new();
        for within in ["new", "cur"] {
            let dir = self.path.join(within);
            let entries = match fs::read_dir(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let name = entry?.file_name();
                if !name.as_bytes().starts_with(b".") {
                    files.insert(base(name.as_bytes()).to_vec(), dir.join(name));
                }
            }
        }
        Ok(files)
    }

    /// A message; `None` if it is gone.
    pub(super) fn message(
        &self,
        file: &MessageFile,
        contents: &Contents,
    ) -> io::Result<Option<Read>> {
        let read = match read(&file.path, contents) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Its flags have changed, perhaps, and so its name.
                let Some(path) = self.files()?.remove(&file.base) else { return Ok(None) };
                read(&path, contents)
            }
            other => other,
        };
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }
}

fn base(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b':').next().unwrap_or(name)
}

fn read(path: &Path, contents: &Contents) -> io::Result<Read> {
    let bytes = fs::read(path)?;
    if let Some(form) = packed(&bytes) {
        let what = format!("it is {form} by a plugin of Dovecot: have dsync write a plain Maildir");
        return Err(damaged(what));
    }
    if bytes.len() as u64 > u64::from(u32::MAX) {
        return Err(damaged("it is larger than IMAP can tell".into()));
    }
    let modified = fs::metadata(path)?.modified()?;
    let date = match modified.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    let name = path.file_name().unwrap_or_default().as_bytes();
    let flags = contents.flags(name);
    Ok(Read { bytes: as_it_travels(bytes), flags, date: Timestamp::from_seconds(date) })
}

/// What the first bytes tell of plugins; no message begins so.
fn packed(bytes: &[u8]) -> Option<&'static str> {
    const FORMS: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "compressed"),
        (b"BZh", "compressed"),
        (b"\xfd7zXZ\0", "compressed"),
        (b"\x28\xb5\x2f\xfd", "compressed"),
        (b"Dovecot-LZ4\r\n", "compressed"),
        (b"CRYPTED\x03\x07", "encrypted"),
    ];
    FORMS.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, form)| *form)
}

/// With a CR before each LF that has none: what Dovecot gives out, and counts as `W=`.
fn as_it_travels(bytes: Vec<u8>) -> Vec<u8> {
    let bare = memchr::memchr_iter(b'\n', &bytes).filter(|at| !follows_cr(&bytes, *at));
    let bare: Vec<usize> = bare.collect();
    if bare.is_empty() {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len() + bare.len());
    let mut from = 0;
    for at in bare {
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        out.push(b'\r');
        from = at;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out
}

fn follows_cr(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\r')
}

impl Contents {
    /// What stands behind `:2,` in a file's name; flags that nobody knows are left out.
    fn flags(&self, name: &[u8]) -> FlagSet {
        let mut set = FlagSet::default();
        let at = memchr::memmem::find(name, b":2,").map_or(name.len(), |at| at + 3);
        for letter in name.get(at..).unwrap_or_default() {
            let flag = match letter {
                b',' => break, // others may add what they like
                b'S' => Flags::SEEN,
                b'R' => Flags::ANSWERED,
                b'F' => Flags::FLAGGED,
                b'T' => Flags::DELETED,
                b'D' => Flags::DRAFT,
                letter @ b'a'..=b'z' => {
                    let keyword = self.keywords.get(usize::from(letter - b'a')).cloned().flatten();
                    set.keywords.extend(keyword);
                    Flags::NONE
                }
                _ => Flags::NONE,
            };
            set.flags = set.flags.union(flag);
        }
        set
    }
}

/// `dovecot-keywords`: a number and a name on each line. Names that Sora does not take are left out.
fn keywords(text: &[u8]) -> Vec<Option<Keyword>> {
    let mut keywords = Vec::new();
    for line in String::from_utf8_lossy(text).lines() {
        let Some((number, name)) = line.split_once(' ') else { continue };
        let Some(number) = number.parse().ok().filter(|number: &usize| *number < LETTERS) else {
            continue;
        };
        keywords.resize(keywords.len().max(number + 1), None);
        if let Some(slot) = keywords.get_mut(number) {
            *slot = Keyword::new(name);
        }
    }
    keywords
}

/// Keywords that a file's name can tell.
const LETTERS: usize = 26;
const _: () = assert!(LETTERS <= limits::KEYWORDS_PER_MAILBOX_MAX);

/// `dovecot-uidlist`, version 3: `3 V1275660208 N25022 G…`, then `UID extensions… :name` a line.
#[derive(Debug, PartialEq, Eq)]
struct UidList {
    uid_validity: Option<u32>,
    uid_next: u32,
    uids: Vec<(u32, Vec<u8>)>,
}

impl UidList {
    fn parse(text: &[u8]) -> io::Result<Self> {
        let mut list = Self { uid_validity: None, uid_next: 1, uids: Vec::new() };
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').enumerate();
        let Some((_, header)) = lines.next() else { return Ok(list) };
        list.header(header)?;
        for (number, line) in lines {
            let Some(line) = line.strip_suffix(b"\n") else { break }; // it is just being written
            let entry = entry(line).filter(|(uid, _)| {
                list.uids.last().is_none_or(|(last, _)| last < uid) && *uid < u32::MAX
            });
            let Some((uid, name)) = entry else {
                let what = format!("dovecot-uidlist: line {} is not understood", number + 1);
                return Err(damaged(what));
            };
            list.uid_next = list.uid_next.max(uid + 1);
            list.uids.push((uid, base(name).to_vec()));
        }
        Ok(list)
    }

    fn header(&mut self, line: &[u8]) -> io::Result<()> {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("3") {
            return Err(damaged("dovecot-uidlist: only version 3 is understood".into()));
        }
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
        for word in words {
            match word.split_at_checked(1) {
                Some(("V", text)) => self.uid_validity = number(text),
                Some(("N", text)) => self.uid_next = number(text).unwrap_or(1),
                _ => {}
            }
        }
        match self.uid_validity {
            Some(_) => Ok(()),
            None => Err(damaged("dovecot-uidlist: its first line has no UIDVALIDITY".into())),
        }
    }
}

fn entry(line: &[u8]) -> Option<(u32, &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (before, name) = line.split_at_checked(colon)?;
    let uid = before.split(|byte| *byte == b' ').next()?;
    let uid = std::str::from_utf8(uid).ok()?.parse().ok().filter(|uid| *uid > 0)?;
    Some((uid, name.get(1..).filter(|name| !name.is_empty())?))
}

/// For people.
pub(super) fn shown(base: &[u8]) -> String {
    OsString::from_vec(base.to_vec()).to_string_lossy().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_uids() {
        type Want<'a> = Result<(Option<u32>, u32, &'a [(u32, &'a str)]), &'a str>;
        #[track_caller]
        fn check(text: &str, want: Want<'_>) {
            let got = UidList::parse(text.as_bytes()).map_err(|error| error.to_string());
            let want = want.map_err(str::to_owned).map(|(uid_validity, uid_next, uids)| {
                let uids = uids.iter().map(|(uid, name)| (*uid, name.as_bytes().to_vec()));
                UidList { uid_validity, uid_next, uids: uids.collect() }
            });
            assert_eq!(got, want, "{text:?}");
        }
        check("", Ok((None, 1, &[])));
        check("3 V7 N5 Gabc\n", Ok((Some(7), 5, &[])));
        check(
            "3 V7 N5\n1 :a,S=3,W=4\n4 W9 S8 :b:2,S\n",
            Ok((Some(7), 5, &[(1, "a,S=3,W=4"), (4, "b")])),
        );
        check("3 V7 N2\n1 :a\n2 :b", Ok((Some(7), 2, &[(1, "a")]))); // cut short
        check("3 V7 N2\n8 :a\n", Ok((Some(7), 9, &[(8, "a")])));
        check("3 V7 N5\n2 :a\n2 :b\n", Err("dovecot-uidlist: line 3 is not understood"));
        check("3 V7 N5\nx\n", Err("dovecot-uidlist: line 2 is not understood"));
        check("3 V7 N5\n0 :a\n", Err("dovecot-uidlist: line 2 is not understood"));
        check("3 V7 N5\n4294967295 :a\n", Err("dovecot-uidlist: line 2 is not understood"));
        check("3 V0 N5\n", Err("dovecot-uidlist: its first line has no UIDVALIDITY"));
        check("1 7 5\n1 a\n", Err("dovecot-uidlist: only version 3 is understood"));
    }

    #[test]
    fn flags_of_names() {
        let contents = Contents {
            keywords: keywords(b"0 Junk\n2 $Forwarded\n1 no(\n99 x\n"),
            ..Contents::default()
        };
        let check = |name: &str, want: &str| {
            let FlagSet { flags, keywords } = contents.flags(name.as_bytes());
            let words: Vec<&str> = keywords.iter().map(Keyword::as_str).collect();
            assert_eq!(format!("{flags:?} {}", words.join(" ")).trim(), want, "{name}");
        };
        check("1.a,S=1", "{}");
        check("1.a,S=1:2,", "{}");
        check("1.a:2,FRS", r#"{"\\Answered", "\\Flagged", "\\Seen"}"#);
        check("1.a:2,DTac", r#"{"\\Deleted", "\\Draft"} Junk $Forwarded"#);
        check("1.a:2,Sbz,S=7F", r#"{"\\Seen"}"#);
        check("1.a:1,S", "{}");
    }

    #[test]
    fn names_of_folders() {
        let check = |level: &[u8], want: &str| assert_eq!(decoded(level), want);
        check(b"Sent", "Sent");
        check(b"W&APY-rk", "Wörk");
        check("Wörk".as_bytes(), "Wörk");
        check(b"R&-D", "R&D");
        check(b"R&D", "R&D"); // in UTF-8 nothing is encoded
    }

    #[test]
    fn line_ends() {
        let check = |from: &str, want: &str| {
            assert_eq!(as_it_travels(from.into()), want.as_bytes(), "{from:?}");
        };
        check("a: b\n\nc\n", "a: b\r\n\r\nc\r\n");
        check("a: b\r\n\r\nc\n", "a: b\r\n\r\nc\r\n"); // each line by itself, as Dovecot does
        check("\n", "\r\n");
        check("a\r\n", "a\r\n");
        check("no end\r", "no end\r");
        check("", "");
    }
}
