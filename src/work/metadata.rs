//! Annotations as sessions and scripts see them: the store's, and what the operator says of the server.

use crate::config::Config;
use crate::job::{Annotated, Annotation, MailboxAnnotations};
use crate::model::{AccountId, Depth, EntryName};
use crate::store::{Error, Failure, Store};

/// What the operator says of the server (RFC 5464 §6.2), the same to every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerNotes {
    /// `/shared/comment`; "" for none.
    pub comment: String,
    /// `/shared/admin`, a URI; "" for none.
    pub admin: String,
}

impl ServerNotes {
    /// What the configuration says.
    pub fn of(config: &Config) -> Self {
        let imap = &config.servers.imap;
        Self { comment: imap.comment.0.clone(), admin: imap.admin.0.clone() }
    }

    /// As [`Store::annotations`], with these among the server's.
    pub(super) fn annotations(
        &self,
        store: &Store,
        account: AccountId,
        of: &Annotated,
        (names, depth): (&[EntryName], Depth),
    ) -> Result<Vec<MailboxAnnotations>, Error> {
        let mut found = store.annotations(account, of, names, depth)?;
        if *of == Annotated::Server {
            let notes =
                [(EntryName::shared_comment(), &self.comment), (EntryName::admin(), &self.admin)];
            let wanted = notes.into_iter().filter(|(name, value)| {
                let is_asked = |asked: &EntryName| asked.reaches(name.as_str(), depth);
                !value.is_empty() && names.iter().any(is_asked)
            });
            let wanted: Vec<_> = wanted
                .map(|(name, value)| Annotation { name, value: value.as_bytes().to_vec() })
                .collect();
            for server in &mut found {
                server.entries.extend(wanted.iter().cloned());
                server.entries.sort();
            }
        }
        Ok(found)
    }

    /// The value of one entry, if its mailbox is there and it has one.
    pub(super) fn annotation(
        &self,
        store: &Store,
        account: AccountId,
        of: &Annotated,
        name: EntryName,
    ) -> Result<Option<Vec<u8>>, Failure> {
        match self.annotations(store, account, of, (&[name], Depth::Itself)) {
            Ok(found) => {
                let first = found.into_iter().next().and_then(|one| one.entries.into_iter().next());
                Ok(first.map(|annotation| annotation.value))
            }
            Err(Error::Refused(_)) => Ok(None),
            Err(Error::Failed(failure)) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;
    use crate::store::tests::TemporaryDir;
    use crate::store::{NewAccount, Opening};

    #[test] // RFC 5464 §6.2
    fn the_operator_speaks_for_the_server_alone() {
        let dir = TemporaryDir::new();
        let store = Store::open_at(&dir.place(), Opening::Daemon).unwrap();
        let address = Address::new("me@example.org").unwrap();
        let new = NewAccount { address, password_hash: "{X}".to_owned() };
        let account = store.create_account(new).unwrap().unwrap();
        let entry = |name: &str| EntryName::new(name).unwrap();
        let own = vec![(entry("/shared/b"), Some(b"own".to_vec()))];
        store.set_annotations(account, None, own).unwrap();
        let notes = ServerNotes { comment: "Closed on Sunday".into(), admin: "mailto:a@b".into() };
        let told = |of: &Annotated, name: &str, depth| {
            let found = notes.annotations(&store, account, of, (&[entry(name)], depth)).unwrap();
            let text =
                |one: &Annotation| format!("{}={}", one.name, String::from_utf8_lossy(&one.value));
            found[0].entries.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        let inbox = Annotated::Mailbox(crate::model::MailboxName::inbox());
        assert_eq!(
            told(&Annotated::Server, "/shared", Depth::All),
            "/shared/admin=mailto:a@b /shared/b=own /shared/comment=Closed on Sunday"
        );
        assert_eq!(told(&Annotated::Server, "/shared/comment", Depth::Itself).len(), 32);
        assert_eq!(told(&Annotated::Server, "/private", Depth::All), "");
        assert_eq!(told(&inbox, "/shared", Depth::All), "");
        let value = |of, name| notes.annotation(&store, account, of, entry(name)).unwrap();
        assert_eq!(value(&Annotated::Server, "/shared/admin").unwrap(), b"mailto:a@b");
        assert_eq!(value(&inbox, "/shared/admin"), None);
    }
}
