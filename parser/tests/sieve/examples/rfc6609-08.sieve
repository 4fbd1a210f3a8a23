# RFC 6609 §3.4.2
require ["variables", "include"];

set "global.i_am_on_vacation" "1";
