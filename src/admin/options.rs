//! The options behind a command: `--name value`, `--name=value`, `--switch`, and plain words. One
//! dash does as well as two.

use super::AdminError;

/// An option that a command knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) name: &'static str,
    /// What its value is called; "" for a switch.
    pub(super) value: &'static str,
    /// For `--help`; "" leaves it out.
    pub(super) what: &'static str,
}

impl Choice {
    pub(super) fn usage(&self) -> String {
        format!("--{} {}", self.name, self.value).trim_end().to_owned()
    }
}

/// What every command takes.
pub(super) const COMMON: &[Choice] = &[
    Choice { name: "config", value: "FILE", what: "the server's configuration (config.toml)" },
    Choice { name: "help", value: "", what: "print this" },
    Choice { name: "h", value: "", what: "" },
    // As the daemon's flags of these names; `--dbhost` chooses PostgreSQL, `--s3endpoint` a bucket.
    Choice { name: "dbhost", value: "HOST", what: "" },
    Choice { name: "dbport", value: "PORT", what: "" },
    Choice { name: "dbuser", value: "USER", what: "" },
    Choice { name: "dbpassword", value: "PASSWORD", what: "" },
    Choice { name: "dbname", value: "NAME", what: "" },
    Choice { name: "dbtls", value: "", what: "" },
    Choice { name: "s3endpoint", value: "SERVICE", what: "" },
    Choice { name: "s3bucket", value: "BUCKET", what: "" },
    Choice { name: "s3accesskey", value: "KEY", what: "" },
    Choice { name: "s3secretkey", value: "SECRET", what: "" },
    Choice { name: "s3trace", value: "", what: "" },
];

/// A command's arguments, understood.
#[derive(Debug)]
pub(super) struct Options<'a> {
    command: &'static str,
    given: Vec<(&'static str, &'a str)>,
    words: Vec<&'a str>,
}

impl<'a> Options<'a> {
    pub(super) fn parse(
        command: &'static str,
        choices: &[Choice],
        args: &'a [String],
    ) -> Result<Self, AdminError> {
        let mut options = Self { command, given: Vec::new(), words: Vec::new() };
        let mut rest = args.iter().map(String::as_str);
        while let Some(arg) = rest.next() {
            match arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')) {
                Some("") if arg == "--" => options.words.extend(rest.by_ref()),
                None | Some("") => options.words.push(arg), // `-` is standard input
                Some(body) => options.take(choices, body, &mut rest)?,
            }
        }
        Ok(options)
    }

    fn take(
        &mut self,
        choices: &[Choice],
        body: &'a str,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), AdminError> {
        let (name, value) = body.split_once('=').map_or((body, None), |(n, v)| (n, Some(v)));
        let Some(choice) = choices.iter().chain(COMMON).find(|choice| choice.name == name) else {
            return Err(self.wrong(&format!("no such option: --{name}")));
        };
        let value = match (choice.value, value) {
            // As the daemon's switches may have one.
            ("", None | Some("true")) => "",
            ("", Some("false")) => {
                self.given.retain(|(given, _)| *given != choice.name);
                return Ok(());
            }
            ("", Some(_)) => return Err(self.wrong(&format!("--{name} takes no value"))),
            (what, value) => value
                .or_else(|| rest.next())
                .ok_or_else(|| self.wrong(&format!("--{name} needs a value: {what}")))?,
        };
        self.given.push((choice.name, value));
        Ok(())
    }

    /// Those that are the daemon's flags, too, as it takes them.
    pub(super) fn flags(&self) -> Vec<String> {
        let is_daemons = |name: &str| name.starts_with("db") || name.starts_with("s3");
        let given = self.given.iter().filter(|(name, _)| is_daemons(name));
        let flag = |(name, value): &(&str, &str)| match *name {
            "dbtls" | "s3trace" => format!("-{name}"),
            name => format!("-{name}={value}"),
        };
        given.map(flag).collect()
    }

    /// The last value given.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).last()
    }

    /// Each value given.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(given, _)| *given == name).map(|(_, value)| *value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(super) fn wants_help(&self) -> bool {
        self.has("help") || self.has("h")
    }

    /// The value, without which the command cannot run.
    pub(super) fn required(&self, name: &str) -> Result<&'a str, AdminError> {
        self.value(name).ok_or_else(|| self.wrong(&format!("--{name} is missing")))
    }

    /// Plain words, in order.
    pub(super) fn words(&self) -> &[&'a str] {
        &self.words
    }

    /// Refuses plain words.
    pub(super) fn no_words(&self) -> Result<(), AdminError> {
        match self.words.first() {
            Some(word) => Err(self.wrong(&format!("{word:?} belongs to no option"))),
            None => Ok(()),
        }
    }

    /// The command line is wrong.
    pub(super) fn wrong(&self, what: &str) -> AdminError {
        AdminError::Usage { command: self.command, what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // compat.md: flags of the database and the bucket
    fn flags_of_the_daemon_are_handed_on() {
        #[track_caller]
        fn check(args: &[&str], want: &[&str]) {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(Options::parse("x", &[], &args).unwrap().flags(), want);
        }
        let all =
            ["--dbhost=db", "-dbport", "5433", "-dbuser=u", "--dbname", "n", "-dbpassword", "p"];
        let want = ["-dbhost=db", "-dbport=5433", "-dbuser=u", "-dbname=n", "-dbpassword=p"];
        check(&all, &want);
        check(&["--dbtls"], &["-dbtls"]);
        check(&["-dbtls=true"], &["-dbtls"]);
        check(&["-dbtls", "-dbtls=false"], &[]);
        let bucket = ["-s3endpoint", "s", "-s3bucket=b", "--s3accesskey=k", "-s3secretkey", "x"];
        let want = ["-s3endpoint=s", "-s3bucket=b", "-s3accesskey=k", "-s3secretkey=x"];
        check(&bucket, &want);
        check(&["-s3trace"], &["-s3trace"]);
        check(&["--config", "x"], &[]);
        let wrong = ["--dbtls=maybe".to_owned()];
        assert!(Options::parse("x", &[], &wrong).is_err());
    }
}
