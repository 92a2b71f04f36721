//! The verbs: each asks the daemon and prints the answer.

pub(crate) mod blobs;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod files;
pub(crate) mod links;
mod lists;
mod moves;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod tokens;
pub(crate) mod uploads;
pub(crate) mod users;

use cairn_admin_api::Extent;

use crate::table::{Table, Tone};

/// Where bytes lie, as lines below a head of their own; nothing if there are none.
fn extents_text(extents: &[Extent], colored: bool) -> String {
    if extents.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[">OFFSET", ">LENGTH", ">OBJECT OFFSET", "CHECKSUM", "OBJECT"]);
    for extent in extents {
        table.row(Tone::Plain, extent_cells(extent));
    }
    format!("\n{}", table.render(colored))
}

fn extent_cells(extent: &Extent) -> [String; 5] {
    [
        extent.offset.to_string(),
        extent.length.to_string(),
        extent.object_offset.to_string(),
        extent.checksum.clone(),
        extent.object.clone(),
    ]
}
