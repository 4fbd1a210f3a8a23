# RFC 6134 §3
# needs extlists
redirect :list ":addrbook:default";
