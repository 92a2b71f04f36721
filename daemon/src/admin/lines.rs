//! Long work, told line by line.
//!
//! It goes on for as long as somebody reads its lines. Whoever hangs up interrupts it between two items; what is done
//! is done, and asking again goes on with the rest.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use cairn_admin_api as api;
use cairn_engine::Refusal;
use futures_util::{Stream, TryStreamExt, stream};
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::audit::Trail;
use crate::house::House;

/// Lines that wait for a slow reader.
const LINES: usize = 16;

/// How much there is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    /// Items.
    pub(super) items: u64,
    /// Bytes; 0 where none are counted.
    pub(super) length: u64,
}

/// Does one item after the other and answers with a line for each.
pub(super) fn answer<I, T, F>(
    house: &Arc<House>,
    name: &'static str,
    begin: Begin,
    items: impl Stream<Item = Result<I, Refusal>> + Send + 'static,
    one: impl Fn(Arc<House>, I) -> F + Send + 'static,
) -> Response
where
    I: Send + 'static,
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T, Refusal>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel::<Bytes>(LINES);
    let of = Arc::clone(house);
    let work = async move {
        let begin = api::Event::<T>::Begin { items: begin.items, length: begin.length };
        let Ok(()) = sender.send(line(&begin)).await else { return };
        let last = match each(&of, items, &sender, one).await {
            Ok(Ended::Hung) => return,
            Ok(Ended::All) => api::Event::<T>::End,
            Ok(Ended::Stopping) => api::Event::Stopped { detail: "the daemon is told to stop".to_owned() },
            Err(refusal) => {
                let error = &refusal as &dyn std::error::Error;
                tracing::error!(work = name, error, "stopped half-way");
                api::Event::Stopped { detail: refusal.to_string() }
            }
        };
        // The last line: whoever does not read it any more does not need it.
        let _ = sender.send(line(&last)).await;
    };
    house.supervisor.start(name, Trail::carried(work));
    response(receiver)
}

/// Why there are no more lines.
enum Ended {
    /// Every item is done.
    All,
    /// The daemon goes down.
    Stopping,
    /// Nobody reads them any more.
    Hung,
}

/// Does one item after the other, and looks between two whether it should go on.
async fn each<I, T, F>(
    house: &Arc<House>,
    items: impl Stream<Item = Result<I, Refusal>>,
    sender: &mpsc::Sender<Bytes>,
    one: impl Fn(Arc<House>, I) -> F,
) -> Result<Ended, Refusal>
where
    T: Serialize,
    F: Future<Output = Result<T, Refusal>>,
{
    let mut items = pin!(items);
    while let Some(item) = items.try_next().await? {
        if sender.is_closed() {
            return Ok(Ended::Hung);
        }
        if house.supervisor.stopping().is_cancelled() {
            return Ok(Ended::Stopping);
        }
        let item = one(Arc::clone(house), item).await?;
        if sender.send(line(&api::Event::Item(item))).await.is_err() {
            return Ok(Ended::Hung);
        }
    }
    Ok(Ended::All)
}

fn line<T: Serialize>(event: &api::Event<T>) -> Bytes {
    let mut text = serde_json::to_vec(event).unwrap_or_else(|error| {
        // The words are plain structures, which always become JSON; the client takes an empty line for a broken answer.
        tracing::error!(error = &error as &dyn std::error::Error, "a line cannot be written");
        Vec::new()
    });
    text.push(b'\n');
    text.into()
}

fn response(receiver: mpsc::Receiver<Bytes>) -> Response {
    let body = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|line| (Ok::<_, std::convert::Infallible>(line), receiver))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}
