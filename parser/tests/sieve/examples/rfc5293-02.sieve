# RFC 5293 §5
# needs editheader
deleteheader :index 1 :contains "Delivered-To"
                        "bob@example.com";
