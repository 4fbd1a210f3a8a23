//! The commands about scripts (RFC 5804 §2.5 to §2.12).

use parser::imap::Str;
use parser::managesieve::Command;
use parser::managesieve::write::{self, Code, Status};

use super::{ManageSieve, Next, Output};
use crate::job::{Job, Reply, ScriptInfo};
use crate::model::{AccountId, ScriptName};

/// What a job was run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// LISTSCRIPTS
    List,
    /// GETSCRIPT
    Get,
    /// PUTSCRIPT and CHECKSCRIPT
    Check,
    /// The others, with what to say once it is done.
    Do(&'static str),
}

impl ManageSieve {
    pub(super) fn on_script_command(
        &mut self,
        account: AccountId,
        command: Command<'_>,
        out: &mut Output,
    ) -> Next {
        let scripts_max = self.settings.sieve.scripts_max;
        let (asked, job) = match command {
            Command::ListScripts => (Asked::List, Job::ListScripts { account }),
            Command::GetScript(name) => {
                let Some(name) = named(&name) else { return self.no_such_name(out) };
                (Asked::Get, Job::GetScript { account, name })
            }
            Command::PutScript { name, script } => {
                let Some(name) = named(&name) else { return self.no_such_name(out) };
                let Some(script) = self.script(&script) else { return self.too_large(out) };
                let offered = self.settings.sieve.offered;
                (Asked::Check, Job::PutScript { account, name, script, offered, scripts_max })
            }
            Command::CheckScript(script) => {
                let Some(script) = self.script(&script) else { return self.too_large(out) };
                (Asked::Check, Job::CheckScript { script, offered: self.settings.sieve.offered })
            }
            Command::HaveSpace { name, size } => {
                let Some(name) = named(&name) else { return self.no_such_name(out) };
                if size > self.settings.sieve.script_bytes_max {
                    return self.too_large(out); // pitfall 129
                }
                (Asked::Do("There is room"), Job::HaveSpace { account, name, scripts_max })
            }
            Command::SetActive(name) => {
                let text = if name.is_some() { "It is active" } else { "No script is active" };
                let wanted = name.as_ref().map(named);
                let Some(name) = wanted.map_or(Some(None), |name| name.map(Some)) else {
                    return self.no_such_name(out);
                };
                (Asked::Do(text), Job::ActivateScript { account, name })
            }
            Command::DeleteScript(name) => {
                let Some(name) = named(&name) else { return self.no_such_name(out) };
                (Asked::Do("It is gone"), Job::DeleteScript { account, name })
            }
            Command::RenameScript { from, to } => {
                let (Some(from), Some(to)) = (named(&from), named(&to)) else {
                    return self.no_such_name(out);
                };
                (Asked::Do("Renamed"), Job::RenameScript { account, from, to })
            }
            Command::Unauthenticate => return self.on_unauthenticate(out),
            _ => return self.bad("Not now", out),
        };
        self.ask(asked, job)
    }

    /// A script that is not too large.
    fn script(&self, script: &Str<'_>) -> Option<Vec<u8>> {
        let script = script.bytes();
        let fits = script.len() <= self.settings.sieve.script_bytes_max as usize;
        fits.then(|| script.into_owned())
    }

    fn too_large(&mut self, out: &mut Output) -> Next {
        let text = format!("At most {} bytes", self.settings.sieve.script_bytes_max);
        self.no(Some(Code::QuotaMaxSize), &text, out)
    }

    fn no_such_name(&mut self, out: &mut Output) -> Next {
        self.bad("No script can be called so", out)
    }

    pub(super) fn on_answer(&mut self, asked: &Asked, reply: Reply, out: &mut Output) -> Next {
        match (asked, reply) {
            (Asked::List, Reply::Scripts(scripts)) => {
                scripts.iter().for_each(|script| listed(script, out));
                self.ok("", out)
            }
            (Asked::Get, Reply::Script(script)) => {
                write::line(out.buffer(), &script);
                self.ok("", out)
            }
            (Asked::Check, Reply::ScriptTaken { warnings }) if warnings.is_empty() => {
                self.ok("It compiles", out)
            }
            (Asked::Check, Reply::ScriptTaken { warnings }) => {
                // RFC 5804 §1.3 WARNINGS
                write::response(out.buffer(), Status::Ok, Some(Code::Warnings), &warnings);
                Next::Read
            }
            (Asked::Check, Reply::ScriptWrong { mistakes }) => self.no(None, &mistakes, out),
            (Asked::Do(text), Reply::Done) => self.ok(text, out),
            (_, reply) => self.fail(&reply, out),
        }
    }
}

fn named(name: &parser::managesieve::ScriptName<'_>) -> Option<ScriptName> {
    ScriptName::new(name.as_str())
}

fn listed(script: &ScriptInfo, out: &mut Output) {
    let name = script.name.as_str().as_bytes();
    let Ok(name) = parser::managesieve::ScriptName::new(name.into()) else { return };
    if script.is_active {
        write::listed_active(out.buffer(), &name);
    } else {
        write::listed(out.buffer(), &name);
    }
}
