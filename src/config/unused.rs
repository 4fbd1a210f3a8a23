//! Keys of other versions of Sora, which this one takes and does not use: one warning names them.

use super::keys::join;

/// A key of other versions of Sora that this one accepts and does not use.
pub(super) struct Unused {
    /// As in [`Key`](super::keys::Key).
    pub(super) section: &'static str,
    /// Names, and the flag of each or "".
    pub(super) names: &'static [(&'static str, &'static str)],
    /// Names whose flag may stand without a value.
    pub(super) switches: &'static [&'static str],
}

/// One table, one warning (`file.rs` writes it).
pub(super) const UNUSED: &[Unused] = &[
    Unused { section: "uploader", names: &[("path", "uploaderpath")], switches: &[] },
    Unused {
        section: "servers.imap",
        names: &[
            ("master_username", "masterusername"),
            ("master_password", "masterpassword"),
            ("master_sasl_username", "mastersaslusername"),
            ("master_sasl_password", "mastersaslpassword"),
            ("tls_verify", "imaptlsverify"),
        ],
        switches: &["tls_verify"],
    },
    Unused {
        section: "servers.lmtp",
        names: &[("tls_verify", "lmtptlsverify")],
        switches: &["tls_verify"],
    },
    Unused {
        section: "servers.pop3",
        names: &[("tls_verify", "pop3tlsverify")],
        switches: &["tls_verify"],
    },
    Unused {
        section: "servers.managesieve",
        names: &[("tls_verify", "managesievetlsverify")],
        switches: &["tls_verify"],
    },
];

/// True if `section`, `name` is in [`UNUSED`].
pub(super) fn is_unused(section: &str, name: &str) -> bool {
    let mut tables = UNUSED.iter().filter(|unused| unused.section == section);
    tables.any(|unused| unused.names.iter().any(|(known, _)| *known == name))
}

/// The unused key behind a flag, as a path, and whether the flag may stand without a value.
pub(super) fn unused_flag(flag: &str) -> Option<(String, bool)> {
    let named = |(_, known): &&(&str, &str)| !known.is_empty() && *known == flag;
    UNUSED.iter().find_map(|unused| {
        let (name, _) = unused.names.iter().find(named)?;
        Some((join(unused.section, name), unused.switches.contains(name)))
    })
}
