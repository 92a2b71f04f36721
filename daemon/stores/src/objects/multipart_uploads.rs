//! Multipart uploads that nobody will finish, in S3.
//!
//! A process that is killed while it writes leaves its multipart upload behind: no object, seen by no listing of objects,
//! and paid for until somebody aborts it. OpenDAL has no call that lists them, so the two requests are made here,
//! signed as OpenDAL signs its own: its configuration is read again, and where the bucket is, is taken from an address
//! that it presigns.
//!
//! A service that does not list them, or an operator who may not, is told in the log once; then a lifecycle rule of the
//! bucket is what removes them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Buf;
use cairn_engine::contracts::{Failure, Store, StoreError, Unfinished};
use cairn_engine::{ObjectKey, Timestamp};
use http::{Method, Request, StatusCode};
use opendal::raw::percent_encode_path;
use opendal::services::S3Config;
use opendal::{Buffer, Configurator, Operator};
use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, Credential, DefaultCredentialProvider, RequestSigner,
    StaticCredentialProvider,
};
use reqsign_core::{Context, OsEnv, ProvideCredentialChain, Signer};
use reqsign_file_read_tokio::TokioFileRead;
use serde::Deserialize;

use super::failures::{from_opendal, told};
use super::service::FOLDERS;

/// Listed at once, at most. What is beyond is listed when these are gone.
const MOST: usize = 10_000;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The multipart uploads below the root of one bucket.
pub(super) struct MultipartUploads {
    operator: Operator,
    config: S3Config,
    refusal_told: AtomicBool,
}

/// A bucket, and who asks it.
struct Bucket {
    /// The address of the bucket, without a slash at its end.
    address: String,
    signer: Signer<Credential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    key: String,
    upload_id: String,
    #[serde(default)]
    initiated: String,
}

impl MultipartUploads {
    /// Those of the bucket that OpenDAL's options name.
    ///
    /// # Errors
    /// OpenDAL cannot read its options.
    pub(super) fn new(options: &BTreeMap<String, String>, operator: Operator) -> opendal::Result<Self> {
        let config = S3Config::from_iter(options.clone())?;
        Ok(Self { operator, config, refusal_told: AtomicBool::new(false) })
    }

    /// Those that were begun for an object of ours; none where they cannot be listed.
    pub(super) async fn list(&self) -> Result<Vec<Unfinished>, StoreError> {
        // Without a signature nobody is let in to these requests.
        if self.config.skip_signature || !self.operator.info().capability().presign_stat {
            return Ok(Vec::new());
        }
        let bucket = self.bucket().await?;
        let mut found = Vec::new();
        for folder in FOLDERS {
            self.list_folder(&bucket, folder, &mut found).await?;
        }
        Ok(found)
    }

    async fn list_folder(
        &self,
        bucket: &Bucket,
        folder: &str,
        found: &mut Vec<Unfinished>,
    ) -> Result<(), StoreError> {
        let prefix = percent_encode_path(&format!("{}{folder}", self.root()));
        let mut markers = String::new();
        while found.len() < MOST {
            let address = format!("{}?uploads&prefix={prefix}{markers}", bucket.address);
            let (status, answer) = self.ask(bucket, Method::GET, &address).await?;
            if !status.is_success() {
                return self.refused(status);
            }
            let listing: Listing = quick_xml::de::from_reader(answer.reader())
                .map_err(|error| StoreError::new(Store::Objects, "unfinished", Failure::Failed, error))?;
            found.extend(listing.uploads.iter().filter_map(|listed| self.ours(listed)));
            if !listing.is_truncated || listing.next_key_marker.is_empty() {
                return Ok(());
            }
            let (key, id) = (&listing.next_key_marker, &listing.next_upload_id_marker);
            let (key, id) = (percent_encode_path(key), percent_encode_path(id));
            markers = format!("&key-marker={key}&upload-id-marker={id}");
        }
        Ok(())
    }

    /// Aborts them; one that is gone already is fine.
    pub(super) async fn abort(&self, unfinished: &[Unfinished]) -> Result<(), StoreError> {
        let bucket = self.bucket().await?;
        for Unfinished { object, mark, .. } in unfinished {
            let key = percent_encode_path(&format!("{}{object}", self.root()));
            let address = format!("{}/{key}?uploadId={}", bucket.address, percent_encode_path(mark));
            let (status, _) = self.ask(&bucket, Method::DELETE, &address).await?;
            if !status.is_success() && status != StatusCode::NOT_FOUND {
                let why = format!("a multipart upload cannot be aborted: {status}");
                return Err(told("give_up", Failure::Unavailable, why));
            }
        }
        Ok(())
    }

