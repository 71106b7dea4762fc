//! What users see of the state, and what they send.

use std::hint::black_box;
use std::time::Duration;

use taskmaster::http::{self, Face};
use taskmaster::view::metrics::{LogBytes, Own};
use taskmaster::view::{self, About, Observed, Snapshot, Usage};

use super::Work;
use super::core::Stage;

pub const ROWS: usize = 10_000;

const BROWSER: &[u8] = b"GET /api/status?program=worker HTTP/1.1\r\nHost: localhost:8080\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: http://localhost:8080/\r\nConnection: keep-alive\r\n\
Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\nPriority: u=4\r\n\
If-None-Match: \"17-42\"\r\n\r\n";
const COMMAND: &[u8] = b"{\"command\": \"restart --rolling worker:1 'w*' @FATAL\"}";

fn observed(pid: u32) -> Observed {
    let usage = Usage { cpu_percent: 12.5, cpu_seconds: f64::from(pid), rss_bytes: 4096 * u64::from(pid) };
    Observed { usage: Some(usage), trouble: None }
}

fn take(stage: &Stage) -> Snapshot {
    view::take(&stage.core, stage.now + Duration::from_millis(12_345), observed)
}

/// Work on a finished snapshot.
fn rendering(render: impl Fn(&Snapshot) + 'static) -> Work {
    let snapshot = take(&Stage::running(ROWS));
    Box::new(move || render(&snapshot))
}

pub fn snapshot() -> Work {
    let stage = Stage::running(ROWS);
    Box::new(move || drop(black_box(take(&stage))))
}

pub fn table() -> Work {
    rendering(|snapshot| drop(black_box(view::table::render(snapshot))))
}

pub fn overview() -> Work {
    rendering(|snapshot| drop(black_box(view::overview::render(snapshot, 100, true))))
}

pub fn json() -> Work {
    rendering(|snapshot| {
        let about =
            About { pid: 4242, uptime: Duration::from_millis(98_765), config: "config.yaml".to_owned() };
        drop(black_box(view::json::status(&about, snapshot)));
    })
}

/// What each open page is sent when one instance has changed.
pub fn one_change() -> Work {
    rendering(|snapshot| {
        let row = snapshot.rows().next().expect("a row").clone();
        let data = view::json::change(&[0; 7], &[row]);
        drop(black_box(http::sse::event("change", Some("17-42"), &data)));
    })
}

pub fn metrics() -> Work {
    rendering(|snapshot| {
        let bytes = [LogBytes { written: 1_234_567, dropped: 0 }; ROWS];
        drop(black_box(view::metrics::render(snapshot, &Own::default(), &bytes)));
    })
}

pub fn browser_request() -> Work {
    Box::new(|| {
        let head = http::head_length(black_box(BROWSER), 0).expect("a whole head");
        let (request, _) = http::parse(&BROWSER[..head], Face::Tcp).expect("a good request");
        drop(black_box(http::route(&request).expect("it leads somewhere")));
    })
}

/// The search for the end of a head that trickles in.
pub fn slow_request() -> Work {
    Box::new(|| {
        for length in 1..BROWSER.len() {
            assert!(http::head_length(black_box(&BROWSER[..length]), length - 1).is_none());
        }
    })
}

pub fn command() -> Work {
    Box::new(|| {
        let line = http::commands::command(black_box(COMMAND)).expect("a command");
        drop(black_box(taskmaster::command::parse(&line).expect("it is understood")));
    })
}
