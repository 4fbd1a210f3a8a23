//! Words of fixed sets, which scripts write as strings.

use alloc::boxed::Box;

use super::Text;

/// A word of a fixed set, unless a variable takes part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word<T> {
    /// Known before the script runs.
    Known(T),
    /// To be given to [`WordOf::word`] when the variables are known.
    Computed(Box<Text>),
}

/// A fixed set of words.
pub trait WordOf: Sized {
    /// What a script should have written, for a message.
    const EXPECTED: &'static str;

    /// What the word stands for.
    fn word(word: &str) -> Option<Self>;
}

macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident $expected:literal: $($(#[$item:meta])* $variant:ident $word:literal,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$item])* $variant,)*
        }

        impl $name {
            /// As scripts write it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl WordOf for $name {
            const EXPECTED: &'static str = $expected;

            fn word(word: &str) -> Option<Self> {
                $(if word.eq_ignore_ascii_case($word) {
                    return Some(Self::$variant);
                })*
                None
            }
        }
    };
}

words! {
    /// `envelope-part`, in any case (RFC 5228 §5.4, RFC 6009 §4 and §5).
    EnvelopePart "an envelope part, as \"from\" or \"to\"":
    /// The sender of MAIL.
    From "from",
    /// The recipient of RCPT that the script runs for.
    To "to",
    /// RFC 6009 §4.
    Notify "notify",
    /// RFC 6009 §4.
    Orcpt "orcpt",
    /// RFC 6009 §4.
    Ret "ret",
    /// RFC 6009 §4.
    Envid "envid",
    /// RFC 6009 §5.
    ByTimeAbsolute "bytimeabsolute",
    /// RFC 6009 §5.
    ByTimeRelative "bytimerelative",
    /// RFC 6009 §5.
    ByMode "bymode",
    /// RFC 6009 §5.
    ByTrace "bytrace",
}

words! {
    /// `date-part`, in any case (RFC 5260 §4.2).
    DatePart "a date part: year, month, day, date, julian, hour, minute, second, time, iso8601, \
              std11, zone or weekday":
    /// `0000` to `9999`.
    Year "year",
    /// `01` to `12`.
    Month "month",
    /// `01` to `31`.
    Day "day",
    /// As `2007-02-26`.
    Date "date",
    /// Modified Julian day.
    Julian "julian",
    /// `00` to `23`.
    Hour "hour",
    /// `00` to `59`.
    Minute "minute",
    /// `00` to `60`.
    Second "second",
    /// As `09:00:00`.
    Time "time",
    /// `date-time` of RFC 3339 §5.6 in upper case, `Z` for no offset.
    Iso8601 "iso8601",
    /// As in `Date:`.
    Std11 "std11",
    /// As `+0100`.
    Zone "zone",
    /// `0`, Sunday, to `6`.
    Weekday "weekday",
}

words! {
    /// `:importance` (RFC 5435 §3.4).
    Importance "\"1\", \"2\" or \"3\"":
    /// High.
    High "1",
    /// Normal, the default.
    Normal "2",
    /// Low.
    Low "3",
}

words! {
    /// `ret-value` (RFC 6009 §6).
    DsnReturn "\"FULL\" or \"HDRS\"":
    /// The whole message.
    Full "FULL",
    /// Its header.
    Headers "HDRS",
}

words! {
    /// `:bymode` (RFC 6009 §7).
    ByMode "\"notify\" or \"return\"":
    /// Say that it is late.
    Notify "notify",
    /// Send it back.
    Return "return",
}

/// `notify-value = "NEVER" / notify-esmtp-list` (RFC 6009 §6): nothing set stands for `NEVER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DsnNotify {
    /// Report what has arrived.
    pub success: bool,
    /// Report what could not be delivered.
    pub failure: bool,
    /// Report what is late.
    pub delay: bool,
}

impl WordOf for DsnNotify {
    const EXPECTED: &'static str =
        "\"NEVER\", or \"SUCCESS\", \"FAILURE\" and \"DELAY\" with commas";

    fn word(word: &str) -> Option<Self> {
        let mut notify = Self::default();
        if word.eq_ignore_ascii_case("NEVER") {
            return Some(notify);
        }
        for element in word.split(',') {
            let flag = match element {
                _ if element.eq_ignore_ascii_case("SUCCESS") => &mut notify.success,
                _ if element.eq_ignore_ascii_case("FAILURE") => &mut notify.failure,
                _ if element.eq_ignore_ascii_case("DELAY") => &mut notify.delay,
                _ => return None,
            };
            *flag = true;
        }
        Some(notify)
    }
}