    /// Where the bucket is, and with whose name it is asked.
    async fn bucket(&self) -> Result<Bucket, StoreError> {
        let presigned = self.operator.presign_stat(ObjectKey::marker().as_str(), PATIENCE).await;
        let presigned = presigned.map_err(|error| from_opendal("unfinished", error))?;
        let text = presigned.uri().to_string();
        let (address, query) = text.split_once('?').unwrap_or((&text, ""));
        let folders = self.root().split('/').filter(|folder| !folder.is_empty()).count();
        let strange = || told("unfinished", Failure::Failed, "the address of the bucket cannot be told");
        // The marker's name, and the folders of the root.
        let address = (0..=folders).try_fold(address, |address, _| Some(address.rsplit_once('/')?.0));
        let region =
            query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential=")?.rsplit("%2F").nth(2));
        let (address, region) = (address.ok_or_else(strange)?, region.ok_or_else(strange)?);
        Ok(Bucket { address: address.to_owned(), signer: self.signer(region) })
    }

    /// Who asks, found as OpenDAL finds it: keys of the configuration, of the environment, of the machine; in a role.
    fn signer(&self, region: &str) -> Signer<Credential> {
        let config = &self.config;
        let transport = self.operator.context().http_transport().clone();
        let context = Context::new().with_file_read(TokioFileRead).with_env(OsEnv).with_http_send(transport);
        let mut default = DefaultCredentialProvider::builder();
        if config.disable_config_load {
            default = default.no_env().no_profile();
        } else if let Some(profile) = config.profile.as_deref().filter(|profile| !profile.is_empty()) {
            default = default.with_profile(profile);
        }
        if config.disable_ec2_metadata {
            default = default.no_imds();
        }
        let mut provider = ProvideCredentialChain::new().push(default.build());
        if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
            let keys = StaticCredentialProvider::new(id, secret);
            provider = provider.push_front(match config.session_token.as_deref() {
                Some(token) => keys.with_session_token(token),
                None => keys,
            });
        }
        if let Some(role) = &config.role_arn {
            let asking = Signer::new(context.clone(), provider, RequestSigner::new("sts", region));
            let mut role = AssumeRoleCredentialProvider::new(role.clone(), asking)
                .with_region(region.to_owned())
                .with_regional_sts_endpoint();
            if let Some(id) = &config.external_id {
                role = role.with_external_id(id.clone());
            }
            if let Some(name) = &config.role_session_name {
                role = role.with_role_session_name(name.clone());
            }
            provider = ProvideCredentialChain::new().push(role);
        }
        Signer::new(context, provider, RequestSigner::new("s3", region))
    }

    async fn ask(
        &self,
        bucket: &Bucket,
        method: Method,
        address: &str,
    ) -> Result<(StatusCode, Buffer), StoreError> {
        let failed = |why: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::new(Store::Objects, "unfinished", Failure::Unavailable, why)
        };
        let asking = async {
            let request = Request::builder().method(method).uri(address).body(());
            let (mut parts, ()) = request.map_err(|error| failed(error.into()))?.into_parts();
            bucket.signer.sign(&mut parts, None).await.map_err(|error| failed(error.into()))?;
            // The transport writes its own.
            parts.headers.remove(http::header::HOST);
            let request = Request::from_parts(parts, Buffer::new());
            let sent = self.operator.context().http_transport().send(request).await;
            let answer = sent.map_err(|error| from_opendal("unfinished", error))?;
            Ok((answer.status(), answer.into_body()))
        };
        tokio::time::timeout(PATIENCE, asking).await.map_err(|late| failed(late.into()))?
    }

    fn refused(&self, status: StatusCode) -> Result<(), StoreError> {
        if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
            let why = format!("multipart uploads cannot be listed: {status}");
            return Err(told("unfinished", Failure::Unavailable, why));
        }
        if !self.refusal_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                status = status.as_u16(),
                "the storage does not list multipart uploads: a lifecycle rule must remove those that a kill leaves"
            );
        }
        Ok(())
    }

    fn ours(&self, listed: &Listed) -> Option<Unfinished> {
        let object: ObjectKey = listed.key.strip_prefix(&self.root())?.parse().ok()?;
        let begun_at = listed.initiated.parse::<jiff::Timestamp>().ok();
        let begun_at = begun_at.and_then(|time| u64::try_from(time.as_millisecond()).ok()).map(Timestamp);
        Some(Unfinished { object, begun_at, mark: listed.upload_id.clone() })
    }

    /// The root of the configuration, as keys begin with it.
    fn root(&self) -> String {
        self.operator.info().root().trim_start_matches('/').to_owned()
    }
}
