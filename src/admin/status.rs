//! `status`: what waits to be done in the background, and who does it.

use super::accounts::rounded;
use super::options::{Choice, Options};
use super::{AdminError, Streams, counted, open};
use crate::limits::STATUS_ROWS_MAX;
use crate::model::Timestamp;
use crate::store::{Counted, Status, Taker};

pub(super) const CHOICES: &[Choice] = &[];

pub(super) const MORE: &str = "\
With [bodies] home = \"s3\" messages wait in the database until they are in the bucket. When S3 is
away they pile up, and beyond [uploader] max_staging_size senders are told to come back later.
";

pub(super) fn run(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    let (_, store) = open(options)?;
    let status = store.status()?;
    let text = if store.has_uploads() { staged(&status) } else { String::new() };
    Ok(streams.out.write_all((text + &rest(&status)).as_bytes())?)
}

fn staged(status: &Status) -> String {
    let mut out = format!("Waiting for S3: {}", shown(status.staged, "message"));
    if let Some(oldest) = status.oldest {
        out.push_str(&format!("; the oldest came {}", ago(status.now, oldest)));
    }
    out.push('\n');
    if status.reserved.rows > 0 {
        out.push_str(&format!("On their way in: {}\n", shown(status.reserved, "large message")));
    }
    for Taker { holder, bodies, refused, attempts, until } in &status.takers {
        let who = format!("  {} taken by {holder}, until {until}", counted(*bodies, "message"));
        let refused = match refused {
            0 => String::new(),
            some => format!("; {some} of them refused before, up to {attempts} times"),
        };
        out.push_str(&format!("{who}{refused}\n"));
    }
    out
}

fn rest(status: &Status) -> String {
    let mut out = format!("To be removed: {}\n", shown(status.deleting, "message body"));
    out.push_str(&format!("To leave by the relay: {}\n", shown(status.leaving, "message")));
    if status.given_up.rows > 0 {
        let given_up = shown(status.given_up, "message");
        out.push_str(&format!("Given up: {given_up}; sora-admin outbox list says why\n"));
    }
    for (name, holder, until) in &status.leases {
        out.push_str(&format!("Now at work: {name}, by {holder}, until {until} or longer\n"));
    }
    out
}

fn shown(counted: Counted, what: &str) -> String {
    let Counted { rows, bytes } = counted;
    let at_least = if rows >= STATUS_ROWS_MAX.unsigned_abs() { "at least " } else { "" };
    let what = match (what, rows) {
        (what, 1) => what.to_owned(),
        ("message body", _) => "message bodies".to_owned(),
        (what, _) => format!("{what}s"),
    };
    match rows {
        0 => "nothing".to_owned(),
        _ => format!("{at_least}{rows} {what} of {}", rounded(bytes)),
    }
}

/// `2 minutes ago`
fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = u64::try_from(now.0.saturating_sub(then.0) / 1_000_000).unwrap_or(0);
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", counted(count, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_in_words() {
        let minute = 60_000_000;
        let now = Timestamp(1_700_000_000_000_000);
        let taker = Taker {
            holder: "a:1:host".to_owned(),
            bodies: 3,
            refused: 1,
            attempts: 4,
            until: Timestamp(now.0 + minute),
        };
        let status = Status {
            now,
            staged: Counted { rows: 1_204, bytes: 5 << 20 },
            oldest: Some(Timestamp(now.0 - 3 * minute)),
            reserved: Counted { rows: 1, bytes: 2 << 20 },
            deleting: Counted::default(),
            leaving: Counted { rows: 2, bytes: 4 << 10 },
            given_up: Counted { rows: 1, bytes: 100 },
            takers: vec![taker],
            leases: vec![("cleaner".to_owned(), "b:2:host".to_owned(), now)],
        };
        let until = Timestamp(now.0 + minute);
        let want = format!(
            "Waiting for S3: 1204 messages of 5mb; the oldest came 3 minutes ago\n\
             On their way in: 1 large message of 2mb\n  \
             3 messages taken by a:1:host, until {until}; 1 of them refused before, up to 4 times\n"
        );
        assert_eq!(staged(&status), want);
        let want = format!(
            "To be removed: nothing\nTo leave by the relay: 2 messages of 4kb\n\
             Given up: 1 message of 100b; sora-admin outbox list says why\n\
             Now at work: cleaner, by b:2:host, until {now} or longer\n"
        );
        assert_eq!(rest(&status), want);
        let many = Counted { rows: STATUS_ROWS_MAX.unsigned_abs(), bytes: 1 };
        assert!(shown(many, "message body").starts_with("at least "));
        assert_eq!(ago(now, Timestamp(now.0 + minute)), "0 seconds ago"); // clocks differ
        assert_eq!(ago(now, Timestamp(now.0 - 2_880 * minute)), "2 days ago");
    }
}
