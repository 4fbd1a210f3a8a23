# RFC 5232 §5
# needs fileinto imap4flags
fileinto :flags "\\Deleted" "INBOX.From Boss";
