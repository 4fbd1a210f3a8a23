//! SQL is written once and expanded once per engine.
//!
//! `$n` numbers values; SQLite is given `?n`, since it would number `$n` by first appearance and
//! swap values silently. What else differs stands in braces:
//!
//! | written | SQLite | PostgreSQL |
//! |---|---|---|
//! | `{each a=$1 b=$2 c=$n}` | `a = ?1 AND b = ?2 AND c IN (SELECT value FROM json_each(?n))` | `(a, b, c) IN (SELECT $1, $2, unnest($n))`: see below |
//! | `{ids $n}` | `SELECT value FROM json_each(?n)` | `SELECT unnest($n::bigint[])` |
//! | `{ranges $n}` | columns `first` and `last` of each range | the same, from two arrays |
//! | `{join}` | `CROSS JOIN`, which starts at the left | `JOIN` |
//! | `{changed}` | nothing | ` AND mod_seq > 0` |
//! | `{lock}` | nothing: there is one writer | `FOR UPDATE` |
//! | `{bytes}` | `BLOB` | `BYTEA` |
//! | `{binary}` | nothing: text compares by bytes already | `COLLATE "C"` |
//! | `{clustered}` | `WITHOUT ROWID` | nothing |
//! | `{sqlite}` at the start of a line | the line is for SQLite only | the line is left out |
//! | `{postgres}` at the start of a line | the line is left out | the line is for it only |
//!
//! PostgreSQL guesses how many rows a mailbox or an account has by the average, and that is few where
//! there are many. To look through them all once for each wanted row then seems as good as to find
//! each by the key, and takes minutes in a large mailbox. `{each}` leaves nothing to guess: no part of
//! the key is a constant, so that rows are found by all of it or not at all. Ranges are joined
//! `LATERAL`, with `OFFSET 0`, for the same reason. And the indexes by change are partial:
//! `{changed}` admits them, and no statement that does not say so can take them for the key.
//!
//! A value of ranges is one value to the store and two to PostgreSQL: its first ends stand where the
//! store put it, its last ends behind all other values, in the order in which ranges are named.

use std::fmt::Write;

/// The form SQLite takes.
pub(super) fn for_sqlite(sql: &str) -> String {
    expand(sql, "{postgres}", "?", &mut word_for_sqlite)
}

/// The form PostgreSQL takes, and the numbers of the values that are ranges.
pub(super) fn for_postgres(sql: &str) -> (String, Vec<usize>) {
    let mut behind = values_in(sql);
    let mut ranges = Vec::new();
    let out = expand(sql, "{sqlite}", "$", &mut |word, out| {
        word_for_postgres(word, out, &mut behind, &mut ranges);
    });
    (out, ranges)
}

/// Lines that begin with `not` are left out, `$` becomes `sign`, and `word` writes what stands in
/// braces.
fn expand(sql: &str, not: &str, sign: &str, word: &mut dyn FnMut(&str, &mut String)) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    for line in sql.split_inclusive('\n').filter(|line| !line.trim_start().starts_with(not)) {
        let mut rest = line;
        while let Some(at) = rest.find(['$', '{']) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            rest = match from.strip_prefix('$') {
                Some(after) => {
                    out.push_str(sign);
                    after
                }
                None => {
                    let (inner, after) = from.split_once('}').unwrap_or((from, ""));
                    word(inner.trim_start_matches('{'), &mut out);
                    after
                }
            };
        }
        out.push_str(rest);
    }
    out
}

/// The columns of an `{each}`, and the values that they have; the last is the list.
fn pairs(of_each: &str) -> impl Iterator<Item = (&str, &str)> {
    of_each.split(' ').filter_map(|pair| pair.split_once("=$"))
}

fn each_for_sqlite(of_each: &str, out: &mut String) {
    let last = pairs(of_each).count().saturating_sub(1);
    for (nth, (column, value)) in pairs(of_each).enumerate() {
        out.push_str(if nth == 0 { "" } else { " AND " });
        out.push_str(column);
        out.push_str(if nth == last { " IN (SELECT value FROM json_each(?" } else { " = ?" });
        out.push_str(value);
        out.push_str(if nth == last { "))" } else { "" });
    }
}

