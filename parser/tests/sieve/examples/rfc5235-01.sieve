# RFC 5235 §3.2.1
#! 1:48 expected an extension that is offered, found "comparator-          i;ascii-numeric"
require ["spamtest", "fileinto", "relational", "comparator-
         i;ascii-numeric"];

if spamtest :value "eq" :comparator "i;ascii-numeric" "0"
{
    fileinto "INBOX.unclassified";
}
elsif spamtest :value "ge" :comparator "i;ascii-numeric" "3"
{
    fileinto "INBOX.spam-trap";
}
