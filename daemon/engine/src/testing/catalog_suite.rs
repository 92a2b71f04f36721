//! The rules of [`Catalog`](crate::contracts::Catalog), one function each.
