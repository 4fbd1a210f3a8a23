# RFC 5228 §2.10.2
if size :over 500K { discard; }
