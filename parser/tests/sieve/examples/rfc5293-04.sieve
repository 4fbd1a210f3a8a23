# RFC 5293 §7
# needs editheader
deleteheader :index 1 "X-Hello";
deleteheader :index 2 "X-Hello";
