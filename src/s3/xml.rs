//! As much XML as S3 answers with: elements without attributes that matter, found by name.

/// The text of every element `name`, in order, not looking inside them. Not unescaped.
pub(super) fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            rest = after;
            let Some(tail) = after.strip_prefix(name) else { continue };
            let Some((attributes, inner)) = tail.split_once('>') else { continue };
            if !(attributes.is_empty() || attributes.starts_with([' ', '/'])) {
                continue;
            }
            if attributes.ends_with('/') {
                rest = inner;
                return Some("");
            }
            let end = format!("</{name}>");
            let (inner, after) = inner.split_once(end.as_str())?;
            rest = after;
            return Some(inner);
        }
    })
}

/// The text of the first element `name`, unescaped.
pub(super) fn element(text: &str, name: &str) -> Option<String> {
    elements(text, name).next().map(unescape)
}

/// Undoes entities.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, tail) = after.split_once(';').unwrap_or((after, ""));
        let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
        match (name, number.and_then(char::from_u32)) {
            ("amp", _) => out.push('&'),
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            (_, Some(character)) => out.push(character),
            (other, None) => out.extend(["&", other, ";"]),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Makes text safe inside an element.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, want: &[&str]) {
        assert_eq!(elements(text, name).map(unescape).collect::<Vec<_>>(), want);
    }

    #[test]
    fn elements_are_found_by_name() {
        check("<a><b>1</b><b>2</b></a>", "b", &["1", "2"]);
        check("<a><bb>1</bb><b x='y'>2</b><b/></a>", "b", &["2", ""]);
        check("<?xml version=\"1.0\"?>\n<Error><Code>No&amp;So</Code></Error>", "Code", &["No&So"]);
        check("<a>&#34;x&#x41;&quot;&unknown;</a>", "a", &["\"xA\"&unknown;"]);
        check("<a>cut", "a", &[]);
        check("", "a", &[]);
        check("<a", "a", &[]);
    }
}
