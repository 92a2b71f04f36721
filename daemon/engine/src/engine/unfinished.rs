//! Writes that were begun and never ended: a service may keep, and charge for, what a killed process left of one.

use super::{Engine, SweepReason, SweepReport, Sweeping, Swept};
use crate::contracts::Unfinished;
use crate::id::StorageName;
use crate::refusal::Refusal;

impl Engine {
    /// Gives up writes that were begun longer than the grace ago and that nobody here is about.
    pub(super) async fn sweep_unfinished(
        &self,
        storage: &StorageName,
        how: Sweeping,
        report: &mut SweepReport,
    ) -> Result<(), Refusal> {
        let store = self.ground.objects.find(storage)?;
        let old = self.now().before(self.policy().grace);
        let mut due = store.unfinished().await?;
        due.retain(|write| write.begun_at.is_some_and(|begun| begun < old) && !self.is_written(write));
        if !how.dry_run && !due.is_empty() {
            store.give_up(&due).await?;
        }
        let swept = due.into_iter().map(|write| Swept {
            reason: SweepReason::UnfinishedWrite,
            what: write.object.to_string(),
            length: 0,
        });
        if how.dry_run {
            report.swept.extend(swept);
        } else {
            self.tell_of_objects(storage, swept.collect(), report);
        }
        Ok(())
    }

    fn is_written(&self, write: &Unfinished) -> bool {
        self.in_hand.has(&write.object) || write.object.upload().is_some_and(|id| self.running.has(id))
    }
}
