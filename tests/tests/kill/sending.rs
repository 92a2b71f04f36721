//! Sends chunks, several at a time, and keeps count of what was acknowledged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use cairn_tests::{Client, Content};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Bytes of a chunk.
pub(crate) const CHUNK: u64 = 256 * 1024;

/// How many chunks are sent at a time.
const AT_ONCE: usize = 4;

/// The chunks that were acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Acknowledged {
    numbers: Arc<Mutex<BTreeSet<u64>>>,
    changed: Arc<Notify>,
}

impl Acknowledged {
    pub(crate) fn add(&self, number: u64) {
        self.numbers.lock().unwrap().insert(number);
        self.changed.notify_waiters();
    }

    pub(crate) fn all(&self) -> BTreeSet<u64> {
        self.numbers.lock().unwrap().clone()
    }

    /// Waits until there are at least so many.
    pub(crate) async fn reach(&self, count: usize) {
        loop {
            let changed = self.changed.notified();
            if self.numbers.lock().unwrap().len() >= count {
                return;
            }
            changed.await;
        }
    }
}

/// Creates an upload of the content, with its SHA-1 declared; its path in the API.
pub(crate) async fn create(client: &Client, path: &str, content: Content) -> String {
    let digest = format!("sha1:{}", content.sha1());
    let wish = json!({ "path": path, "length": content.length(), "chunk_size": CHUNK, "digest": digest });
    let upload = client.create_upload(&wish).await;
    format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap())
}

/// Sends these chunks, several at a time, until all are sent or the daemon is gone.
pub(crate) async fn send(
    client: &Client,
    upload: &str,
    content: Content,
    numbers: Vec<u64>,
    acknowledged: &Acknowledged,
) {
    let queue = Arc::new(Mutex::new(numbers));
    let mut senders = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, upload, queue) = (client.clone(), upload.to_owned(), Arc::clone(&queue));
        let acknowledged = acknowledged.clone();
        senders.spawn(async move {
            loop {
                let Some(number) = queue.lock().unwrap().pop() else { return };
                let start = (number - 1) * CHUNK;
                let call = client.call("PUT", &format!("{upload}/chunks/{number}"));
                match call.body(content.body(start..start + CHUNK)).try_send().await {
                    Ok(answer) if answer.status == 200 => acknowledged.add(number),
                    // The daemon is going down, or gone.
                    Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                    Err(_) => return,
                }
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap();
    }
}

/// Every chunk number, scattered, the same way for the same seed.
pub(crate) fn scattered(count: u64, seed: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (1..=count).collect();
    let order = Content::new(seed, 8 * count).bytes();
    numbers.sort_by_key(|number| {
        let at = usize::try_from((number - 1) * 8).unwrap();
        order.slice(at..at + 8)
    });
    numbers
}

/// The chunk numbers of inclusive ranges such as `[[1, 4], [6, 6]]`.
pub(crate) fn numbers_of(ranges: &Value) -> BTreeSet<u64> {
    let bound = |value: &Value| value.as_u64().unwrap();
    ranges.as_array().unwrap().iter().flat_map(|range| bound(&range[0])..=bound(&range[1])).collect()
}
