# RFC 8579 §4.2
require "fileinto";
require "special-use";

fileinto :specialuse "\\Archive" "INBOX/Archive";
