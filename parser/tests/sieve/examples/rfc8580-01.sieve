# RFC 8580 §5
#! 5:10 expected no tagged argument here, found ":specialuse"; write it behind "vacation"
#! 5:31 expected no tagged argument here, found ":create"; write it behind "vacation"
#! 6:10 expected no tagged argument here, found ":fcc"; write it behind "vacation"
#! 6:28 expected no tagged argument here, found ":flags"; write it behind "vacation"
require ["vacation", "fcc", "mailbox", "special-use", "imap4flags"];

vacation :days 7
         :from "hemingway@example.com" "Gone Fishin'"
         :specialuse "\\Sent" :create
         :fcc "INBOX.Sent" :flags ["\\Seen"];
