# RFC 5229 §3.1
# needs variables
set "dollar" "$";
set "text" "regarding ${dollar}{beep}";
