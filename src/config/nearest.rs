//! What somebody may have meant who wrote a name that is none.

use super::keys::KEYS;

/// What somebody who wrote `name` in `section` may have meant.
pub(super) fn nearest(section: &str, name: &str) -> Option<String> {
    let here = KEYS.iter().filter(|key| key.section == section);
    let close = here.map(|key| (distance(name, key.name), key)).min_by_key(|(far, _)| *far);
    match close {
        Some((far, key)) if far <= 1 + name.len() / 4 => Some(key.name.to_owned()),
        _ => {
            let elsewhere = KEYS.iter().find(|key| key.name == name)?;
            Some(match elsewhere.section {
                "" => format!("{name} above the first [section]"),
                section => format!("{name} in [{section}]"),
            })
        }
    }
}

/// The section somebody may have meant by `path`.
pub(super) fn nearest_section(path: &str) -> Option<&'static str> {
    let named = KEYS.iter().map(|key| key.section).filter(|section| !section.is_empty());
    let (far, section) = named.map(|section| (distance(path, section), section)).min()?;
    (far <= 1 + path.len() / 4).then_some(section)
}

/// The flag somebody may have meant.
pub(super) fn nearest_flag(flag: &str) -> Option<&'static str> {
    let named = KEYS.iter().map(|key| key.flag).filter(|flag| !flag.is_empty());
    let (far, near) = named.map(|known| (distance(flag, known), known)).min()?;
    (far <= 1 + flag.len() / 4).then_some(near)
}

/// Levenshtein's: insertions, deletions and substitutions between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("addr", "addr"), 0);
        assert_eq!(distance("adr", "addr"), 1);
        assert_eq!(distance("apend_limt", "append_limit"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
