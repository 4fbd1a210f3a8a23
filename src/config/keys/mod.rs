//! Every key: where it stands, its flag, what it is for, and the setting behind it. Reading a file,
//! reading flags, `-check`, `-help` and config.toml.example all follow this one table.

mod home;
mod objects;
mod scripts;
mod servers;

use std::sync::LazyLock;

use super::Config;
use super::unused::UNUSED;
use super::values::Value;

/// One key.
#[derive(Clone, Copy)]
pub(super) struct Key {
    /// `servers.imap`; "" at the top.
    pub(super) section: &'static str,
    /// Its name there.
    pub(super) name: &'static str,
    /// Its flag without the dash; "" if it has none.
    pub(super) flag: &'static str,
    /// For whoever reads the example: lines without `#`.
    pub(super) why: &'static str,
    /// The setting.
    pub(super) at: fn(&mut Config) -> &mut dyn Value,
}

impl Key {
    /// What it is set to.
    pub(super) fn show(&self, config: &Config) -> String {
        (self.at)(&mut config.clone()).show()
    }
}

/// A section of the file, by its path.
#[derive(Clone, Copy)]
struct Section(&'static str);

impl Section {
    /// A key of it.
    const fn key(
        self,
        name: &'static str,
        flag: &'static str,
        why: &'static str,
        at: fn(&mut Config) -> &mut dyn Value,
    ) -> Key {
        Key { section: self.0, name, flag, why, at }
    }
}

/// In the order of config.toml.example. Sections are together.
pub(super) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let parts: [&[&[Key]]; 2] = [&[home::KEYS, objects::KEYS, scripts::KEYS], servers::KEYS];
    parts.concat().concat()
});

/// A section and what stands in it.
pub(super) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The key at `section`, `name`.
pub(super) fn find(section: &str, name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.section == section && key.name == name)
}

/// True if a section of that name, or one below it, has keys with or without meaning.
pub(super) fn is_section(path: &str) -> bool {
    let within = |section: &str| {
        section.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    KEYS.iter().any(|key| within(key.section)) || UNUSED.iter().any(|unused| within(unused.section))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::unused::is_unused;

    fn path(key: &Key) -> String {
        join(key.section, key.name)
    }

    #[test]
    fn keys_and_flags_are_named_once_and_sections_stay_together() {
        let mut seen = HashSet::new();
        let mut sections: Vec<&str> = Vec::new();
        for key in KEYS.iter() {
            assert!(seen.insert(path(key)), "{} twice", path(key));
            assert!(key.flag.is_empty() || seen.insert(format!("-{}", key.flag)), "{}", key.flag);
            assert!(!is_unused(key.section, key.name), "{} is used", path(key));
            if sections.last() != Some(&key.section) {
                assert!(!sections.contains(&key.section), "[{}] in two places", key.section);
                sections.push(key.section);
            }
        }
        for unused in UNUSED {
            for (name, flag) in unused.names {
                assert!(seen.insert(join(unused.section, name)), "{name} twice");
                assert!(flag.is_empty() || seen.insert(format!("-{flag}")), "{flag} twice");
            }
            let named = |name: &&str| unused.names.iter().any(|(known, _)| known == name);
            assert!(unused.switches.iter().all(named), "{}", unused.section);
        }
    }

    /// For each kind of value one that is no key's default.
    const GIVEN: [&str; 14] = [
        ":9",
        "9mb",
        "9s",
        "9",
        "true",
        "/x",
        "10.0.0.0/8",
        "path",
        "s3",
        "mx:9",
        "lmtp",
        "none",
        "all",
        "text",
    ];

    #[test]
    fn every_key_reaches_a_setting_of_its_own() {
        for (index, key) in KEYS.iter().enumerate() {
            let mut config = Config::default();
            let before: Vec<String> = KEYS.iter().map(|key| key.show(&config)).collect();
            let value = (key.at)(&mut config);
            let taken = GIVEN.iter().find(|text| {
                value.set(super::super::values::Given::Flag(text)).is_some()
                    && value.show() != before[index]
            });
            let one_choice = ["engine", "listen"].contains(&key.name);
            assert!(taken.is_some() || one_choice, "{} cannot be set", path(key));
            let changed = KEYS.iter().zip(&before).filter(|(key, old)| key.show(&config) != **old);
            assert!(changed.count() <= 1, "{} sets another too", path(key));
        }
    }
}
