//! SQL is written once and expanded once per engine.
//!
//! `$n` numbers values; SQLite is given `?n`, since it would number `$n` by first appearance and
//! swap values silently. What else differs stands in braces:
//!
//! | written | SQLite |
//! |---|---|
//! | `{ids $n}` | `SELECT value FROM json_each(?n)` |
//! | `{ranges $n}` | the columns `first` and `last` of each range |
//! | `{lock}` | nothing: there is one writer |
//! | `{bytes}` | `BLOB` |
//! | `{binary}` | nothing: text compares by bytes already |
//! | `{clustered}` | `WITHOUT ROWID` |
//! | `{sqlite}` at the start of a line | the line is for SQLite only |
//! | `{postgres}` at the start of a line | the line is left out |

use std::fmt::Write;

/// The form SQLite takes.
pub(super) fn for_sqlite(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    for line in sql.split_inclusive('\n') {
        if line.trim_start().starts_with("{postgres}") {
            continue;
        }
        line_for_sqlite(line, &mut out);
    }
    out
}

fn line_for_sqlite(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find(['$', '{']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = match from.strip_prefix('$') {
            Some(after) => {
                out.push('?');
                after
            }
            None => {
                let (word, after) = from.split_once('}').unwrap_or((from, ""));
                word_for_sqlite(word.trim_start_matches('{'), out);
                after
            }
        };
    }
    out.push_str(rest);
}

fn word_for_sqlite(word: &str, out: &mut String) {
    let (word, value) = word.split_once(" $").unwrap_or((word, ""));
    let written = match word {
        "ids" => write!(out, "SELECT value FROM json_each(?{value})"),
        "ranges" => {
            write!(out, "SELECT value ->> 0 AS first, value ->> 1 AS last FROM json_each(?{value})")
        }
        "bytes" => out.write_str("BLOB"),
        "clustered" => out.write_str("WITHOUT ROWID"),
        _ => Ok(()), // {lock}, {binary}, {sqlite}
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, want: &str) {
        assert_eq!(for_sqlite(written), want);
    }

    #[test]
    fn expands_what_differs() {
        check("SELECT $2, $1 FROM t", "SELECT ?2, ?1 FROM t");
        check("a IN ({ids $12})", "a IN (SELECT value FROM json_each(?12))");
        check("WHERE a = $1 {lock}", "WHERE a = ?1 ");
        check("a {bytes} NOT NULL\n) {clustered};", "a BLOB NOT NULL\n) WITHOUT ROWID;");
        check("a\n    {postgres} b\n    {sqlite} c\nd", "a\n     c\nd");
        check("name TEXT{binary}", "name TEXT");
    }
}
