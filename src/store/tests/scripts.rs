use std::time::Duration;

use super::*;
use crate::model::ScriptName;

fn script(text: &str) -> ScriptName {
    ScriptName::new(text).unwrap()
}

impl Fixture {
    fn put(&self, name: &str, text: &str) -> Result<(), Error> {
        self.put_script(self.account, &script(name), text.into(), 3)
    }

    fn listed(&self) -> Vec<(String, bool, u64)> {
        let scripts = self.scripts(self.account).unwrap().into_iter();
        scripts.map(|info| (info.name.as_str().to_owned(), info.is_active, info.bytes)).collect()
    }

    fn active(&self) -> Option<(i64, String)> {
        let active = self.active_script(self.account).unwrap()?;
        Some((active.id, String::from_utf8(active.script).unwrap()))
    }
}

#[test]
fn scripts_are_kept_by_name_and_numbered_by_what_they_say() {
    let store = fixture();
    store.put("b", "keep;").unwrap();
    store.put("a", "stop;\r\n").unwrap();
    assert_eq!(store.listed(), [("a".into(), false, 7), ("b".into(), false, 5)]);
    assert_eq!(store.active(), None);
    store.activate_script(store.account, Some(&script("b"))).unwrap();
    assert_eq!(store.active(), Some((1, "keep;".into())));
    store.put("b", "discard;").unwrap();
    assert_eq!(store.active(), Some((3, "discard;".into())), "active stays active, as another");
    assert_eq!(store.script(store.account, &script("a")).unwrap(), b"stop;\r\n");
    assert_eq!(refused(store.script(store.account, &script("A"))), Refusal::NoSuchScript);
}

#[test] // pitfalls 126, 127
fn one_script_is_active_at_most() {
    let store = fixture();
    store.put("a", "keep;").unwrap();
    store.put("b", "stop;").unwrap();
    let activate =
        |name: Option<&str>| store.activate_script(store.account, name.map(script).as_ref());
    activate(Some("a")).unwrap();
    activate(Some("b")).unwrap();
    assert_eq!(store.listed(), [("a".into(), false, 5), ("b".into(), true, 5)]);
    assert_eq!(refused(activate(Some("c"))), Refusal::NoSuchScript);
    assert_eq!(store.active(), Some((2, "stop;".into())), "a wrong name changes nothing");
    let delete = |name| store.delete_script(store.account, &script(name));
    assert_eq!(refused(delete("b")), Refusal::ScriptActive);
    assert_eq!(refused(delete("c")), Refusal::NoSuchScript);
    let rename = |from, to| store.rename_script(store.account, &script(from), &script(to));
    rename("b", "c").unwrap();
    assert_eq!(store.listed(), [("a".into(), false, 5), ("c".into(), true, 5)]);
    assert_eq!(store.active(), Some((3, "stop;".into())), "a number means a name, too");
    assert_eq!(refused(rename("b", "d")), Refusal::NoSuchScript);
    assert_eq!(refused(rename("c", "a")), Refusal::ScriptExists);
    assert_eq!(refused(rename("c", "c")), Refusal::ScriptExists);
    activate(None).unwrap();
    activate(None).unwrap();
    assert_eq!(store.active(), None);
    delete("c").unwrap();
    store.put("a", "keep;").unwrap();
    activate(Some("a")).unwrap();
    assert_eq!(store.active(), Some((4, "keep;".into())), "no number is used twice");
}

#[test] // pitfall 129
fn scripts_are_counted() {
    let store = fixture();
    let has_space = |name| store.has_space(store.account, &script(name), 3);
    for name in ["a", "b", "c"] {
        has_space(name).unwrap();
        store.put(name, "keep;").unwrap();
    }
    assert_eq!(refused(has_space("d")), Refusal::TooManyScripts);
    assert_eq!(refused(store.put("d", "keep;")), Refusal::TooManyScripts);
    has_space("a").unwrap();
    store.put("a", "stop;").unwrap();
}

#[test]
fn an_account_takes_its_scripts_with_it() {
    let store = fixture();
    store.put("a", "keep;").unwrap();
    store.activate_script(store.account, Some(&script("a"))).unwrap();
    store.delete_account(store.account).unwrap();
    assert_eq!(store.active(), Some((1, "keep;".into())), "and has them again if it is restored");
    let at_once = Retention { grace: Duration::ZERO, max_age: None };
    while store.remove_account(store.account, &at_once).unwrap() == AccountStep::More {}
    assert_eq!(store.listed(), []);
}
