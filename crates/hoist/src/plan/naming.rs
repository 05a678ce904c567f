/// How files are named after their URLs, where neither the item nor a template says it.
///
/// The default: the host, then the folders of the path, then its last part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamingPlan {
    /// The last part of the path alone, as it stands in the URL, without folders and query: curl's
    /// `--remote-name`.
    pub basename_only: bool,
    /// Where the server names the file (Content-Disposition, RFC 6266), that name stands for the last
    /// part of the path, also in a template: curl's `--remote-header-name`. Of the name only what
    /// is behind the last slash is taken, and it never begins with a dot.
    pub from_header: bool,
    /// So many folders are put before the last part, each two hexadecimal digits of the URL's hash
    /// (as `{url_hash}` in a template): then no folder gets too many files. Not for templates, which
    /// can say it themselves.
    pub fan_out: usize,
}
