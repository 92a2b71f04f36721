//! Chunk numbers and their bytes.
