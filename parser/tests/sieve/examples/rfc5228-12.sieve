# RFC 5228 §4.2
redirect "bart@example.com";
