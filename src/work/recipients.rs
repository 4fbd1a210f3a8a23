//! The account behind an address: for RCPT (RFC 5321 §4.1.1.3), and for logins.
//!
//! What stands behind `+` in a local part is for the recipient's scripts (RFC 5233 §4), unless an address
//! has a `+` of its own: it is looked up as it is first.

use super::clock;
use super::login::{Directory, Entry};
use super::outbox::Srs;
use super::run::Answer;
use crate::error::{Fault, Refusal};
use crate::job::{Recipient, Reply};
use crate::model::{AccountId, Address};
use crate::store::{AccountFound, Failure, Store};

/// Who looks recipients up.
pub(super) struct Recipients {
    pub(super) store: Store,
    /// Who undoes what it has rewritten, if senders are.
    pub(super) srs: Option<Srs>,
}

/// A recipient that is to be found.
struct Sought {
    given: String,
    address: Address,
    /// Looked up if nobody has the address: without what stands behind `+`.
    plain: Option<Address>,
    /// What stood behind `+` in a name that needs quotes: no account has one, but what stands behind its
    /// name may.
    quoted_detail: Option<String>,
}

impl Recipients {
    /// One of them.
    pub(super) fn find(&self, given: String) -> Answer {
        match self.seek(given) {
            Ok(sought) => sought.told(|address| self.store.account_by_address(address)),
            Err(answer) => answer,
        }
    }

    /// Several, by one statement; an answer for each, in their order.
    pub(super) fn find_all(&self, given: Vec<String>) -> Vec<Answer> {
        let sought: Vec<_> = given.into_iter().map(|given| self.seek(given)).collect();
        let each = sought.iter().filter_map(|sought| sought.as_ref().ok());
        let each = each.flat_map(|sought| [Some(&sought.address), sought.plain.as_ref()]);
        let addresses: Vec<&Address> = each.flatten().collect();
        let found = match self.store.accounts_by_addresses(&addresses) {
            Ok(found) => found,
            Err(failure) => return failed(sought, &failure),
        };
        let known = |address: &Address| Ok(found.get(address).cloned());
        let answer = |sought: Result<Sought, Answer>| match sought {
            Ok(sought) => sought.told(known),
            Err(answer) => answer,
        };
        sought.into_iter().map(answer).collect()
    }

    /// What is to be looked up; or the answer, if nothing is.
    fn seek(&self, given: String) -> Result<Sought, Answer> {
        if let Some(back) = self.srs.as_ref().and_then(|srs| srs.back(&given, clock::today())) {
            let recipient = back.map(|to| Recipient {
                account: AccountId::NOBODY,
                given,
                detail: None,
                script: None,
                dsn: None,
                goes_on_to: Some(to),
            });
            return Err(match recipient {
                Ok(recipient) => Ok(Reply::RecipientFound(recipient)),
                Err(_) => Err(Refusal::NoSuchRecipient.into()),
            });
        }
        if let Some(address) = Address::new(&given) {
            let (plain, detail) = address.split_detail();
            let plain = detail.is_some().then_some(plain);
            return Ok(Sought { given, address, plain, quoted_detail: None });
        }
        match Address::with_any_detail(&given) {
            Some((address, detail)) => {
                let quoted_detail = Some(detail.to_owned());
                Ok(Sought { given, address, plain: None, quoted_detail })
            }
            None => Err(Err(Refusal::NoSuchRecipient.into())),
        }
    }
}

/// Each by itself would wait for the database as long again.
fn failed(sought: Vec<Result<Sought, Answer>>, failure: &Failure) -> Vec<Answer> {
    log::error!("work: rcpt: {failure}");
    let answer = |sought: Result<Sought, Answer>| match sought {
        Ok(_) => Err(failure.fault().into()),
        Err(answer) => answer,
    };
    sought.into_iter().map(answer).collect()
}

impl Sought {
    fn told(self, find: impl Fn(&Address) -> Result<Option<AccountFound>, Failure>) -> Answer {
        let found = found(&self.address, self.plain.as_ref(), find)?;
        let (found, has_detail) = found.ok_or(Refusal::NoSuchRecipient)?;
        let detail = match self.quoted_detail {
            None if has_detail => detail_of(&self.given).map(str::to_owned),
            detail => detail,
        };
        let AccountFound { account, script, .. } = found;
        let (given, dsn, goes_on_to) = (self.given, None, None);
        Ok(Reply::RecipientFound(Recipient { account, given, detail, script, dsn, goes_on_to }))
    }
}

/// The account behind an address, and whether it took leaving out what stands behind `+` to find it.
pub(super) fn find_account(
    store: &Store,
    address: &Address,
) -> Result<Option<(AccountFound, bool)>, Failure> {
    let (plain, detail) = address.split_detail();
    found(address, detail.map(|_| &plain), |address| store.account_by_address(address))
}

fn found(
    address: &Address,
    plain: Option<&Address>,
    find: impl Fn(&Address) -> Result<Option<AccountFound>, Failure>,
) -> Result<Option<(AccountFound, bool)>, Failure> {
    if let Some(found) = find(address)? {
        return Ok(Some((found, false)));
    }
    match plain {
        None => Ok(None),
        Some(plain) => Ok(find(plain)?.map(|found| (found, true))),
    }
}

/// What stands behind the first `+` of the local part, as given (RFC 5233 §4).
fn detail_of(given: &str) -> Option<&str> {
    let (local, _) = given.trim().split_once('@')?;
    Some(local.split_once('+')?.1)
}

/// The accounts of the store, for logins.
pub(super) struct StoredAccounts(pub(super) Store);

impl Directory for StoredAccounts {
    fn find(&self, address: &Address) -> Result<Option<Entry>, Fault> {
        match find_account(&self.0, address) {
            Ok(found) => Ok(found.map(|(found, _)| Entry {
                account: found.account,
                primary: found.primary,
                hash: found.password_hash,
            })),
            Err(failure) => {
                log::error!("login: {failure}");
                Err(failure.fault())
            }
        }
    }
}
