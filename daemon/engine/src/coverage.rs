//! Coverage: which bytes of an upload are there.
