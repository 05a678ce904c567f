//! What fuzzers begin by, and tests read, too.

use std::path::Path;

/// The seeds of a fuzz target. What else is in its folder a fuzzer left.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_seed = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("seed-");
    all.filter(|path| is_seed(path)).map(|path| std::fs::read(path).unwrap()).collect()
}
