//! What a storage service is told may stand in its address: a user and a password before the `@`, a signature after the
//! `?`. Errors of OpenDAL tell the address that was asked; this is what they say without those.

use std::fmt;

/// What stands in the place of what is not told.
const HIDDEN: &str = "(hidden)";

/// An error whose words hold no part of an address that may be secret.
#[derive(Debug)]
pub struct Veiled(String);

impl Veiled {
    /// The words of an error.
    pub(super) fn of(error: &impl fmt::Display) -> Self {
        Self(veil(&error.to_string()))
    }
}

impl fmt::Display for Veiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Veiled {}

impl From<opendal::Error> for Veiled {
    fn from(error: opendal::Error) -> Self {
        Self::of(&error)
    }
}

/// Hides user and query of every address in a text.
fn veil(text: &str) -> String {
    let mut parts = text.split("://");
    let mut veiled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        veiled.push_str("://");
        let end = part.find(ends_address).unwrap_or(part.len());
        let (address, rest) = part.split_at(end);
        let (address, query) = address.split_once('?').map_or((address, false), |(place, _)| (place, true));
        let (authority, path) = address.split_at(address.find('/').unwrap_or(address.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => veiled.extend([HIDDEN, "@", host]),
            None => veiled.push_str(authority),
        }
        veiled.push_str(path);
        if query {
            veiled.extend(["?", HIDDEN]);
        }
        veiled.push_str(rest);
    }
    veiled
}

fn ends_address(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '"' | '\'' | '`' | '(' | ')' | '<' | '>' | '{' | '}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_query_of_an_address_are_hidden_and_nothing_else() {
        for (text, expected) in [
            ("nothing: here", "nothing: here"),
            ("url: http://h:1/b@c, x", "url: http://h:1/b@c, x"),
            ("url: http://u:p@h:1/b, x", "url: http://(hidden)@h:1/b, x"),
            ("(https://u@p@h?sig=a%2F/b) y", "(https://(hidden)@h?(hidden)) y"),
            ("a://u:p@h b://h/?q c://", "a://(hidden)@h b://h/?(hidden) c://"),
        ] {
            assert_eq!(veil(text), expected);
        }
    }
}
