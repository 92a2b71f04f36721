//! A disk that is full: a file system of 4 MiB.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use cairn_engine::contracts::{Failure, Place};
use cairn_engine::testing::object_suite::{pattern, place, read_extent, receipt, store_stretch};
use tempfile::TempDir;

use super::super::super::{Durability, open};
use super::config;

/// A mounted file system; unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let directory = tempfile::tempdir().unwrap();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(directory.path()));
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(self.0.path()));
    }
}

fn run(command: &mut Command) {
    let status = command.status();
    let done = status.as_ref().is_ok_and(std::process::ExitStatus::success);
    assert!(
        done,
        "{command:?} failed ({status:?}): this test mounts a small file system and must run as root"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_is_told_loses_nothing_and_goes_on_when_there_is_room() {
    let disk = SmallDisk::mount();
    let store = open(&config(disk.path(), Durability::Chunk)).unwrap();
    let kept_bytes = pattern(1, 1 << 20);
    let kept = store_stretch(&*store, &place(0, 1 << 20, true, 1), &kept_bytes).await;

    let too_long = Place { total: Some(64 << 20), upload: upload_of(7), ..place(0, 1 << 20, true, 2) };
    let refused = store.begin(&too_long).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.failure, Failure::Full, "there is no room to preallocate");

    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    for free in [true, false] {
        let mut attempt = store.begin(&place(1 << 20, 2 << 20, free, 3)).await.unwrap();
        let error = attempt.write(&mut vec![pattern(2, 2 << 20)]).await.unwrap_err();
        assert_eq!(error.failure, Failure::Full);
        attempt.discard().await;
        assert_eq!(read_extent(&*store, &kept.extent).await.unwrap(), kept_bytes);
    }
    std::fs::remove_file(&ballast).unwrap();

    let bytes: Bytes = pattern(3, 2 << 20);
    let mut attempt = store.begin(&place(1 << 20, 2 << 20, true, 4)).await.unwrap();
    assert_eq!(attempt.object(), &kept.extent.object, "want of room does not end the data file");
    attempt.write(&mut vec![bytes.clone()]).await.unwrap();
    let receipt = receipt(&*attempt, 1 << 20, &bytes);
    attempt.commit(&receipt).await.unwrap();
    store.finish(kept.extent.object.upload().unwrap(), &[kept.extent, receipt.extent]).await.unwrap();
    assert!(store.free_bytes().await.unwrap().unwrap() < 2 << 20);
}

fn upload_of(number: u128) -> cairn_engine::UploadId {
    cairn_engine::testing::object_suite::upload_numbered(number)
}
