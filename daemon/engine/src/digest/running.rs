//! Digests along the contiguous prefix of an upload.
