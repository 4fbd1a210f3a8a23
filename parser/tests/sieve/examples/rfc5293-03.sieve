# RFC 5293 §7
# needs editheader
addheader "X-Hello" "World";
deleteheader :index 1 "X-Hello";
