//! Listings, page after page.

use cairn_admin_api::{Client, List};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address;
use crate::arguments::Most;
use crate::failure::Failure;

/// The most items that the daemon puts on one page.
const PAGE: usize = 1000;

/// A whole listing, as it is printed.
#[derive(Debug, Serialize)]
pub(super) struct Items<T> {
    /// The items.
    pub(super) items: Vec<T>,
}

/// Asks for page after page until there are `most` items, or no more.
///
/// # Errors
/// The daemon refused, or is not reachable.
pub(super) async fn all<T: DeserializeOwned>(
    client: &Client,
    collection: &str,
    filters: &[(&str, Option<String>)],
    most: Most,
) -> Result<Items<T>, Failure> {
    let most = most.limit.unwrap_or(usize::MAX);
    let (mut items, mut cursor) = (Vec::new(), None);
    while items.len() < most {
        let page = (most - items.len()).min(PAGE);
        let mut parameters = filters.to_vec();
        parameters.push(("cursor", cursor));
        parameters.push(("limit", Some(page.to_string())));
        let answer: List<T> = client.get(&address::query(collection, &parameters)).await?;
        items.extend(answer.items);
        cursor = answer.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    items.truncate(most);
    Ok(Items { items })
}
