//! Reading extents one after the other: while one is passed on, the next is asked for already.
//!
//! Only the objects that a range needs are asked for, and of each only the bytes that it needs.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use crate::contracts::{ByteStream, StoreError};
use crate::extent::Extent;
use crate::id::ObjectKey;

/// Bytes that are asked for ahead, about: beyond them nothing more is, however short what comes next.
const AHEAD: u64 = 2 << 20;
/// Parts that are asked for ahead, at most.
const PARTS: usize = 8;

/// A run of bytes of one object.
type Part = (ObjectKey, Range<u64>);
type Opening = BoxFuture<'static, Result<ByteStream, StoreError>>;

/// Which bytes of which objects a range of the content is.
pub(super) fn parts(extents: &[Extent], range: &Range<u64>) -> Vec<Part> {
    let needed = extents.iter().filter(|extent| extent.offset < range.end && extent.end() > range.start);
    let part = |extent: &Extent| {
        let skip = range.start.saturating_sub(extent.offset);
        let from = extent.object_offset + skip;
        let length = extent.end().min(range.end) - extent.offset - skip;
        (extent.object.clone(), from..from + length)
    };
    needed.map(part).collect()
}

/// The bytes of the parts in a row. The first part is opened before this returns.
///
/// # Errors
/// The first part cannot be opened.
pub(super) async fn in_a_row(
    parts: Vec<Part>,
    open: impl Fn(ObjectKey, Range<u64>) -> Opening + Send + Unpin + 'static,
) -> Result<ByteStream, StoreError> {
    let mut rest = parts.into_iter();
    let Some((object, range)) = rest.next() else { return Ok(stream::empty().boxed()) };
    let current = open(object, range).await?;
    if rest.len() == 0 {
        return Ok(current);
    }
    Ok(InARow { current, ahead: VecDeque::new(), rest, open }.boxed())
}

struct InARow<F> {
    current: ByteStream,
    ahead: VecDeque<Ahead>,
    rest: std::vec::IntoIter<Part>,
    open: F,
}

/// A part that was asked for, and comes with its first bytes.
struct Ahead {
    length: u64,
    coming: Opening,
    come: Option<Result<ByteStream, StoreError>>,
}

impl Ahead {
    /// Whether it has come.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if self.come.is_none()
            && let Poll::Ready(come) = self.coming.poll_unpin(context)
        {
            self.come = Some(come);
        }
        self.come.is_some()
    }
}

impl<F: Fn(ObjectKey, Range<u64>) -> Opening> InARow<F> {
    fn ask_ahead(&mut self) {
        let asked = |ahead: &VecDeque<Ahead>| ahead.iter().map(|ahead| ahead.length).sum::<u64>();
        while self.ahead.is_empty() || asked(&self.ahead) < AHEAD && self.ahead.len() < PARTS {
            let Some((object, range)) = self.rest.next() else { return };
            let length = range.end.saturating_sub(range.start);
            let coming = with_first((self.open)(object, range)).boxed();
            self.ahead.push_back(Ahead { length, coming, come: None });
        }
    }
}

/// Opens a part and waits for its first bytes: a stream that nobody asks does nothing.
async fn with_first(opening: Opening) -> Result<ByteStream, StoreError> {
    let mut bytes = opening.await?;
    let first = bytes.next().await;
    Ok(stream::iter(first).chain(bytes).boxed())
}

impl<F: Fn(ObjectKey, Range<u64>) -> Opening + Unpin> Stream for InARow<F> {
    type Item = Result<bytes::Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            self.ask_ahead();
            for ahead in &mut self.ahead {
                ahead.poll(context);
            }
            match self.current.poll_next_unpin(context) {
                Poll::Ready(None) => {}
                item => return item,
            }
            let Some(next) = self.ahead.front_mut() else { return Poll::Ready(None) };
            match next.come.take() {
                Some(Ok(bytes)) => self.current = bytes,
                Some(Err(error)) => {
                    // Nothing after it may be taken for what follows.
                    self.ahead.clear();
                    self.rest = Vec::new().into_iter();
                    self.current = stream::empty().boxed();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.current = stream::empty().boxed();
                    return Poll::Pending;
                }
            }
            self.ahead.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
