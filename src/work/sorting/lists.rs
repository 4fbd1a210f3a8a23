//! External lists (RFC 6134): files that the operator keeps, a member a line. A file that has changed
//! is read again when a script next asks.
//!
//! Who keeps the files decides what is in them; a script asks, and never sees them whole (§3).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::super::lru::Lru;
use crate::limits::{LIST_BYTES_MAX, LISTS_CACHE_BYTES_MAX};
use crate::sieve::{self, Answer, DEFAULT_LIST};
use crate::store::Failure;

/// The lists of a folder.
pub(super) struct Lists {
    folder: Option<PathBuf>,
    read: Mutex<Lru<String, (Stamp, Arc<List>)>>,
}

/// What tells that a file is another than it was.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    changed_at: Option<SystemTime>,
    bytes: u64,
}

/// The members of one, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct List {
    members: Vec<Box<str>>,
    /// By what they are in lower case: §2.5 wants address books asked without regard to case.
    known: HashMap<String, usize>,
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl List {
    fn parse(text: &str) -> Self {
        let mut list = Self::default();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let next = list.members.len();
            if let Entry::Vacant(place) = list.known.entry(line.to_lowercase()) {
                place.insert(next);
                list.members.push(line.into());
            }
        }
        list
    }

    /// Every member once.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(AsRef::as_ref)
    }

    /// The member that `value` is, as the list has it.
    fn find(&self, value: &str) -> Option<&str> {
        let nth = self.known.get(&value.trim().to_lowercase())?;
        self.members.get(*nth).map(AsRef::as_ref)
    }
}

impl Lists {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, read: Mutex::new(Lru::new(LISTS_CACHE_BYTES_MAX)) }
    }

    /// The list of this absolute URI; `None` if there is none. A file that is there and cannot be
    /// read delays the message, as a script would (§3).
    pub(super) fn list(&self, uri: &str) -> Result<Option<Arc<List>>, Failure> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let Some(name) = sieve::list_name(uri) else { return Ok(None) };
        let found = self.file(&folder.join(format!("{name}.txt")), name);
        match found.map_err(|source| Failure::File { doing: "reading a list", source })? {
            Some(list) => Ok(Some(list)),
            // §2.5: there is always a default address book.
            None if uri == DEFAULT_LIST => Ok(Some(Arc::default())),
            None => Ok(None),
        }
    }

    /// [`Question::ListExists`](sieve::Question::ListExists)
    pub(super) fn exists(&self, uri: &str) -> Result<Answer, Failure> {
        Ok(Answer::Bool(self.list(uri)?.is_some()))
    }

    /// [`Question::InLists`](sieve::Question::InLists)
    pub(super) fn member(&self, uris: &[String], values: &[String]) -> Result<Answer, Failure> {
        Ok(match self.find(uris, values)? {
            Ok(found) => Answer::Text(found),
            Err(list) => Answer::Impossible(format!("there is no list {list}")),
        })
    }

    /// The member of any of the lists that any of the values is; an error names the list that cannot
    /// be asked (§2.2).
    fn find(
        &self,
        uris: &[String],
        values: &[String],
    ) -> Result<Result<Option<String>, String>, Failure> {
        for uri in uris {
            let Some(list) = self.list(uri)? else { return Ok(Err(uri.clone())) };
            if let Some(found) = values.iter().find_map(|value| list.find(value)) {
                return Ok(Ok(Some(found.to_owned())));
            }
        }
        Ok(Ok(None))
    }

    fn file(&self, path: &Path, name: String) -> io::Result<Option<Arc<List>>> {
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        let stamp = Stamp { changed_at: about.modified().ok(), bytes: about.len() };
        let kept = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            kept().touch(&name).filter(|(of, _)| *of == stamp).map(|(_, list)| list.clone());
        if known.is_some() {
            return Ok(known);
        }
        let mut text = Vec::new();
        file.take(LIST_BYTES_MAX + 1).read_to_end(&mut text)?;
        if text.len() as u64 > LIST_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a list is too large"));
        }
        let list = Arc::new(List::parse(&String::from_utf8_lossy(&text)));
        // Each member is there twice, with what a map costs.
        let weight = text.len() * 2 + list.members.len() * 96 + 1_024;
        kept().put(name, (stamp, Arc::clone(&list)), weight);
        Ok(Some(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 6134 §2.2, §2.5
    fn lists_are_files_and_read_again_when_they_change() {
        let folder = std::env::temp_dir().join(format!("sora-lists-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |text: &str| std::fs::write(folder.join("friends.txt"), text).unwrap();
        let lists = Lists::new(Some(folder.clone()));
        let found = |uri: &str, value: &str| {
            let found = lists.find(&[uri.to_owned()], &["?".into(), value.to_owned()]);
            found.unwrap().map_or("no list".to_owned(), |found| found.unwrap_or("-".into()))
        };
        write("# mine\r\nAnn@Example.com\n\n  bob@x  \nann@example.com\nÄ@x");
        for uri in [
            "tag:example.com,2026:friends",
            "urn:ietf:params:sieve:friends",
            "urn:ietf:params:sieve:addrbook:friends",
            "urn:ietf:params:sieve:addrbook:fri%65nds",
        ] {
            assert_eq!(found(uri, "ann@EXAMPLE.com"), "Ann@Example.com", "{uri}");
            assert_eq!(found(uri, " bob@x"), "bob@x");
            assert_eq!(found(uri, "ä@X"), "Ä@x");
            assert_eq!(found(uri, "# mine"), "-");
            assert_eq!(found(uri, ""), "-");
        }
        for uri in [
            "tag:example.com,2026:Friends",
            "tag:friends",
            "tag:example.com,2026:../x/friends",
            "http://example.com/friends",
            "urn:ietf:params:sieve:addrbook:friends?name=x",
        ] {
            assert_eq!(found(uri, "bob@x"), "no list", "{uri}");
        }
        let members = lists.list("tag:x,2026:friends").unwrap().unwrap();
        assert_eq!(members.members().collect::<Vec<_>>(), ["Ann@Example.com", "bob@x", "Ä@x"]);
        assert_eq!(found(DEFAULT_LIST, "bob@x"), "-", "it is always there");
        write("eve@example.com");
        assert_eq!(found("urn:ietf:params:sieve:friends", "bob@x"), "-");
        assert_eq!(found("urn:ietf:params:sieve:friends", "eve@example.com"), "eve@example.com");
        std::fs::create_dir_all(folder.join("odd.txt")).unwrap();
        assert!(lists.list("tag:x,2026:odd").is_err(), "it is there and cannot be read");
        assert!(Lists::new(None).list(DEFAULT_LIST).unwrap().is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
