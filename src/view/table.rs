//! The answer to `status` for scripts: aligned columns, one line for each instance, whatever happens.
//! What a person at a terminal sees is `overview`.

use std::time::Duration;

use super::{ProcessRow, Snapshot};

const HEAD: [&str; 5] = ["NAME", "STATE", "PID", "UPTIME", "DESCRIPTION"];

/// The head and one line for each row.
pub fn render(snapshot: &Snapshot) -> Vec<String> {
    let rows: Vec<[String; 5]> =
        std::iter::once(HEAD.map(str::to_owned)).chain(snapshot.rows().map(cells)).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 5]| {
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn cells(row: &ProcessRow) -> [String; 5] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        row.name.clone(),
        row.state.name().to_owned(),
        or_dash(row.pid.map(|pid| pid.to_string())),
        or_dash(row.uptime.map(clock)),
        row.description.clone(),
    ]
}

/// `0:00:12`, and `3d 04:05:06` beyond a day.
pub(super) fn clock(uptime: Duration) -> String {
    let total = uptime.as_secs();
    let (days, hours, minutes, seconds) = (total / 86400, total / 3600 % 24, total / 60 % 60, total % 60);
    match days {
        0 => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => format!("{days}d {hours:02}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_reads_like_a_clock() {
        let shown = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!(shown(0), "0:00:00");
        assert_eq!(shown(3661), "1:01:01");
        assert_eq!(shown(86399), "23:59:59");
        assert_eq!(shown(3 * 86400 + 61), "3d 00:01:01");
    }
}
