//! What says who asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_engine::TokenText;
use http::header::AUTHORIZATION;

use super::head_of;
use crate::auth::Presented;

/// `Authorization`: what is read is what was sent, nothing of it is shown, and a token is the one text that it has.
pub fn authorization(bytes: &[u8]) -> bool {
    let Some(head) = head_of(&AUTHORIZATION, bytes) else { return false };
    let presented = Presented::of(&head);
    let token = match &presented {
        Presented::Nothing => panic!("a field was taken for nothing"),
        Presented::Unreadable => return false,
        Presented::Bearer(token) => token,
        Presented::Basic { user, password } => {
            let again = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            let again = head_of(&AUTHORIZATION, again.as_bytes()).map(|head| Presented::of(&head));
            assert_eq!(again.as_ref(), Some(&presented), "what is told is not read");
            password
        }
    };
    assert_eq!(head.len(), 1, "one of two was chosen");
    if let Ok(whole) = token.parse::<TokenText>() {
        assert_eq!(whole.reveal(), *token, "another text is the same token");
        assert!(!format!("{presented:?}{whole:?}").contains(&token[27..]), "a secret is shown");
    }
    true
}
