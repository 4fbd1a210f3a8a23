//! What tests are called, for traces.

use parser::sieve::tree::Test;

pub(super) const fn test(test: &Test) -> &'static str {
    match test {
        Test::AllOf(_) => "allof",
        Test::AnyOf(_) => "anyof",
        Test::Not(_) => "not",
        Test::True => "true",
        Test::False => "false",
        Test::Ihave(_) => "ihave",
        Test::Size { .. } => "size",
        Test::Exists { .. } => "exists",
        Test::Address { .. } => "address",
        Test::Header { .. } => "header",
        Test::Envelope { .. } => "envelope",
        Test::Body { .. } => "body",
        Test::String { .. } => "string",
        Test::HasFlag { .. } => "hasflag",
        Test::Date { .. } => "date",
        Test::CurrentDate { .. } => "currentdate",
        Test::MailboxExists(_) => "mailboxexists",
        Test::MailboxIdExists(_) => "mailboxidexists",
        Test::SpecialUseExists { .. } => "specialuse_exists",
        Test::Metadata { mailbox: Some(_), .. } => "metadata",
        Test::Metadata { .. } => "servermetadata",
        Test::MetadataExists { mailbox: Some(_), .. } => "metadataexists",
        Test::MetadataExists { .. } => "servermetadataexists",
        Test::Duplicate { .. } => "duplicate",
        Test::Environment { .. } => "environment",
        Test::ValidNotifyMethod(_) => "valid_notify_method",
        Test::NotifyMethodCapability { .. } => "notify_method_capability",
        Test::ValidExtList(_) => "valid_ext_list",
        Test::SpamTest { .. } => "spamtest",
        Test::VirusTest(_) => "virustest",
        Test::Convert(_) => "convert",
    }
}
