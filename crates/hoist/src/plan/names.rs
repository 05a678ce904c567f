/// How the host names of URLs are completed, as resolv.conf(5) has it: a short one is looked for in
/// the domains of a search list. A probe is about the name itself, and knows none of this.
///
/// The list and its options are read from the resolv.conf that [`super::Via::Dns`] names; without one
/// each name is asked as it stands. With [`super::Via::System`] the system does it all by itself.
#[derive(Debug, Clone, Default)]
pub struct NamesPlan {
    /// Domains between blanks, in place of the file's `search` and `domain`: what the C library takes
    /// from the variable `LOCALDOMAIN`.
    pub search: Option<String>,
    /// Options that have the last word over the file's, such as `ndots:2 timeout:3`: what the C
    /// library takes from the variable `RES_OPTIONS`.
    pub options: Option<String>,
    /// The name of this machine. Where no search list is named, what is behind its first dot is
    /// searched.
    pub machine: Option<String>,
}
