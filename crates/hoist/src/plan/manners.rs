/// How a run behaves towards servers that set rules for robots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MannersPlan {
    /// Heed robots.txt (RFC 9309) as the robot `hoist`: what it disallows fails as
    /// [`Disallowed`](crate::FailureKind::Disallowed), its `Crawl-delay` is kept, and each origin gets one
    /// request at a time over one connection, whatever [`Limits`](super::Limits) say.
    ///
    /// By default it is not asked for: a list names what its author wants, as the argument of any
    /// other client does.
    pub polite: bool,
}