/// `time-zone = ( "+" / "-" ) 4DIGIT` (RFC 5260 §4.1), in minutes east of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(pub i16);

impl WordOf for UtcOffset {
    const EXPECTED: &'static str = "a time zone, as \"+0100\"";

    fn word(word: &str) -> Option<Self> {
        let &[sign @ (b'+' | b'-'), h1, h2, m1, m2] = word.as_bytes() else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(10).and_then(|d| i16::try_from(d).ok());
        let number = |ten: u8, one: u8| digit(ten)?.checked_mul(10)?.checked_add(digit(one)?);
        let (hours, minutes) = (number(h1, h2)?, number(m1, m2)?);
        let east = hours.checked_mul(60)?.checked_add(minutes).filter(|_| minutes < 60)?;
        Some(Self(if sign == b'-' { east.checked_neg()? } else { east }))
    }
}

/// What `environment` asks for (RFC 5183 §4.1, RFC 6785 §4, vnd.dovecot.environment §3), in any
/// case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentItem {
    /// `domain`.
    Domain,
    /// `host`.
    Host,
    /// `location`.
    Location,
    /// `name`.
    Name,
    /// `phase`.
    Phase,
    /// `remote-host`.
    RemoteHost,
    /// `remote-ip`.
    RemoteIp,
    /// `version`.
    Version,
    /// `imap.user`.
    ImapUser,
    /// `imap.email`.
    ImapEmail,
    /// `imap.cause`.
    ImapCause,
    /// `imap.mailbox`.
    ImapMailbox,
    /// `imap.changedflags`.
    ImapChangedFlags,
    /// `vnd.dovecot.default-mailbox`.
    DefaultMailbox,
    /// `vnd.dovecot.username`.
    Username,
    /// `vnd.dovecot.config.`, and what follows.
    Config(Box<str>),
    /// Not known here. The test fails, and that is no error (RFC 5183 §4).
    Other(Box<str>),
}

/// The name before the setting's own.
const CONFIG: &str = "vnd.dovecot.config.";

impl WordOf for EnvironmentItem {
    const EXPECTED: &'static str = "the name of an environment item";

    /// Every name is one. `-` may be written `_`, as variables must (vnd.dovecot.environment §4).
    fn word(word: &str) -> Option<Self> {
        let name = word.to_ascii_lowercase().replace('_', "-");
        Some(match name.as_str() {
            "domain" => Self::Domain,
            "host" => Self::Host,
            "location" => Self::Location,
            "name" => Self::Name,
            "phase" => Self::Phase,
            "remote-host" => Self::RemoteHost,
            "remote-ip" => Self::RemoteIp,
            "version" => Self::Version,
            "imap.user" => Self::ImapUser,
            "imap.email" => Self::ImapEmail,
            "imap.cause" => Self::ImapCause,
            "imap.mailbox" => Self::ImapMailbox,
            "imap.changedflags" => Self::ImapChangedFlags,
            "vnd.dovecot.default-mailbox" => Self::DefaultMailbox,
            "vnd.dovecot.username" => Self::Username,
            name if name.starts_with(CONFIG) => {
                Self::Config(word.get(CONFIG.len()..).unwrap_or_default().into())
            }
            _ => Self::Other(word.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        let check = |word, want: Option<i16>| assert_eq!(UtcOffset::word(word).map(|o| o.0), want);
        check("+0100", Some(60));
        check("-0530", Some(-330));
        check("+9959", Some(5999));
        check("+0060", None);
        check("0100", None);
        check("+1:00", None);
        check("+01000", None);
        check("EST", None);
    }

    #[test]
    fn notify_conditions() {
        let check = |word, want| assert_eq!(DsnNotify::word(word), want, "{word}");
        let (success, failure, delay) = (true, true, true);
        check("never", Some(DsnNotify::default()));
        check("SUCCESS,Failure", Some(DsnNotify { success, failure, delay: false }));
        check("DELAY", Some(DsnNotify { delay, ..DsnNotify::default() }));
        check("NEVER,DELAY", None); // RFC 3461 §4.1
        check("SUCCESS, FAILURE", None);
        check("", None);
    }

    #[test]
    fn items() {
        let check = |word, want| assert_eq!(EnvironmentItem::word(word), Some(want), "{word}");
        check("Remote-Ip", EnvironmentItem::RemoteIp);
        check("vnd.dovecot.default_mailbox", EnvironmentItem::DefaultMailbox);
        check("vnd.dovecot.config.A_b", EnvironmentItem::Config("A_b".into()));
        check("what", EnvironmentItem::Other("what".into()));
    }
}
