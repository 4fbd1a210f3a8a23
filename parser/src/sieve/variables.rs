//! The variables of a script: each name is looked up once, here, and a number from then on.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::tree::{Scope, Variable, VariableId};

/// Variables of a script at most; RFC 5229 §6 asks for 128.
pub(super) const VARIABLES_MAX: usize = 4096;

/// All that were named so far.
#[derive(Debug, Default)]
pub(super) struct Variables {
    list: Vec<Variable>,
    ids: BTreeMap<(Scope, Box<str>), VariableId>,
    /// Names that `global` declared.
    global: BTreeSet<Box<str>>,
    /// Names that were set before they may have been declared.
    set: BTreeSet<Box<str>>,
}

impl Variables {
    /// The variable that a name without namespace stands for at this place; `None`: too many.
    pub(super) fn plain(&mut self, name: &str) -> Option<VariableId> {
        self.id(if self.global.contains(name) { Scope::Global } else { Scope::Local }, name)
    }

    /// The variable of this scope and name; `None`: too many.
    pub(super) fn id(&mut self, scope: Scope, name: &str) -> Option<VariableId> {
        let key = (scope, Box::from(name));
        if let Some(id) = self.ids.get(&key) {
            return Some(*id);
        }
        let count = Some(self.list.len()).filter(|&count| count < VARIABLES_MAX)?;
        let id = VariableId(u32::try_from(count).ok()?);
        self.list.push(Variable { name: name.into(), scope });
        self.ids.insert(key, id);
        Some(id)
    }

    /// A name without namespace is set here.
    pub(super) fn set(&mut self, name: &str) {
        if self.set.len() < VARIABLES_MAX {
            self.set.insert(name.into());
        }
    }

    /// RFC 6609 §3.4.1: from here on the name is that of a global variable. False if it was set as
    /// one of the script's own.
    pub(super) fn declare(&mut self, name: &str) -> bool {
        if self.set.contains(name) && !self.global.contains(name) {
            return false;
        }
        if self.global.len() < VARIABLES_MAX {
            self.global.insert(name.into());
        }
        true
    }

    pub(super) fn into_list(self) -> Box<[Variable]> {
        self.list.into()
    }
}
