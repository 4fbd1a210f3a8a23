//! Where ESEARCH looks: `IN (…)` (RFC 7377 §2.2).

use crate::cursor::{Cursor, Error};
use crate::imap::command::{MailboxFilter, ScopeOption, SearchSource};
use crate::imap::lists::{Item, Least, List, parenthesized};
use crate::imap::notify::filter_mailboxes;
use crate::imap::strings::{astring, some, some_text, sp};

/// `esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"`,
/// `source-mbox = filter-mailboxes *(SP filter-mailboxes)` — RFC 7377 §4, the `SP` behind it too.
pub(super) fn source_opts<'a>(cursor: &mut Cursor<'a>) -> Result<Option<SearchSource<'a>>, Error> {
    if !cursor.eat_word("IN ") {
        return Ok(None);
    }
    cursor.expect(b'(', "\"(\"")?;
    let inside = *cursor;
    let mut scope = List::EMPTY;
    let raw = loop {
        source_mailbox(cursor)?;
        let raw = cursor.since(inside);
        if cursor.eat(b')') {
            break raw;
        }
        sp(cursor)?;
        if cursor.peek() == Some(b'(') {
            scope = parenthesized(cursor, Least::One, scope_option)?;
            cursor.expect(b')', "\")\"")?;
            break raw;
        }
    };
    sp(cursor)?;
    Ok(Some(SearchSource { mailboxes: List::proved(raw), scope }))
}

/// `filter-mailboxes` without `selected-delayed` — RFC 7377 §4.
fn source_mailbox<'a>(cursor: &mut Cursor<'a>) -> Result<MailboxFilter<'a>, Error> {
    let before = *cursor;
    match filter_mailboxes(cursor)? {
        MailboxFilter::SelectedDelayed => Err(before.error("filter-mailboxes")),
        filter => Ok(filter),
    }
}

impl<'a> Item<'a> for ScopeOption<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        scope_option(cursor)
    }
}

/// `scope-option = scope-option-name [SP scope-option-value]`,
/// `scope-option-name = tagged-ext-label`, `scope-option-value = tagged-ext-val` — RFC 7377 §4.
///
/// No label starts like a value, so what follows the space says whose it is.
fn scope_option<'a>(cursor: &mut Cursor<'a>) -> Result<ScopeOption<'a>, Error> {
    let name = tagged_ext_label(cursor)?;
    let mut ahead = *cursor;
    if !ahead.eat(b' ') || !matches!(ahead.peek(), Some(b'(' | b'0'..=b'9' | b'*')) {
        return Ok(ScopeOption { name, value: None });
    }
    *cursor = ahead;
    Ok(ScopeOption { name, value: Some(tagged_ext_val(cursor)?) })
}

/// `tagged-ext-label = tagged-label-fchar *tagged-label-char`,
/// `tagged-label-fchar = ALPHA / "-" / "_" / "."`,
/// `tagged-label-char = tagged-label-fchar / DIGIT / ":"` — RFC 9051 §9.
fn tagged_ext_label<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    if !cursor.peek().is_some_and(|byte| byte.is_ascii_alphabetic() || b"-_.".contains(&byte)) {
        return Err(cursor.error("tagged-ext-label"));
    }
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    some_text(cursor, is_label, "tagged-ext-label")
}

/// `tagged-ext-val = tagged-ext-simple / "(" [tagged-ext-comp] ")"`,
/// `tagged-ext-simple = sequence-set / number / number64`,
/// `tagged-ext-comp = astring / tagged-ext-comp *(SP tagged-ext-comp) / "(" tagged-ext-comp ")"` —
/// RFC 9051 §9. Its bytes as they are; parentheses are counted, not recursed into.
fn tagged_ext_val<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    let before = *cursor;
    if cursor.peek() != Some(b'(') {
        return some(cursor, |byte| matches!(byte, b'0'..=b'9' | b'*' | b':' | b','), "number");
    }
    if cursor.eat_word("()") {
        return Ok(cursor.since(before));
    }
    let mut open = 0usize;
    loop {
        while cursor.eat(b'(') {
            open = open.saturating_add(1);
        }
        astring(cursor)?;
        while cursor.eat(b')') {
            open = open.saturating_sub(1);
            if open == 0 {
                return Ok(cursor.since(before));
            }
        }
        sp(cursor)?;
    }
}
