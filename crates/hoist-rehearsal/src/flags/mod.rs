//! The flags that the servers show, drawn by ourselves from a table of one line a country, so that
//! nothing has to be shipped or fetched: bands, crosses, discs, triangles, cantons, stars. Coats of
//! arms are hinted at, not drawn.

mod canvas;
mod drawing;
mod flag;
mod table;

pub use flag::{Flag, flag, flag_gif};
pub use table::COUNTRY_CODES;
