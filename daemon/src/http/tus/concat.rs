//! `Upload-Concat`: a part of something, or all of it in a row.

use cairn_engine::UploadId;
use http::Uri;
use http::header::HeaderMap;

use super::fields::{UPLOAD_CONCAT, bad, single};
use crate::http::problem::Problem;

/// What an upload is among others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An upload like any other.
    Alone,
    /// It is made to be joined with others, and never a file by itself.
    Partial,
    /// It is these uploads in a row.
    Final(Vec<UploadId>),
}

impl Role {
    /// What a request says; `base` is the address of tus's path, `path` its path alone.
    ///
    /// # Errors
    /// 400 `bad_field`, also for an address that is not one of our uploads.
    pub(super) fn of(headers: &HeaderMap, base: &str, path: &str) -> Result<Self, Problem> {
        let Some(value) = single(headers, &UPLOAD_CONCAT)? else { return Ok(Self::Alone) };
        let text = std::str::from_utf8(value).unwrap_or_default();
        if text == "partial" {
            return Ok(Self::Partial);
        }
        let refuse = |detail: &str| bad(&UPLOAD_CONCAT, detail);
        let list = text.strip_prefix("final;");
        let list = list.ok_or_else(|| refuse("it is partial, or final; and addresses"))?;
        let ids: Option<Vec<UploadId>> =
            list.split(' ').filter(|url| !url.is_empty()).map(|url| upload_at(url, base, path)).collect();
        match ids {
            Some(ids) if !ids.is_empty() => Ok(Self::Final(ids)),
            Some(_) => Err(refuse("no upload is listed")),
            None => Err(refuse("an address is not that of an upload here")),
        }
    }
}

/// The upload at an address: absolute on our host, or a path.
fn upload_at(url: &str, base: &str, path: &str) -> Option<UploadId> {
    let ours: Uri = base.parse().ok()?;
    let url: Uri = url.parse().ok()?;
    let here = url.authority().is_none() || url.authority() == ours.authority();
    let below = |path: &str| url.path().strip_prefix(path);
    let name = below(ours.path()).or_else(|| below(path)).filter(|_| here)?;
    name.strip_suffix('/').unwrap_or(name).parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ONE: &str = "00000000000000000000000000000001";
    const TWO: &str = "00000000000000000000000000000002";

    fn read(value: &str) -> Option<Role> {
        let headers = HeaderMap::from_iter([(UPLOAD_CONCAT, HeaderValue::from_str(value).unwrap())]);
        Role::of(&headers, "https://a.example/up/files/", "/files/").ok()
    }

    #[test]
    fn addresses_may_be_absolute_or_paths_with_spaces_and_slashes_around_them() {
        let both = Some(Role::Final(vec![ONE.parse().unwrap(), TWO.parse().unwrap()]));
        for value in [
            format!("final;/files/{ONE} /files/{TWO}"),
            format!("final; https://a.example/up/files/{ONE} /up/files/{TWO}/"),
            format!("final;https://a.example/files/{ONE}  https://a.example/files/{TWO} "),
        ] {
            assert_eq!(read(&value), both, "{value}");
        }
        assert_eq!(read("partial"), Some(Role::Partial));
        assert_eq!(Role::of(&HeaderMap::new(), "/files/", "/files/").unwrap(), Role::Alone);
    }

    #[test]
    fn what_is_not_the_grammar_or_not_here_is_refused() {
        for value in [
            "",
            "final",
            "final;",
            "final; ",
            "partial;x",
            "Partial",
            &format!("Final;/files/{ONE}"),
            &format!("final;https://b.example/files/{ONE}"),
            &format!("final;/other/{ONE}"),
            "final;/files/x",
            &format!("final;/files/../files/{ONE}"),
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
