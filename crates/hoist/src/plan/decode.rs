use std::num::NonZeroU32;

use super::defaults;

/// That content codings are taken off (RFC 9110 §8.4): `gzip`, `deflate`, `zstd` and `br`, up to four
/// of them, one over the other.
///
/// They are asked for by Accept-Encoding, unless the plan's headers have one. What is saved, counted,
/// hashed and compared with the smallest and the largest body are the decoded bytes; the largest body
/// holds for those received too. An unknown coding is `not_acceptable`; what is not of its coding, or is
/// followed by more, is `malformed`; what is cut in it is `truncated`, and not tried again. An empty
/// body is empty, whatever its coding.
///
/// Where the version of HTTP is negotiated, it is HTTP/1.1 then: bodies that wait for memory to be decoded
/// in would hold up others on a shared connection. With prior knowledge of HTTP/2 they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodePlan {
    /// Decoded bytes for each byte received, once there are more than
    /// [`defaults::FREE_EXPANSION`]. More is `too_large`.
    pub max_expansion: NonZeroU32,
}

impl Default for DecodePlan {
    fn default() -> Self {
        Self { max_expansion: defaults::MAX_EXPANSION }
    }
}
