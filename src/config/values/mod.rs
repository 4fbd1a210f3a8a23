//! The kinds of value a key may have: how each is written, and how it prints again.

mod choice;
mod duration;
mod listen;
mod size;

use std::path::PathBuf;

pub(super) use choice::Choice;
pub use choice::{Engine, Hearing, Home, SieveLog, StatusType};
pub use duration::{duration, shown_duration};
pub use listen::Listen;
pub use size::Size;

use crate::model::{Networks, Secret};

/// A value as it was found: in a file with its type, on the command line as text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    /// A TOML string.
    Text(&'a str),
    /// A TOML integer.
    Integer(i64),
    /// A TOML boolean.
    Boolean(bool),
    /// A flag's value: text that may stand for any type.
    Flag(&'a str),
    /// A TOML type that no key takes.
    Other,
}

impl<'a> Given<'a> {
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Flag(text) => Some(text),
            _ => None,
        }
    }

    fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Flag(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// A setting that can be read and printed.
pub(super) trait Value {
    /// What to write: completes "expected …".
    fn expected(&self) -> &'static str;
    /// Takes what was given, or leaves itself alone.
    fn set(&mut self, given: Given<'_>) -> Option<()>;
    /// As TOML.
    fn show(&self) -> String;
    /// True if a flag may stand without a value.
    fn is_switch(&self) -> bool {
        false
    }
}

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl Value for bool {
    fn expected(&self) -> &'static str {
        "true or false"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = match given {
            Given::Boolean(value) => value,
            Given::Flag("true" | "1" | "t" | "T" | "TRUE" | "True") => true,
            Given::Flag("false" | "0" | "f" | "F" | "FALSE" | "False") => false,
            _ => return None,
        };
        Some(())
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn is_switch(&self) -> bool {
        true
    }
}

impl Value for u32 {
    fn expected(&self) -> &'static str {
        "a number from 1 to 4294967295"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = Self::try_from(given.integer()?).ok().filter(|number| *number > 0)?;
        Some(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// The host name: a word.
impl Value for String {
    fn expected(&self) -> &'static str {
        "a host name such as \"mail.example.com\", or \"\" for this machine's"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        let text = given.text()?.trim();
        let word = |c: char| c.is_alphanumeric() || "-._[]:".contains(c);
        *self = match text {
            "" => machine_name(),
            text if text.len() <= 255 && text.chars().all(word) => text.to_owned(),
            _ => return None,
        };
        Some(())
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

/// The machine's own name, or `localhost` if it has none.
pub(super) fn machine_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

impl Value for PathBuf {
    fn expected(&self) -> &'static str {
        "a path such as \"/var/lib/sora\""
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = Self::from(given.text().filter(|text| !text.is_empty())?);
        Some(())
    }

    fn show(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Value for Option<PathBuf> {
    fn expected(&self) -> &'static str {
        "a path such as \"/etc/sora/cert.pem\", or \"\" for none"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = Some(given.text()?).filter(|text| !text.is_empty()).map(PathBuf::from);
        Some(())
    }

    fn show(&self) -> String {
        quoted(&self.as_deref().unwrap_or_else(|| "".as_ref()).to_string_lossy())
    }
}

/// Digits only: no sign, no blanks.
fn whole(digits: &str) -> Option<u64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl Value for Networks {
    fn expected(&self) -> &'static str {
        "addresses and networks such as \"10.0.0.0/8, 2001:db8::1, unix\", or \"\" for none"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = given.text()?.parse().ok()?;
        Some(())
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// The system's log, by `/dev/log`.
    Syslog,
    /// Appended to a file.
    File(PathBuf),
}

impl Value for LogOutput {
    fn expected(&self) -> &'static str {
        "\"stderr\", \"stdout\", \"syslog\" or a path such as \"/var/log/sora.log\""
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = match given.text()? {
            "stderr" => Self::Stderr,
            "stdout" => Self::Stdout,
            "syslog" => Self::Syslog,
            path if path.contains('/') => Self::File(path.into()),
            _ => return None,
        };
        Some(())
    }

    fn show(&self) -> String {
        quoted(&match self {
            Self::Stderr => "stderr".into(),
            Self::Stdout => "stdout".into(),
            Self::Syslog => "syslog".into(),
            Self::File(path) => path.to_string_lossy(),
        })
    }
}

impl Value for u16 {
    fn expected(&self) -> &'static str {
        "a port from 1 to 65535"
    }

    /// A string or a number (pitfall 135).
    fn set(&mut self, given: Given<'_>) -> Option<()> {
        let port = match given {
            Given::Text(text) => text.parse().ok()?,
            given => Self::try_from(given.integer()?).ok()?,
        };
        *self = Some(port).filter(|port| *port > 0)?;
        Some(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Words that stand for themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl Value for Text {
    fn expected(&self) -> &'static str {
        "text in quotes"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        self.0 = given.text()?.trim().to_owned();
        Some(())
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// Words that are never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden(pub Secret);

impl Hidden {
    /// True if none were given.
    pub fn is_empty(&self) -> bool {
        self.0.expose().is_empty()
    }
}

impl Default for Hidden {
    fn default() -> Self {
        Self(Secret::new(""))
    }
}

impl Value for Hidden {
    fn expected(&self) -> &'static str {
        "text in quotes"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        self.0 = Secret::new(given.text()?.trim());
        Some(())
    }

    fn show(&self) -> String {
        quoted(if self.is_empty() { "" } else { "(hidden)" })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::s3::Addressing;

    use super::*;

    #[track_caller]
    fn check<T: Value>(mut value: T, given: Given<'_>, want: &str) {
        let shown = value.set(given).map_or("refused".to_owned(), |()| value.show());
        assert_eq!(shown, want);
        if shown != "refused" && shown.starts_with('"') {
            value.set(Given::Text(shown.trim_matches('"'))).expect("prints as it is read");
            assert_eq!(value.show(), want);
        }
    }

    #[test] // pitfall 135
    fn durations() {
        let text = |text, want| check(Duration::ZERO, Given::Text(text), want);
        text("14d", "\"14d\"");
        text("1h30m", "\"90m\"");
        text("500ms", "\"500ms\"");
        text("1.5h", "\"90m\"");
        text(".5s", "\"500ms\"");
        text("2h45m10s5ms", "\"9910005ms\"");
        text("336h", "\"14d\"");
        text("0", "\"0s\"");
        text("0s", "\"0s\"");
        text("1µs", "\"1us\"");
        for wrong in ["", "5", "-1h", "1w", "1.5d", "d", "h", "1h ", "1 h", ".s", "1..5h", "1e3s"] {
            // `"1h "` is trimmed: the only one of these that is right
            let want = if wrong == "1h " { "\"1h\"" } else { "refused" };
            text(wrong, want);
        }
        text("300000000000d", "\"300000000000d\"");
        text("99999999999999999999d", "refused");
        text("9999999999h", "refused"); // more nanoseconds than there are
        check(Duration::ZERO, Given::Integer(30), "refused"); // seconds or minutes?
    }

    #[test] // pitfall 135
    fn sizes() {
        let text = |text, want| check(Size(7), Given::Text(text), want);
        text("25mb", "\"25mb\"");
        text("25MB", "\"25mb\"");
        text("16 kb", "\"16kb\"");
        text("1gb", "\"1gb\"");
        text("1tb", "\"1tb\"");
        text("1024", "\"1kb\"");
        text("1000b", "\"1000b\"");
        text("0", "\"0b\"");
        for wrong in ["", "mb", "1.5mb", "-1", "25m", "25 mib", "9999999999tb"] {
            text(wrong, "refused");
        }
        check(Size(7), Given::Integer(1_048_576), "\"1mb\"");
        check(Size(7), Given::Integer(-1), "refused");
        check(Size(7), Given::Boolean(true), "refused");
    }

    #[test] // pitfall 135
    fn addresses() {
        let text = |text, want| check(None::<Listen>, Given::Text(text), want);
        text(":143", "\":143\"");
        text("127.0.0.1:1143", "\"127.0.0.1:1143\"");
        text("localhost:0", "\"localhost:0\"");
        text("[::1]:143", "\"[::1]:143\"");
        text("[0:0:0:0:0:0:0:1]:143", "\"[::1]:143\"");
        text("unix:/run/sora/imap", "\"unix:/run/sora/imap\"");
        text("", "\"\"");
        check(None::<Listen>, Given::Integer(143), "\":143\"");
        for wrong in
            ["143", "::1:143", "[::1]", "[::1:143", "a:b", ":65536", ":-1", "unix:", "[x]:1"]
        {
            text(wrong, "refused");
        }
        check(None::<Listen>, Given::Integer(70_000), "refused");
    }

    #[test]
    fn other_kinds() {
        check(false, Given::Boolean(true), "true");
        check(true, Given::Flag("f"), "false");
        check(false, Given::Text("true"), "refused");
        check(false, Given::Flag("yes"), "refused");
        check(5_u32, Given::Integer(9), "9");
        check(5_u32, Given::Flag("9"), "9");
        check(5_u32, Given::Integer(0), "refused");
        check(5_u32, Given::Integer(4_294_967_296), "refused");
        check(LogOutput::Stderr, Given::Text("./sora.log"), "\"./sora.log\"");
        check(LogOutput::Stderr, Given::Text("sysslog"), "refused");
        check(Engine::Sqlite, Given::Text("postgres"), "\"postgres\"");
        check(Engine::Sqlite, Given::Text("mysql"), "refused");
        check(Hearing::Listen, Given::Text("poll"), "\"poll\"");
        check(Hearing::Listen, Given::Text("notify"), "refused");
        check(1_u16, Given::Text("5433"), "5433");
        check(1_u16, Given::Integer(5_433), "5433");
        check(1_u16, Given::Integer(0), "refused");
        check(1_u16, Given::Flag("70000"), "refused");
        check(Hidden::default(), Given::Text("secret"), "\"(hidden)\"");
        check(Home::Directory, Given::Text("s3"), "\"s3\"");
        check(Home::Directory, Given::Text("swift"), "refused");
        check(Addressing::Auto, Given::Text("path"), "\"path\"");
        check(Text::default(), Given::Text(" a b "), "\"a b\"");
        check(String::new(), Given::Text("mail.example.com"), "\"mail.example.com\"");
        check(String::new(), Given::Text("two words"), "refused");
        check(PathBuf::new(), Given::Text(""), "refused");
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\u000A""#);
    }
}
