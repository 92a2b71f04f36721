//! Requests that no honest client sends, each with a name. After every one of them the test sends a whole request more,
//! which must never be answered.

/// One of them.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

const CHUNKED: &str = "5\r\nhello\r\n0\r\n\r\n";

/// All of them.
pub(crate) fn corpus() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, bytes: Vec<u8>| cases.push(Case { name, bytes });
    for fields in two_framings() {
        add(format!("framing {fields:?}"), put(fields, CHUNKED));
    }
    for length in lengths() {
        add(format!("length {length:?}"), put(&format!("Content-Length:{length}"), "hello"));
    }
    for body in chunks() {
        add(format!("chunks {body:?}"), put("Transfer-Encoding: chunked", body));
    }
    for line in lines() {
        add(format!("line {line:?}"), format!("{line}\r\nHost: a\r\n\r\n").into_bytes());
    }
    for field in fields() {
        add(
            format!("field {field:?}"),
            format!("PUT /v1/files/x HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n").into_bytes(),
        );
    }
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nhost: b\r\nHOST: c\r\n",
        "X: a\r\n",
    ] {
        add(format!("hosts {hosts:?}"), format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n").into_bytes());
    }
    for byte in (0..=8).chain(10..=31).chain([127]) {
        let mut head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a".to_vec();
        head.extend([byte, b'b']);
        // A line feed ends a line, bare or not: then the rest of the line is a field without a colon.
        head.extend(b"\r\n\r\n");
        add(format!("byte {byte:#04x} in a value"), head);
        let mut head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX".to_vec();
        head.extend([byte, b'b']);
        head.extend(b": a\r\n\r\n");
        add(format!("byte {byte:#04x} in a name"), head);
        let mut head = b"GET /heal".to_vec();
        head.extend([byte]);
        head.extend(b"thz HTTP/1.1\r\nHost: a\r\n\r\n");
        add(format!("byte {byte:#04x} in a target"), head);
    }
    for (name, count, length) in [("one long", 1, 1_000_000), ("many", 2_000, 100), ("101 of 400", 101, 400)]
    {
        let long = (0..count).map(|n| format!("X-{n}: {}\r\n", "x".repeat(length))).collect::<String>();
        add(
            format!("fields: {name}"),
            format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{long}\r\n").into_bytes(),
        );
    }
    let target = "x".repeat(500_000);
    add("a long target".to_owned(), format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes());
    add("a long method".to_owned(), format!("{target} / HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes());
    cases
}

fn put(fields: &str, body: &str) -> Vec<u8> {
    format!("PUT /v1/files/x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}").into_bytes()
}

/// Two ways to tell the end of a body, or one that is not known.
fn two_framings() -> Vec<&'static str> {
    vec![
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: x-chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding:",
        "Transfer-Encoding: chun ked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding: chunked\u{c}",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "X: a\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked\r\n , identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: deflate, chunked",
        "Transfer-Encoding: cow",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nTransfer-Encoding: identity",
        "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked",
    ]
}

/// What stands behind `Content-Length:` and is no length.
fn lengths() -> Vec<&'static str> {
    vec![
        " -1",
        " -5",
        " +5",
        " 0x5",
        " 5a",
        " a5",
        " 5.0",
        " 5e0",
        " 5 5",
        " 5, 6",
        " 5;q=1",
        " \"5\"",
        "",
        " ",
        " ,",
        " 99999999999999999999",
        " 18446744073709551616",
        " 5\r\nContent-Length: 6",
        " 5\r\nContent-Length: 0",
        " 0\r\nContent-Length: 5",
        " 5\r\nContent-Length:",
        "\r\n 5",
        " 5\r\n 6",
        " \u{ff15}",
    ]
}

/// Bodies that are no chunks.
fn chunks() -> Vec<&'static str> {
    vec![
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5x\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";a=b\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\u{0}\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: a\u{0}b\r\n\r\n",
        "5\r\nhello\r\n0\r\n: a\r\n\r\n",
    ]
}

/// First lines.
fn lines() -> Vec<&'static str> {
    vec![
        "GET /healthz",
        "GET /healthz HTTP/0.9",
        "GET /healthz HTTP/1.2",
        "GET /healthz HTTP/2.0",
        "GET /healthz HTTP/3.0",
        "GET /healthz HTTP/1",
        "GET /healthz HTTP/11",
        "GET /healthz HTTP/1.1.1",
        "GET /healthz HTTP/1.10",
        "GET /healthz http/1.1",
        "GET /healthz HTTPS/1.1",
        "GET /healthz HTTP/-1.1",
        "GET /healthz HTTP /1.1",
        "GET /healthz HTTP/1.1 x",
        "GET /health z HTTP/1.1",
        "GET  HTTP/1.1",
        "GET healthz HTTP/1.1",
        "GET http:/// HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET",
        " GET /healthz HTTP/1.1",
        "\tGET /healthz HTTP/1.1",
        "G(T /healthz HTTP/1.1",
        "G@T /healthz HTTP/1.1",
        "G{T /healthz HTTP/1.1",
        "G:T /healthz HTTP/1.1",
        "\"GET\" /healthz HTTP/1.1",
        "G\u{e9}T /healthz HTTP/1.1",
        "PRI * HTTP/2.0",
        "PRI * HTTP/1.1 x",
        ": / HTTP/1.1",
        "/ HTTP/1.1",
    ]
}

/// Fields that are none.
fn fields() -> Vec<&'static str> {
    vec![
        "Content-Length : 5",
        "Content-Length\t: 5",
        "X Y: a",
        "X(Y): a",
        "X@Y: a",
        "X[Y]: a",
        "X{Y}: a",
        "X/Y: a",
        "X\"Y: a",
        "X\\Y: a",
        ": a",
        "no colon at all",
        "X: a\r\n folded",
        "X: a\r\n\tfolded",
        "X: a\r\n  Content-Length: 5",
        "X\u{e9}: a",
        "X=Y: a",
        "X?Y: a",
        "X,Y: a",
        "X;Y: a",
        "X<Y>: a",
    ]
}
