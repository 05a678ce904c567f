use std::io::Write;
use std::path::Path;
use std::sync::PoisonError;

use super::{Finished, Sink, Wanted};
use crate::error::Error;
use crate::item::FileName;
use crate::plan::SharedWriter;

/// One body after the other, into one writer, as they arrive. What has gone out can't be taken
/// back: the run has one item in flight, and tries none again of which a byte is out.
pub(crate) struct Stream {
    writer: SharedWriter,
}

impl Stream {
    pub(crate) fn new(writer: SharedWriter) -> Self {
        Self { writer }
    }

    fn locked(
        &self,
        write: impl FnOnce(&mut (dyn Write + Send)) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut *writer)
            .map_err(|source| Error::Output { path: Path::new("the output").into(), source })
    }
}

impl Sink for Stream {
    type Part = ();

    fn begin(&mut self, _: Wanted) -> Result<(), Error> {
        Ok(())
    }

    fn write(&mut self, (): &mut (), bytes: &[u8]) -> Result<(), Error> {
        self.locked(|writer| writer.write_all(bytes))
    }

    fn rename(&mut self, (): &mut (), _: FileName) {}

    fn finish(&mut self, (): ()) -> Result<Finished, Error> {
        self.locked(|writer| writer.flush())?;
        Ok(Finished::At(None))
    }

    fn discard(&mut self, (): ()) -> Result<(), Error> {
        self.locked(|writer| writer.flush())
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
