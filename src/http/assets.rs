//! The dashboard's files, embedded: the binary is all that has to be installed.

/// One file of the dashboard.
#[derive(Debug, PartialEq, Eq)]
pub struct Asset {
    path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its text.
    pub body: &'static str,
    hash: u64,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($path:literal, $content_type:expr, $file:literal) => {
        Asset::new($path, $content_type, include_str!(concat!("../../dashboard/", $file)))
    };
}

static ASSETS: [Asset; 28] = [
    asset!("/", HTML, "index.html"),
    asset!("/ansi.js", JAVASCRIPT, "ansi.js"),
    asset!("/app.js", JAVASCRIPT, "app.js"),
    asset!("/black_box.js", JAVASCRIPT, "black_box.js"),
    asset!("/clipboard.js", JAVASCRIPT, "clipboard.js"),
    asset!("/connection.js", JAVASCRIPT, "connection.js"),
    asset!("/dock.css", CSS, "dock.css"),
    asset!("/dock.js", JAVASCRIPT, "dock.js"),
    asset!("/dom.js", JAVASCRIPT, "dom.js"),
    asset!("/format.js", JAVASCRIPT, "format.js"),
    asset!("/grid.js", JAVASCRIPT, "grid.js"),
    asset!("/history.js", JAVASCRIPT, "history.js"),
    asset!("/icon.svg", SVG, "icon.svg"),
    asset!("/keys.js", JAVASCRIPT, "keys.js"),
    asset!("/layout.js", JAVASCRIPT, "layout.js"),
    asset!("/lines.js", JAVASCRIPT, "lines.js"),
    asset!("/list.css", CSS, "list.css"),
    asset!("/list.js", JAVASCRIPT, "list.js"),
    asset!("/log_stream.js", JAVASCRIPT, "log_stream.js"),
    asset!("/model.js", JAVASCRIPT, "model.js"),
    asset!("/rows.js", JAVASCRIPT, "rows.js"),
    asset!("/search.js", JAVASCRIPT, "search.js"),
    asset!("/source.js", JAVASCRIPT, "source.js"),
    asset!("/spark.js", JAVASCRIPT, "spark.js"),
    asset!("/states.js", JAVASCRIPT, "states.js"),
    asset!("/style.css", CSS, "style.css"),
    asset!("/summary.js", JAVASCRIPT, "summary.js"),
    asset!("/theme.js", JAVASCRIPT, "theme.js"),
];

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, body: &'static str) -> Asset {
        Asset { path, content_type, body, hash: fnv1a(body.as_bytes()) }
    }

    /// An entity tag that is another for another text.
    pub fn tag(&self) -> String {
        format!("\"{:016x}\"", self.hash)
    }
}

/// FNV-1a, 64 bits; the compiler does it, as each answer to a browser asks for it.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

/// The asset of exactly this path.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is missing here would be missing on every page, and nowhere in the source tree.
    #[test]
    fn every_file_of_the_dashboard_is_embedded_under_its_name() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboard");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files.len(), ASSETS.len());
        for file in files {
            let path = if file == "index.html" { "/".to_owned() } else { format!("/{file}") };
            let asset = find(&path).unwrap_or_else(|| panic!("{file} is not embedded"));
            let text = std::fs::read_to_string(format!("{directory}/{file}")).unwrap();
            assert_eq!(asset.body, text, "{file}");
        }
    }
}
