//! One thing asked: a name to probe or a URL to get, at its position in the list.

mod domain_name;
mod file_name;
mod hash;
mod media_range;
mod naming;
mod near;
mod origin;
mod position;
mod sample_name;
mod target;
mod template;

pub(crate) use domain_name::{DomainName, WireName};
pub(crate) use file_name::{FileName, hash as name_hash};
pub use hash::{BadHash, Hash, HashAlgorithm};
pub use media_range::{BadMediaRange, MediaRange};
pub(crate) use near::NearUrls;
pub(crate) use origin::{Origin, host};
pub use position::Position;
pub(crate) use target::{Target, refused_line, without_credentials};
pub(crate) use template::LateName;
pub use template::{BadTemplate, NameTemplate};
