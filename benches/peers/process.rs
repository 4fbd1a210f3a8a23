//! What a server costs: CPU and memory of it and all its children, read from /proc.

use std::collections::HashMap;
use std::fs;

/// A process and all that descend from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    pub(crate) root: u32,
}

/// The fields of /proc/PID/stat that matter here.
struct Stat {
    parent: u32,
    ticks: u64,
}

impl Tree {
    /// CPU seconds of every living process and of every child they have waited for.
    pub(crate) fn cpu_seconds(self) -> f64 {
        let ticks: u64 = self.stats().iter().map(|(_, stat)| stat.ticks).sum();
        ticks as f64 / 100.0 // USER_HZ is 100 on every Linux there is
    }

    /// Proportional resident bytes: a page that many processes share is counted once.
    pub(crate) fn resident_bytes(self) -> u64 {
        let rollup = |pid: u32| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
        let pss = |text: String| {
            let line = text.lines().find(|line| line.starts_with("Pss:"))?.to_owned();
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        self.stats().iter().filter_map(|(pid, _)| rollup(*pid).and_then(pss)).sum::<u64>() * 1024
    }

    fn stats(self) -> Vec<(u32, Stat)> {
        let mut all: HashMap<u32, Stat> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            all.extend(stat(pid).map(|stat| (pid, stat)));
        }
        let mut family = vec![self.root];
        let mut seen = 0;
        while let Some(&parent) = family.get(seen) {
            family
                .extend(all.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, _)| *pid));
            seen += 1;
        }
        family.into_iter().filter_map(|pid| all.remove(&pid).map(|stat| (pid, stat))).collect()
    }
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), the name's parenthesis cut off.
    let ticks = (11..15).filter_map(number).sum();
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, ticks })
}
