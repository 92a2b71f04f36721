//! No output of a daemon holds a secret: looked for at the end of every daemon that the tests start.

use std::sync::LazyLock;

use regex::Regex;

/// What every secret of the tests has in it, where its form is free.
pub const CANARY: &str = "canary-";

/// The forms of secrets: our tokens and links, JWTs, what `Authorization` carries, private keys, and the free ones.
static SECRETS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        r"cairn_[0-9a-f]{20}_[0-9a-f]{16,}",
        r"[?&]link=[A-Za-z0-9_.~%-]{40,}",
        r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        r"(?i)authorization\W+(basic|bearer) \S{8,}",
        r"BEGIN [A-Z ]*PRIVATE KEY",
        r"hunter2",
        r"canary-",
    ];
    forms.map(|form| Regex::new(form).expect("an expression")).into()
});

/// The first line of the text that holds a secret.
pub fn leak(text: &str) -> Option<&str> {
    text.lines().find(|line| SECRETS.iter().any(|secret| secret.is_match(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_and_what_names_them_is_not() {
        let token = format!("x cairn_{}_{}", "0a".repeat(10), "b".repeat(64));
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";
        let link = format!("GET /v1/files/a?link={}", "A1_".repeat(20));
        for secret in [&token, jwt, &link, "\"authorization\": \"Basic YW5uOnB3\"", "a canary-1", "hunter2"] {
            assert_eq!(leak(&format!("one\n{secret}\ntwo")), Some(secret));
        }
        for fine in ["cairn_0000", "token 0a0a0a0a0a0a0a0a0a0a", "Bearer realm=\"cairn\"", "?link=short"] {
            assert_eq!(leak(fine), None);
        }
    }
}
