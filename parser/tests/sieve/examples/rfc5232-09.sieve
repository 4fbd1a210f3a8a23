# RFC 5232 §5
# needs fileinto
fileinto "INBOX.From Boss";
