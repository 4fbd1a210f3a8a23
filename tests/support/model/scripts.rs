//! Sieve scripts.

use parser::sieve::{Capabilities, Error, compile};
use sora::error::{Fault, Refusal};
use sora::job::{Job, Reply, ScriptInfo};
use sora::model::{AccountId, ScriptName};

use super::Model;

/// One script.
pub(super) struct Kept {
    name: ScriptName,
    is_active: bool,
    script: Vec<u8>,
}

impl Model {
    pub(super) fn run_about_scripts(&mut self, job: Job) -> Result<Reply, Refusal> {
        match job {
            Job::ListScripts { account } => Ok(Reply::Scripts(self.scripts(account))),
            Job::GetScript { account, name } => {
                Ok(Reply::Script(self.script(account, &name)?.script.clone()))
            }
            Job::CheckScript { script, offered } => Ok(checked(&script, offered)),
            Job::PutScript { account, name, script, offered, scripts_max } => {
                let reply = checked(&script, offered);
                if let Reply::ScriptTaken { .. } = reply {
                    self.has_space(account, &name, scripts_max)?;
                    match self.script(account, &name) {
                        Ok(kept) => kept.script = script,
                        Err(_) => {
                            let kept = Kept { name, is_active: false, script };
                            self.account(account).scripts.push(kept);
                        }
                    }
                }
                Ok(reply)
            }
            Job::HaveSpace { account, name, scripts_max } => {
                self.has_space(account, &name, scripts_max)?;
                Ok(Reply::Done)
            }
            Job::ActivateScript { account, name } => {
                if let Some(name) = &name {
                    self.script(account, name)?;
                }
                for kept in &mut self.account(account).scripts {
                    kept.is_active = name.as_ref() == Some(&kept.name);
                }
                Ok(Reply::Done)
            }
            Job::DeleteScript { account, name } => {
                if self.script(account, &name)?.is_active {
                    return Err(Refusal::ScriptActive);
                }
                self.account(account).scripts.retain(|kept| kept.name != name);
                Ok(Reply::Done)
            }
            Job::RenameScript { account, from, to } => {
                self.script(account, &from)?;
                if self.script(account, &to).is_ok() {
                    return Err(Refusal::ScriptExists);
                }
                self.script(account, &from)?.name = to;
                Ok(Reply::Done)
            }
            _ => Ok(Reply::Failed(Fault::ServerBug)),
        }
    }

    fn scripts(&mut self, account: AccountId) -> Vec<ScriptInfo> {
        let info = |kept: &Kept| ScriptInfo {
            name: kept.name.clone(),
            is_active: kept.is_active,
            bytes: kept.script.len() as u64,
        };
        let mut scripts: Vec<ScriptInfo> = self.account(account).scripts.iter().map(info).collect();
        scripts.sort_by(|a, b| a.name.cmp(&b.name));
        scripts
    }

    fn script(&mut self, account: AccountId, name: &ScriptName) -> Result<&mut Kept, Refusal> {
        let mut scripts = self.account(account).scripts.iter_mut();
        scripts.find(|kept| kept.name == *name).ok_or(Refusal::NoSuchScript)
    }

    fn has_space(
        &mut self,
        account: AccountId,
        name: &ScriptName,
        scripts_max: u32,
    ) -> Result<(), Refusal> {
        let count = self.account(account).scripts.len();
        if self.script(account, name).is_err() && count >= scripts_max as usize {
            return Err(Refusal::TooManyScripts);
        }
        Ok(())
    }
}

fn checked(script: &[u8], offered: Capabilities) -> Reply {
    let report = |errors: &[Error]| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        lines.join("\r\n")
    };
    match compile(script, offered) {
        Ok(compiled) => Reply::ScriptTaken { warnings: report(&compiled.warnings) },
        Err(mistakes) => Reply::ScriptWrong { mistakes: report(&mistakes) },
    }
}
