//! LIST and UIDL (RFC 1939 §5, §7): a line a message, written as fast as the peer reads.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use parser::pop3::write::{self, UniqueId};

use super::maildrop::Maildrop;
use super::{Doing, Next, Output, Pop3, State};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::mail::Message;

/// A listing that is being written.
#[derive(Debug)]
pub(super) struct Listing {
    what: What,
    /// The next number.
    next: u32,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Sizes,
    UniqueIds,
}

impl Listing {
    /// LIST
    pub(super) const fn sizes() -> Self {
        Self { what: What::Sizes, next: 1 }
    }

    /// UIDL
    pub(super) const fn unique_ids() -> Self {
        Self { what: What::UniqueIds, next: 1 }
    }

    fn line(&self, maildrop: &Maildrop, number: NonZeroU32, message: Message, out: &mut Output) {
        match self.what {
            What::Sizes => write::scan_listing(out.buffer(), number, u64::from(message.size)),
            What::UniqueIds => {
                // A UID means one message for ever within its UIDVALIDITY (RFC 9051 §2.3.1.1), so
                // the two together do, as RFC 1939 §7 wants it (pitfall 122).
                let mut id = String::with_capacity(21);
                let _to_memory = write!(id, "{}.{}", maildrop.uid_validity().0, message.uid.0);
                if let Some(id) = UniqueId::new(&id) {
                    write::unique_id_listing(out.buffer(), number, id);
                }
            }
        }
    }
}

impl Pop3 {
    pub(super) fn list(&mut self, listing: Listing, out: &mut Output) -> Next {
        let State::Transaction(maildrop) = &self.state else { return Next::Read };
        let text = format!("{} messages ({} octets)", maildrop.messages(), maildrop.octets());
        write::ok(out.buffer(), &text, self.charset);
        self.go_on_listing(listing, out)
    }

    pub(super) fn list_one(
        &mut self,
        number: NonZeroU32,
        listing: Listing,
        out: &mut Output,
    ) -> Next {
        let State::Transaction(maildrop) = &self.state else { return Next::Read };
        let Some(message) = maildrop.get(number) else { return self.no_such_message(out) };
        out.put(write::OK);
        listing.line(maildrop, number, message, out);
        Next::Read
    }

    /// Writes until the output is full or all is listed.
    pub(super) fn go_on_listing(&mut self, mut listing: Listing, out: &mut Output) -> Next {
        let State::Transaction(maildrop) = &self.state else { return Next::Read };
        for (number, message) in maildrop.from(listing.next) {
            if out.len() >= OUTPUT_BYTES_MAX {
                listing.next = number.get();
                self.doing = Doing::Listing(listing);
                return Next::Drain;
            }
            listing.line(maildrop, number, message, out);
        }
        out.put(write::END);
        Next::Read
    }
}
