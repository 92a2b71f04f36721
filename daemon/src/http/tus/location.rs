//! The address of an upload as the client will use it: what the configuration says, else what the request says.

use http::Uri;
use http::header::{HOST, HeaderMap};
use http::uri::Authority;

use crate::config::Config;
use crate::http::peer::Peer;

/// The absolute URL of a protocol's path, with a slash at its end. Without any host to tell (HTTP/1.0) the path alone.
pub(crate) fn base(config: &Config, path: &str, uri: &Uri, headers: &HeaderMap, peer: &Peer) -> String {
    if let Some(url) = &config.server.public_url {
        return format!("{url}{path}");
    }
    let proxy = if peer.proxied { proxied(headers) } else { Seen::default() };
    let scheme = proxy.scheme.unwrap_or(if peer.tls { "https" } else { "http" });
    let own = || text(headers, HOST.as_str()).or_else(|| uri.authority().map(Authority::as_str));
    let host = proxy.host.or_else(|| own().and_then(host));
    match host {
        Some(host) => format!("{scheme}://{}{path}", without_default_port(scheme, &host)),
        None => path.to_owned(),
    }
}

/// What a proxy saw of the request.
#[derive(Default)]
struct Seen {
    scheme: Option<&'static str>,
    host: Option<String>,
}

/// `Forwarded` (RFC 7239) counts before `X-Forwarded-Host` and `-Proto`; of several proxies the first.
fn proxied(headers: &HeaderMap) -> Seen {
    let forwarded = text(headers, "forwarded").map(first);
    let member = |name: &str| {
        let pairs = forwarded?.split(';').filter_map(|pair| pair.split_once('='));
        let value =
            pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value).next()?;
        Some(value.trim().trim_matches('"'))
    };
    let field = |name: &str| text(headers, name).map(first);
    Seen {
        scheme: member("proto").or_else(|| field("x-forwarded-proto")).and_then(scheme),
        host: member("host").or_else(|| field("x-forwarded-host")).and_then(host),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|known| text.eq_ignore_ascii_case(known))
}

/// A host, with or without a port, and nothing else.
fn host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    (!text.contains('@') && !authority.host().is_empty()).then(|| text.to_owned())
}

fn without_default_port<'a>(scheme: &str, host: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(port).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    fn base_of(config: &Config, proxied: bool, fields: &[(&'static str, &'static str)]) -> String {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let peer = Peer { proxied, ..Peer::default() };
        base(config, "/files/", &Uri::from_static("/files/"), &fields.iter().map(field).collect(), &peer)
    }

    #[test]
    fn what_a_proxy_says_counts_only_if_it_is_trusted() {
        let said = [
            ("host", "inner:8080"),
            ("forwarded", "for=1.2.3.4;Host=\"outer.example:8443\";proto=https, for=5.6.7.8;host=other"),
            ("x-forwarded-host", "third"),
        ];
        let mut config = Config::default();
        assert_eq!(base_of(&config, false, &said), "http://inner:8080/files/");
        assert_eq!(base_of(&config, true, &said), "https://outer.example:8443/files/");
        config.server.public_url = Some("https://public.example/up".to_owned());
        assert_eq!(base_of(&config, true, &said), "https://public.example/up/files/");
    }

    #[test]
    fn nonsense_of_a_proxy_is_passed_over() {
        let config = Config::default();
        let said = |proto, host| {
            base_of(&config, true, &[("host", "a"), ("x-forwarded-proto", proto), ("x-forwarded-host", host)])
        };
        assert_eq!(said("bbb", "b"), "http://b/files/");
        assert_eq!(said("https", "b:443"), "https://b/files/");
        assert_eq!(said("https", "u@b/c"), "https://a/files/");
        assert_eq!(said("HTTPS, http", "b, c"), "https://b/files/");
    }
}
