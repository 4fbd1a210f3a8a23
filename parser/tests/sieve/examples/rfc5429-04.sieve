# RFC 5429 §2.5
#! 4:13 ":value" needs the extension "relational"; write require "relational"; at the top of the script
#! 12:18 ":value" needs the extension "relational"; write require "relational"; at the top of the script
require ["ereject", "spamtest", "fileinto",
         "comparator-i;ascii-numeric"];

if spamtest :value "ge"
            :comparator "i;ascii-numeric" "6" {
    ereject text:
AntiSpam engine thinks your message is spam.
It is therefore being refused.
Please call 1-900-PAY-US if you want to reach us.
.
    ;
} elsif spamtest :value "ge"
                 :comparator "i;ascii-numeric" "4" {
    fileinto "Suspect";
}
