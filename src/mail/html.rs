//! The words of an HTML part, for search and preview: no browser, only what a reader would see.
//!
//! The tokens are html5gum's, which reads as the HTML standard says and never refuses; what is shown of
//! them is decided here. A crate that lays HTML out builds a tree first, and search needs words only.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// What a tag does to the text around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    /// Its content is not shown.
    Hidden,
    /// Inside a line: it does not part words.
    Inline,
    /// It parts words.
    Block,
}

impl Element {
    /// By its name, in lower case.
    fn named(name: &[u8]) -> Self {
        match name {
            b"script" | b"style" | b"title" | b"template" => Self::Hidden,
            b"a" | b"abbr" | b"b" | b"big" | b"cite" | b"code" | b"em" | b"font" | b"i"
            | b"ins" | b"kbd" | b"mark" | b"s" | b"small" | b"span" | b"strong" | b"sub"
            | b"sup" | b"u" | b"wbr" => Self::Inline,
            _ => Self::Block,
        }
    }
}

/// Soft hyphen, zero-width space and joiners, byte order mark: they are in words that are searched
/// for without them.
const INVISIBLE: [char; 5] = ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{feff}'];

/// Appends the text of `html`; runs of white space are one space.
pub fn text_of(html: &str, out: &mut String) {
    let mut hidden: Option<Vec<u8>> = None;
    let read = |event: CallbackEvent<'_>, _span: Span<()>| -> Option<Infallible> {
        match event {
            CallbackEvent::OpenStartTag { name } => match Element::named(name) {
                Element::Hidden if hidden.is_none() => hidden = Some(name.to_vec()),
                Element::Inline | Element::Hidden => {}
                Element::Block => gap(out),
            },
            CallbackEvent::EndTag { name } => {
                if hidden.as_deref() == Some(name) {
                    hidden = None;
                }
                if Element::named(name) != Element::Inline {
                    gap(out);
                }
            }
            CallbackEvent::String { value } if hidden.is_none() => words(value, out),
            _ => {}
        }
        None
    };
    let mut emitter = CallbackEmitter::new(read);
    emitter.naively_switch_states(true); // script, style, title and the like hold no tags
    // A string cannot fail to be read, and the callback hands nothing on.
    Tokenizer::new_with_emitter(html, emitter).for_each(drop);
}

fn words(text: &[u8], out: &mut String) {
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            c if c.is_ascii_whitespace() || c == '\u{a0}' => gap(out),
            c if INVISIBLE.contains(&c) => {}
            c => out.push(c),
        }
    }
}

fn gap(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, want: &str) {
        let mut found = String::new();
        text_of(html, &mut found);
        assert_eq!(found.trim_end(), want, "{html}");
    }

    #[test]
    fn what_a_reader_sees() {
        check("<p>Hello <b>wor</b>ld</p><p>again</p>", "Hello world again");
        check("a\r\n  b", "a b");
        check("<html><head><title>t</title></head><body>x</body>", "x");
        check("<style>p > a {}</style>x<SCRIPT>if (a < b)</Script >y", "x y");
        check("<!-- <b> -->x<!-- open", "x");
        check("<a title=\"1 > 2\" href='x'>link</a>", "link");
        check("a &lt; b &amp;&amp; c&nbsp;d &#228;&#xE4; &auml;", "a < b && c d ää ä");
        check("&#150; &#x93;&hellip;&Auml;&#0173;&shy;&zwnj;b", "– “…Äb");
        check("R&D; & 1 < 2 &#xFFFFFFFF;", "R&D; & 1 < 2 \u{fffd}");
        check("<head><title>t</title>x<body>y", "x y");
        check("<template>a<p>b</template>c", "c");
        check("<div", "");
        check("<a title=\"open>x", ""); // as a browser reads it
        check("x<br/>y", "x y");
        check("&", "&");
    }

    #[test]
    fn hostile_input_is_linear() {
        for piece in ["<", "<a ", "&", "</script", "<!--", "&#", "<a \"'"] {
            let mut out = String::new();
            text_of(&piece.repeat(20_000), &mut out);
            assert!(out.len() <= 200_000);
        }
    }
}
