//! The parameters of a request, wherever they came from, and how each is read.

use cairn_engine::digest::body::{BodyAlgorithm, BodyDigest};
use cairn_engine::{Algorithm, Digest, FilePath, UploadId};
use http::Uri;

use super::envelope::Fault;
use crate::audit::Trail;
use crate::http::caller::{Asker, Head, parameters};
use crate::http::numbers;

/// The most parameters of a request.
const MAX_PARAMETERS: usize = 64;

/// The parameters of a request. Of two with the same name the first counts, and the query comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of the query.
    pub(crate) fn of_query(uri: &Uri) -> Result<Self, Fault> {
        let mut all = Self::default();
        for (name, value) in parameters(uri) {
            all.add(name, value)?;
        }
        Ok(all)
    }

    /// One more.
    pub(crate) fn add(&mut self, name: String, value: String) -> Result<(), Fault> {
        if self.0.len() >= MAX_PARAMETERS {
            return Err(Fault::parameter(format!("more than {MAX_PARAMETERS} parameters")));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// The text of a parameter that is there and not empty.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Whether any of these says what a part's bytes are to be.
    pub(crate) fn says_of_a_part(&self) -> bool {
        ["uploadid", "index", "chunkhash"].iter().any(|name| self.find(name).is_some())
    }

    fn needed(&self, name: &str) -> Result<&str, Fault> {
        self.find(name).ok_or_else(|| Fault::parameter(format!("{name} is missing")))
    }

    /// Who is asking: `username`, else as everywhere; `None` if nobody is named or known at all.
    pub(crate) fn named_asker(&self, head: &Head) -> Result<Option<Asker>, Fault> {
        let name = self.find("username").or_else(|| self.find("user"));
        if name.is_none() && !head.names_somebody() {
            return Ok(None);
        }
        Asker::named(name, head).map(Some).map_err(Fault::from)
    }

    /// Who is asking; the default user if nobody is named or known.
    pub(crate) fn asker(&self, head: &Head) -> Result<Asker, Fault> {
        self.named_asker(head)?.map_or_else(|| Asker::named(None, head).map_err(Fault::from), Ok)
    }

    /// `filehash`: a SHA-1 in 40 hexadecimal digits, or a digest with its algorithm in front.
    pub(crate) fn filehash(&self) -> Result<Digest, Fault> {
        digest(self.needed("filehash")?)
    }

    /// `filehash`, where it may be absent.
    pub(crate) fn optional_filehash(&self) -> Result<Option<Digest>, Fault> {
        self.find("filehash").map(digest).transpose()
    }

    /// A number of bytes.
    pub(crate) fn length(&self, name: &str) -> Result<Option<u64>, Fault> {
        let Some(text) = self.find(name) else { return Ok(None) };
        let bad = || Fault::parameter(format!("{name} must be a whole number of bytes below 2^63"));
        numbers::length(text).map(Some).ok_or_else(bad)
    }

    /// `filesize`, which must be there.
    pub(crate) fn filesize(&self) -> Result<u64, Fault> {
        self.needed("filesize")?;
        self.length("filesize")?.ok_or_else(|| Fault::parameter("filesize is missing"))
    }

    /// `filename` as a path.
    pub(crate) fn filename(&self) -> Result<Option<FilePath>, Fault> {
        let bad = |error| Fault::parameter(format!("filename: {error}"));
        self.find("filename").map(|text| text.parse().map_err(bad)).transpose()
    }

    /// `uploadid`. A text that is no id names no upload.
    pub(crate) fn uploadid(&self) -> Result<UploadId, Fault> {
        let id = self.needed("uploadid")?.parse().map_err(|_| cairn_engine::Refusal::NoUpload)?;
        Trail::about_upload(id);
        Ok(id)
    }

    /// `index`, counted from 1.
    pub(crate) fn index(&self) -> Result<u64, Fault> {
        let bad = || Fault::parameter("index must be a whole number, counted from 1");
        numbers::decimal(self.needed("index")?).ok_or_else(bad)
    }

    /// `chunkhash`: the SHA-1 of the part.
    pub(crate) fn chunkhash(&self) -> Result<Option<BodyDigest>, Fault> {
        let Some(text) = self.find("chunkhash") else { return Ok(None) };
        let expected = cairn_engine::digest::unhex(text).filter(|bytes| bytes.len() == 20);
        let expected =
            expected.ok_or_else(|| Fault::parameter("chunkhash must have 40 hexadecimal digits"))?;
        Ok(Some(BodyDigest { algorithm: BodyAlgorithm::Sha1, expected }))
    }
}

fn digest(text: &str) -> Result<Digest, Fault> {
    let bare = cairn_engine::digest::unhex(text).and_then(|bytes| Digest::new(Algorithm::Sha1, &bytes));
    bare.or_else(|| text.parse().ok())
        .ok_or_else(|| Fault::parameter("filehash must be a SHA-1 of 40 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use cairn_engine::Owner;

    use super::*;
    use crate::auth::Identity;

    fn nobody_asked() -> Head {
        Head { identity: Some(Identity::believed(Owner::default())), ..Head::default() }
    }

    fn of(query: &str) -> Parameters {
        Parameters::of_query(&format!("/file/x?{query}").parse().unwrap()).unwrap()
    }

    #[test]
    fn parameters_are_read_strictly() {
        let hash = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709";
        let good =
            of(&format!("username=ann&filehash={hash}&filesize=10&index=3&filename=a%2Fb&chunkhash={hash}"));
        assert_eq!(good.asker(&nobody_asked()).unwrap().0.as_str(), "ann");
        assert_eq!(good.filehash().unwrap().to_string(), format!("sha1:{}", hash.to_lowercase()));
        assert_eq!(good.filesize().unwrap(), 10);
        assert_eq!(good.index().unwrap(), 3);
        assert_eq!(good.filename().unwrap().unwrap().as_str(), "a/b");
        assert!(good.chunkhash().unwrap().is_some());
        let bad = of(
            "filehash=abc&filesize=-1&index=1e3&filename=../x&chunkhash=00&uploadid=..%2Fx&username=a%0Ab",
        );
        assert!(bad.filehash().is_err());
        assert!(bad.filesize().is_err());
        assert!(bad.index().is_err());
        assert!(bad.filename().is_err());
        assert!(bad.chunkhash().is_err());
        assert_eq!(bad.uploadid().unwrap_err().status.as_u16(), 404);
        assert!(bad.asker(&nobody_asked()).is_err());
    }

    #[test]
    fn an_empty_parameter_is_absent_and_nobody_named_is_the_default_user() {
        let empty = of("filename=&filesize=&username=");
        assert_eq!(empty.filename().unwrap(), None);
        assert!(empty.filesize().is_err());
        assert_eq!(empty.named_asker(&nobody_asked()).unwrap(), None);
        assert_eq!(empty.asker(&nobody_asked()).unwrap().0.as_str(), "default");
    }

    #[test]
    fn there_is_a_most_of_parameters() {
        let many = "a=1&".repeat(65);
        assert!(Parameters::of_query(&format!("/?{many}").parse().unwrap()).is_err());
    }
}
