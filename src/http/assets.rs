//! The dashboard's files, embedded: the binary is all that has to be installed.

/// One file of the dashboard.
#[derive(Debug, PartialEq, Eq)]
pub struct Asset {
    path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its text.
    pub body: &'static str,
}

const ASSETS: [Asset; 3] = [
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        body: include_str!("../../dashboard/index.html"),
    },
    Asset {
        path: "/app.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("../../dashboard/app.js"),
    },
    Asset {
        path: "/style.css",
        content_type: "text/css; charset=utf-8",
        body: include_str!("../../dashboard/style.css"),
    },
];

impl Asset {
    /// An entity tag that is another for another text (FNV-1a, 64 bits).
    pub fn tag(&self) -> String {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        format!("\"{:016x}\"", self.body.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }
}

/// The asset of exactly this path.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}
