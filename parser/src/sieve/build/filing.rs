//! Mailboxes and flags: where mail goes, and what it is marked with.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::super::capability::Capability as C;
use super::super::check::{Call, Checker};
use super::super::error::shown;
use super::super::form;
use super::super::text::is_identifier;
use super::super::tree::{Command, Content, Filing, FlagChange, Text, VariableId};

impl Checker {
    pub(super) fn filing(&mut self, call: &Call<'_, '_>, mailbox: Text) -> Filing {
        self.mailbox(&mailbox);
        let mailbox_id = self.tag_text(call, "mailboxid");
        if let Some(id) = &mailbox_id {
            self.must_be(id, form::object_id, "a mailbox id");
        }
        let special_use = self.tag_text(call, "specialuse");
        if let Some(text) = &special_use {
            self.special_use(text);
        }
        let create = call.has("create");
        Filing { mailbox, create, flags: self.flags_tag(call), mailbox_id, special_use }
    }

    /// RFC 5228 §4.1 lets a name that can be none be an error.
    pub(super) fn mailbox(&mut self, text: &Text) {
        self.must_be(text, form::mailbox, "the name of a mailbox");
    }

    /// RFC 8579 §4: an invalid attribute is as an invalid name.
    pub(super) fn special_use(&mut self, text: &Text) {
        self.must_be(text, form::special_use, "a special-use attribute, as \"\\\\Archive\"");
    }

    /// `FCC = ":fcc" string *FCC-OPTS` — RFC 8580 §3.2.
    pub(super) fn fcc(&mut self, call: &Call<'_, '_>) -> Option<Filing> {
        for option in ["flags", "create", "mailboxid", "specialuse"] {
            self.together(call, option, "fcc");
        }
        let mailbox = self.tag_text(call, "fcc")?;
        Some(self.filing(call, *mailbox))
    }

    /// `:flags` — RFC 5232 §5.
    pub(super) fn flags_tag(&mut self, call: &Call<'_, '_>) -> Option<Box<[Text]>> {
        let flags = self.tag_list(call, "flags")?;
        Some(self.flags(flags))
    }

    /// RFC 5232 §2: spaces separate flags, and what is no flag is ignored. Where that is known now
    /// it is done now.
    fn flags(&mut self, texts: Vec<Text>) -> Box<[Text]> {
        let mut flags = Vec::with_capacity(texts.len());
        for text in texts {
            let Content::Constant(constant) = &text.content else {
                flags.push(text);
                continue;
            };
            for name in constant.split([' ', '\t', '\r', '\n']).filter(|name| !name.is_empty()) {
                if form::flag(name) {
                    flags.push(Text { at: text.at, content: Content::Constant(name.into()) });
                } else {
                    self.warnings
                        .add(text.at, format!("{} is no flag that can be set", shown(name)));
                }
            }
        }
        flags.into()
    }

    /// `setflag`, `addflag`, `removeflag` — RFC 5232 §3.
    pub(super) fn change_flags(
        &mut self,
        change: FlagChange,
        call: &Call<'_, '_>,
    ) -> Option<Command> {
        let flags = self.slot_list(call, 1);
        let variable = match call.slot(0) {
            Some(argument) => {
                // §1: a variable of flags needs "variables" too.
                self.need(argument.at, &[C::Variables], format_args!("a variable of flags"));
                Some(self.variable_to_set(Some(argument))?)
            }
            None => None,
        };
        Some(Command::Flags { change, variable, flags: self.flags(flags) })
    }

    /// The variables of `hasflag` — RFC 5232 §4.
    pub(super) fn flag_variables(&mut self, call: &Call<'_, '_>) -> Box<[VariableId]> {
        let Some(argument) = call.slot(0) else { return Box::default() };
        self.need(argument.at, &[C::Variables], format_args!("a variable of flags"));
        let texts = self.strings(argument);
        texts.iter().filter_map(|text| self.variable_named(text)).collect()
    }

    /// A variable by its name without `${}`, to be read.
    fn variable_named(&mut self, text: &Text) -> Option<VariableId> {
        let name = self.constant(text)?.to_ascii_lowercase();
        if is_identifier(&name) {
            return Some(self.variable(text.at, None, &name));
        }
        self.form(text, "a variable name");
        None
    }
}