fn each_for_postgres(of_each: &str, out: &mut String) {
    let last = pairs(of_each).count().saturating_sub(1);
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (nth, (column, value)) in pairs(of_each).enumerate() {
        columns.push(column);
        values.push(match nth == last {
            true => format!("unnest(${value}::bigint[])"),
            false => format!("${value}::bigint"),
        });
    }
    out.push_str(&format!("({}) IN (SELECT {})", columns.join(", "), values.join(", ")));
}

fn word_for_sqlite(word: &str, out: &mut String) {
    if let Some(of_each) = word.strip_prefix("each ") {
        return each_for_sqlite(of_each, out);
    }
    let (word, value) = word.split_once(" $").unwrap_or((word, ""));
    let written = match word {
        "ids" => write!(out, "SELECT value FROM json_each(?{value})"),
        "ranges" => {
            write!(out, "SELECT value ->> 0 AS first, value ->> 1 AS last FROM json_each(?{value})")
        }
        "join" => out.write_str("CROSS JOIN"),
        "bytes" => out.write_str("BLOB"),
        "clustered" => out.write_str("WITHOUT ROWID"),
        _ => Ok(()), // {lock}, {binary}, {changed}, {sqlite}
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

fn word_for_postgres(word: &str, out: &mut String, behind: &mut usize, ranges: &mut Vec<usize>) {
    if let Some(of_each) = word.strip_prefix("each ") {
        return each_for_postgres(of_each, out);
    }
    let (word, value) = word.split_once(" $").unwrap_or((word, ""));
    let written = match word {
        "ids" => write!(out, "SELECT unnest(${value}::bigint[])"),
        "ranges" => {
            *behind += 1;
            ranges.extend(value.parse::<usize>());
            write!(
                out,
                "SELECT a.first, a.last
                 FROM unnest(${value}::bigint[], ${behind}::bigint[]) AS a(first, last)"
            )
        }
        "join" => out.write_str("JOIN"),
        "changed" => out.write_str(" AND mod_seq > 0"),
        "lock" => out.write_str("FOR UPDATE"),
        "bytes" => out.write_str("BYTEA"),
        "binary" => out.write_str(" COLLATE \"C\""),
        _ => Ok(()), // {clustered}, {postgres}
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

/// The highest number behind a `$`.
fn values_in(sql: &str) -> usize {
    let number = |rest: &str| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..digits)?.parse().ok()
    };
    sql.split('$').skip(1).filter_map(number).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, sqlite: &str, postgres: &str) {
        assert_eq!(for_sqlite(written), sqlite);
        assert_eq!(for_postgres(written).0, postgres);
    }

    #[test]
    fn each_is_found_by_its_whole_key() {
        check(
            "x WHERE {each a=$2 b=$3 c=$1} ORDER",
            "x WHERE a = ?2 AND b = ?3 AND c IN (SELECT value FROM json_each(?1)) ORDER",
            "x WHERE (a, b, c) IN (SELECT $2::bigint, $3::bigint, unnest($1::bigint[])) ORDER",
        );
        check("n > $1{changed}", "n > ?1", "n > $1 AND mod_seq > 0");
    }

    #[test]
    fn expands_what_differs() {
        check("SELECT $2, $1 FROM t", "SELECT ?2, ?1 FROM t", "SELECT $2, $1 FROM t");
        check(
            "a IN ({ids $12})",
            "a IN (SELECT value FROM json_each(?12))",
            "a IN (SELECT unnest($12::bigint[]))",
        );
        check("WHERE a = $1 {lock}", "WHERE a = ?1 ", "WHERE a = $1 FOR UPDATE");
        check(
            "a {bytes} NOT NULL\n) {clustered};",
            "a BLOB NOT NULL\n) WITHOUT ROWID;",
            "a BYTEA NOT NULL\n) ;",
        );
        check("a\n    {postgres} b\n    {sqlite} c\nd", "a\n     c\nd", "a\n     b\nd");
        check("a {join} b ON c", "a CROSS JOIN b ON c", "a JOIN b ON c");
        check("name TEXT{binary}", "name TEXT", "name TEXT COLLATE \"C\"");
    }

    #[test]
    fn ranges_are_two_arrays_to_postgres() {
        let (sql, ranges) = for_postgres("({ranges $2}) r WHERE a = $12 AND b IN ({ranges $3})");
        assert!(sql.contains("unnest($2::bigint[], $13::bigint[])"), "{sql}");
        assert!(sql.contains("unnest($3::bigint[], $14::bigint[])"), "{sql}");
        assert_eq!(ranges, [2, 3]);
    }
}
