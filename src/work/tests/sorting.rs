//! Mail that comes in, and the scripts that sort it.

use super::*;
use crate::config::{Config, StatusType, Text};
use crate::model::ScriptName;

/// As the configuration says it.
fn settings(set: impl FnOnce(&mut crate::config::Sieve)) -> super::super::SieveSettings {
    let mut config = Config::default();
    set(&mut config.sieve);
    Settings::of(&config).sieve
}

impl Room {
    /// Makes `text` the active script.
    #[track_caller]
    fn sort_by(&self, text: &str) {
        let name = ScriptName::new("main").unwrap();
        let store = &self.runner.store;
        store.put_script(self.account, &name, text.into(), 10).unwrap();
        store.activate_script(self.account, Some(&name)).unwrap();
    }

    /// How many messages are where, as `INBOX 1, Junk 2`.
    #[track_caller]
    fn found(&self) -> String {
        let all = self.runner.store.list_mailboxes(self.account).unwrap();
        let full = all.iter().map(|info| (info.name.as_str(), info.messages));
        let full: Vec<String> =
            full.filter(|full| full.1 > 0).map(|(name, n)| format!("{name} {n}")).collect();
        full.join(", ")
    }
}

#[test] // RFC 5235 §3.1, §3.2, §3.3
fn what_a_checker_found_is_told_to_scripts() {
    let room = Room::with(settings(|sieve| {
        sieve.spam.header = Text("X-Spam-Status: score=(-?[0-9.]+)".into());
        sieve.virus.header = Text("X-Virus".into());
        sieve.virus.kind = StatusType::Text;
        sieve.virus.texts = Text("clean=1, infected=5".into());
    }));
    room.sort_by(
        r#"require ["fileinto", "spamtest", "spamtestplus", "virustest", "relational",
             "comparator-i;ascii-numeric"];
           if virustest :value "eq" :comparator "i;ascii-numeric" "5" { fileinto "Trash"; }
           elsif spamtest :percent :value "eq" :comparator "i;ascii-numeric" "100" { discard; }
           elsif spamtest :value "ge" :comparator "i;ascii-numeric" "8" { fileinto "Junk"; }
           elsif spamtest :value "eq" :comparator "i;ascii-numeric" "0" { fileinto "Archive"; }"#,
    );
    let check = |header: &str, want: &str| {
        let message = format!("{header}\r\nSubject: x\r\n\r\n");
        assert_eq!(room.deliver(&["bob@example.org"], message.as_bytes()), [Ok(())]);
        assert_eq!(room.found(), want, "{header}");
    };
    check("X-Spam-Status: No, score=-1.5 required=5.0", "INBOX 1");
    check("X-Spam-Status: Yes, score=4.2 required=4.0", "INBOX 1, Junk 1");
    check("X-Spam-Status: Yes, score=50 required=5.0", "INBOX 1, Junk 1");
    check("X-Other: 1", "Archive 1, INBOX 1, Junk 1");
    check("X-Virus: Infected", "Archive 1, INBOX 1, Junk 1, Trash 1");
}
