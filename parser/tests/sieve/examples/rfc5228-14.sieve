# RFC 5228 §4.3
if not size :under 1M { discard; }
