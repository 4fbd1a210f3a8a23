# RFC 5228 §4.1
require "fileinto";
if header :contains ["from"] "coyote" {
   fileinto "INBOX.harassment";
}
