# RFC 5235 §3.3
#! 1:49 expected an extension that is offered, found "comparator-          i;ascii-numeric"
require ["virustest", "fileinto", "relational", "comparator-
         i;ascii-numeric"];

if virustest :value "eq" :comparator "i;ascii-numeric" "0"
{
    fileinto "INBOX.unclassified";
}
if virustest :value "eq" :comparator "i;ascii-numeric" "4"
{
    fileinto "INBOX.quarantine";
}
elsif virustest :value "eq" :comparator "i;ascii-numeric" "5"
{
    discard;
}
