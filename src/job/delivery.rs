//! A delivery: its envelope, whom it is for, and what came of each copy.

use std::net::IpAddr;

use crate::error::{Fault, Refusal};
use crate::model::AccountId;

/// One recipient that RCPT found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Whose mail it is.
    pub account: AccountId,
    /// The address as the client gave it, for Delivered-To.
    pub given: String,
    /// What stood behind `+` (RFC 5233).
    pub detail: Option<String>,
    /// The number of the account's active script, if it has one.
    pub script: Option<i64>,
    /// What RCPT said of reports.
    pub dsn: Option<Box<RecipientDsn>>,
    /// It is nobody's here ([`AccountId::NOBODY`]), and goes on to this address (SRS).
    pub goes_on_to: Option<String>,
}

/// The envelope of a delivery (RFC 5321 §2.3.1) and what the Received line tells (§4.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM without its brackets; "" for the null sender.
    pub sender: String,
    /// What LHLO said.
    pub helo: String,
    /// The peer, if it has an address.
    pub peer: Option<IpAddr>,
    /// TLS was in use: "with LMTPS" (RFC 3848).
    pub tls: bool,
    /// SMTPUTF8 was given: "with UTF8LMTP" (RFC 6531 §4.3).
    pub utf8: bool,
    /// BODY=BINARYMIME was given: its lines are none (RFC 3030 §3).
    pub is_binary: bool,
    /// What the sender wanted to be told, for scripts that ask (RFC 6009).
    pub dsn: Option<Box<EnvelopeDsn>>,
}

/// What MAIL said of reports (RFC 3461 §4.3, §4.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvelopeDsn {
    /// RET: the whole message, or its header.
    pub full: Option<bool>,
    /// ENVID, its xtext undone.
    pub id: Option<String>,
}

/// What RCPT said of reports (RFC 3461 §4.1, §4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientDsn {
    /// NOTIFY: of success, failure, delay; never if none.
    pub notify: Option<[bool; 3]>,
    /// ORCPT: `rfc822;tim@example.com`, its xtext undone.
    pub original: Option<String>,
}

/// Why one recipient's copy was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryProblem {
    /// The recipient's script wants it refused, with these words: 5xx (RFC 5429 §2.1.1).
    Rejected(String),
    /// Never will be: 5xx.
    Refused(Refusal),
    /// Perhaps later: 4xx.
    Failed(Fault),
}
