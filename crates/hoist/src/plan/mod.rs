//! The settings of a run, validated: whoever holds a plan need not check it again.
//!
//! Nothing is read from the environment here. `defaults` holds every default.

mod bypass;
mod ceilings;
mod connect_to;
mod cookies;
mod credentials;
mod decode;
pub mod defaults;
mod dns;
mod get;
mod giving_up;
mod large;
mod ledger;
mod limits;
mod manners;
mod names;
mod naming;
mod probe;
mod proxies;
mod shards;
mod simulate;
mod sink;
mod versions;
mod wildcards;
mod windows;

pub use bypass::{BadBypass, Bypass};
pub use ceilings::{CeilingsPlan, Rate, RetryBudget};
pub use connect_to::{BadConnectTo, ConnectTo};
pub use cookies::{Cookie, CookiePlan};
pub use credentials::{BadCredentials, Credentials, CredentialsPlan};
pub use decode::DecodePlan;
pub use dns::{DnsPlan, Family, Via};
pub use get::{
    AddressOverride, AddressPlan, GetPlan, Patience, ReadRoots, RequestPlan, Roots, TlsPlan,
};
pub use giving_up::{BreakerPlan, GivingUp};
pub use large::LargePlan;
pub use ledger::{Durable, LedgerPlan};
pub use limits::{Limits, PerOrigin};
pub use manners::MannersPlan;
pub use names::NamesPlan;
pub use naming::NamingPlan;
pub use probe::{LinesPlan, ProbePlan, Question, RecordType, RenderLine};
pub use proxies::{BadProxy, Proxy, ProxyPlan, ProxyScheme};
pub use shards::{BadShards, ShardLimits, ShardTemplate};
pub use simulate::SimulatePlan;
pub use sink::{Existing, SharedWriter, SinkPlan};
pub use versions::HttpVersions;
pub use wildcards::Wildcards;
pub use windows::Windows;
