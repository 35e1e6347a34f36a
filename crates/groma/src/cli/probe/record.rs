//! `groma probe --to`: each window goes into the model as it ends.

use std::collections::VecDeque;

use anyhow::Result;
use groma_probe::Report;

use crate::ask;
use crate::cli::{Groma, capacity};

/// Windows kept while the store cannot be opened, because another holds it; the oldest give way.
const WAITING_MAX: usize = 100;

/// Sends windows to a database. The store is open only meanwhile, so that others can use it between windows.
pub(super) struct Recorder<'a> {
    groma: &'a Groma,
    database: &'a str,
    release: Option<&'a str>,
    waiting: VecDeque<String>,
    given: usize,
    recorded: usize,
}

impl<'a> Recorder<'a> {
    /// Asks the database, so that one that is not there is told before anything is watched.
    pub(super) fn to(
        database: &'a str,
        release: Option<&'a str>,
        groma: &'a Groma,
    ) -> Result<Self> {
        ask::rows(groma.open()?.as_mut(), database, "SELECT 1")?;
        Ok(Self { groma, database, release, waiting: VecDeque::new(), given: 0, recorded: 0 })
    }

    /// Takes a window, and tells people what became of it.
    ///
    /// # Errors
    /// The first could not be recorded. Of a later one that is told, and it is tried again with the next.
    pub(super) fn record(&mut self, report: &Report) -> Result<String> {
        if !report.processes.is_empty() {
            self.given += 1;
            let report = report.to_json().to_string();
            self.waiting.push_back(capacity::recording(&report, self.release));
        }
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
        match self.send() {
            Err(error) if self.recorded == 0 => Err(error),
            Err(error) => {
                Ok(format!("! not recorded in {}: {}", self.database, ask::in_one_line(&*error)))
            }
            Ok(()) => Ok(format!("recorded in {}: {} windows", self.database, self.recorded)),
        }
    }

    fn send(&mut self) -> Result<()> {
        let mut ask = self.groma.open()?;
        while let Some(statement) = self.waiting.pop_front() {
            ask::rows(ask.as_mut(), self.database, &statement)?;
            self.recorded += 1;
        }
        Ok(())
    }

    /// Windows that did not reach the database.
    pub(super) fn lost(&self) -> usize {
        self.given - self.recorded
    }
}
