# RFC 7352 §3.2
require "duplicate";
if duplicate :header "message-id" {
  discard;
}
