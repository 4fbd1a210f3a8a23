//! The figures as a table for the terminal, and as a page of bars for the eye.

use std::fmt::Write as _;

use crate::lines::Unit;
use crate::{Cost, Line};

/// What was just measured, at once: a run takes minutes.
pub(crate) fn progress(server: &str, name: &str, unit: Unit, cost: Cost) {
    eprintln!("{server:16} {name:44} {}", shown(unit, cost));
}

fn shown(unit: Unit, cost: Cost) -> String {
    match unit {
        Unit::Each => {
            let each = |seconds: f64| seconds * 1e6 / cost.count;
            let cpu = format!("{:>9.1} µs CPU", each(cost.cpu));
            format!(
                "{:>9.0}/s {cpu}{}",
                cost.count / cost.wall,
                beside(cost.beside.map(each), "µs")
            )
        }
        Unit::Whole => {
            let ms = |seconds: f64| seconds * 1e3;
            let beside = beside(cost.beside.map(ms), "ms");
            format!("{:>9.1} ms {:>8.1} ms CPU{beside}", ms(cost.wall), ms(cost.cpu))
        }
        Unit::Bytes if cost.count > 1e7 => format!("{:>9.0} MiB", cost.count / 1_048_576.0),
        Unit::Bytes => format!("{:>9.0} bytes", cost.count),
        Unit::Count => format!("{:>9.0}", cost.count),
        Unit::Seconds => format!("{:>9.2} ms", cost.wall * 1e3),
    }
}

/// What was spent by the database and by the S3 server, if there are any.
fn beside([database, objects]: [f64; 2], unit: &str) -> String {
    match database + objects > 0.0 {
        true => format!(" (+ {database:.1} {unit} PostgreSQL, {objects:.1} {unit} S3)"),
        false => String::new(),
    }
}

/// How many times better Sora was: in wall time and in CPU. `None` where there is no peer.
fn ratios(line: &Line) -> Option<(f64, Option<f64>)> {
    let [(_, ours), (_, theirs)] = line.costs.as_slice() else { return None };
    let each = |value: f64, cost: &Cost| value / cost.count.max(1.0);
    match line.unit {
        Unit::Count => None,
        Unit::Bytes => Some((theirs.count / ours.count.max(1.0), None)),
        Unit::Seconds => Some((theirs.wall / ours.wall, None)),
        Unit::Each | Unit::Whole => {
            // Below two ticks of the kernel's clock a CPU figure says nothing.
            let cpu = (ours.cpu >= 0.02 || theirs.cpu >= 0.02)
                .then(|| each(theirs.cpu, theirs) / each(ours.cpu.max(0.005), ours));
            Some((each(theirs.wall, theirs) / each(ours.wall, ours), cpu))
        }
    }
}

/// The table, Markdown, as README quotes it.
pub(crate) fn table(lines: &[Line]) {
    let mut servers: Vec<&str> = Vec::new();
    for (server, _) in lines.iter().flat_map(|line| &line.costs) {
        if !servers.contains(server) {
            servers.push(server);
        }
    }
    let is_pair = servers == ["sora", "dovecot"];
    let more = if is_pair { " wall | CPU |" } else { "" };
    let rule = "---|".repeat(servers.len() + if is_pair { 3 } else { 1 });
    println!("\n| | {} |{more}\n|{rule}", servers.join(" | "));
    for line in lines {
        let cell = |name: &&str| {
            let cost = line.costs.iter().find(|(server, _)| server == name);
            let shown = cost.map(|(_, cost)| shown(line.unit, *cost).trim().to_owned());
            shown.unwrap_or_else(|| "–".to_owned())
        };
        let cells: Vec<String> = servers.iter().map(cell).collect();
        print!("| {} | {} |", line.name, cells.join(" | "));
        if is_pair {
            let (wall, cpu) = ratios(line).map_or((String::new(), String::new()), |(wall, cpu)| {
                (format!("{wall:.1}×"), cpu.map_or_else(String::new, |cpu| format!("{cpu:.1}×")))
            });
            print!(" {wall} | {cpu} |");
        }
        println!();
    }
}

/// A page of its own, no script: for each line two bars, shorter is better.
pub(crate) fn page(lines: &[Line]) -> String {
    let mut html = String::from(
        "<!doctype html><meta charset=utf-8><title>Sora beside Dovecot</title><style>\
         body{font:15px/1.4 system-ui;max-width:60em;margin:2em auto;padding:0 1em}\
         td{padding:.15em .6em;vertical-align:middle}i{display:block;height:.7em;border-radius:2px}\
         .sora{background:#2b7a78}.dovecot{background:#b8b8b8}small{color:#666}</style>\
         <h1>Sora beside Dovecot</h1><p>Time or memory for the same work; shorter is better. \
         <b style='color:#2b7a78'>Sora</b>, <b style='color:#888'>Dovecot</b>.</p><table>",
    );
    for line in lines {
        let value = |cost: &Cost| match line.unit {
            Unit::Bytes | Unit::Count => cost.count,
            Unit::Seconds => cost.wall,
            Unit::Each | Unit::Whole => cost.wall / cost.count.max(1.0),
        };
        let most = line.costs.iter().map(|(_, cost)| value(cost)).fold(f64::MIN_POSITIVE, f64::max);
        let _ok = write!(html, "<tr><td>{}<td style='width:24em'>", line.name);
        for (server, cost) in &line.costs {
            let width = (value(cost) / most * 100.0).max(0.4);
            let _ok = write!(html, "<i class={server} style='width:{width:.1}%'></i>");
        }
        let shown: Vec<String> =
            line.costs.iter().map(|(_, cost)| shown(line.unit, *cost).trim().to_owned()).collect();
        let _ok = write!(html, "<td><small>{}</small>", shown.join("<br>"));
    }
    html.push_str("</table>");
    html
}
