//! The rules of [`SessionStore`](crate::contracts::SessionStore), one function each.
