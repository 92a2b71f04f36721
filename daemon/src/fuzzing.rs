//! The doors that the fuzzers knock at: every grammar that a stranger's bytes reach, each with what must hold of it.
//!
//! A door takes any bytes at all, gives them to the parser that a request would give them to, and answers whether they
//! were accepted. Whatever must hold of what was accepted is asserted on the way: it renders and parses to the same
//! again, a name cannot leave its folder, a range lies within the content. So a door panics if, and only if, the parser
//! behind it is wrong.
//!
//! This module is compiled with the feature `fuzzing` and for the tests, and is never part of the daemon. The fuzz
//! targets (`fuzz/`, outside the workspace) are one line each; what they have found lies in `fuzz/corpus/` and is
//! played back by the tests, without a fuzzer.

pub use crate::http::fuzzing::*;

/// A door: whether these bytes are accepted.
pub type Door = fn(&[u8]) -> bool;

/// Every door under the name of its fuzz target and of its folder of the corpus.
pub const DOORS: [(&str, Door); 16] = [
    ("authorization", authorization),
    ("content_disposition", content_disposition),
    ("digest_fields", digest_fields),
    ("draft_append", draft_append),
    ("draft_creation", draft_creation),
    ("entity_tags", entity_tags),
    ("form_parameters", form_parameters),
    ("multipart_form", multipart_form),
    ("numbers", numbers),
    ("paths", paths),
    ("range", range),
    ("tus_address", tus_address),
    ("tus_checksum", tus_checksum),
    ("tus_concat", tus_concat),
    ("tus_creation", tus_creation),
    ("tus_metadata", tus_metadata),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn fuzz_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
    }

    /// The names in a folder, without what follows the first dot.
    fn names(folder: &Path) -> BTreeSet<String> {
        let entries =
            std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        entries.map(name).map(|n| n.to_str().unwrap().split('.').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_door_has_a_target_and_a_corpus() {
        let doors: BTreeSet<String> = DOORS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(&fuzz_folder().join("fuzz_targets")), doors);
        assert_eq!(names(&fuzz_folder().join("corpus")), doors);
    }

    #[test]
    fn all_that_was_ever_found_is_taken_without_a_panic_and_holds() {
        for (name, door) in DOORS {
            let folder = fuzz_folder().join("corpus").join(name);
            let (mut accepted, mut refused) = (0, 0);
            for entry in std::fs::read_dir(&folder).unwrap() {
                let file = entry.unwrap().path();
                let bytes = std::fs::read(&file).unwrap();
                match std::panic::catch_unwind(|| door(&bytes)) {
                    Ok(true) => accepted += 1,
                    Ok(false) => refused += 1,
                    Err(_) => panic!("{}: {}", file.display(), bytes.escape_ascii()),
                }
            }
            assert!(accepted > 0 && refused > 0, "{name}: {accepted} accepted, {refused} refused");
        }
    }
}
