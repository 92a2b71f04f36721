//! The bytes of one part: a multipart field `file`, or the raw body.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use cairn_engine::engine::Incoming;
use cairn_engine::refusal::BodyError;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::header::HeaderMap;
use multer::Field;

use super::envelope::Fault;
use super::form::{Form, body_error, boundary};
use super::parameters::Parameters;
use crate::http::body;
use crate::http::door::Limits;

/// A part on its way in: its parameters, all read, and its bytes, none read.
pub(crate) struct Part {
    /// The parameters.
    pub(crate) parameters: Parameters,
    /// The bytes, to be verified with `chunkhash`.
    pub(crate) incoming: Incoming,
    /// Raised if a parameter came after the bytes: then they end in an error.
    pub(crate) too_late: TooLate,
}

/// Whether a parameter came too late to be obeyed.
#[derive(Clone, Debug, Default)]
pub(crate) struct TooLate(Arc<AtomicBool>);

impl TooLate {
    /// Says why the bytes ended in an error, if this is why.
    pub(crate) fn explain(&self, fault: Fault) -> Fault {
        if self.0.load(Ordering::Relaxed) {
            return Fault::parameter("every parameter must come before the field \"file\", or in the query");
        }
        fault
    }
}

/// Reads the parameters of a part up to its bytes.
pub(crate) async fn read(request: Request, limits: &Limits) -> Result<Part, Fault> {
    let (head, body) = request.into_parts();
    let query = Parameters::of_query(&head.uri)?;
    let mut part = match boundary(&head.headers) {
        Some(boundary) => multipart(query, body, boundary, limits).await?,
        None => raw(query, &head.headers, body, limits)?,
    };
    part.incoming.digests.extend(part.parameters.chunkhash()?);
    Ok(part)
}

fn raw(parameters: Parameters, headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Part, Fault> {
    if parameters.find("uploadid").is_none() || parameters.find("index").is_none() {
        return Err(Fault::parameter("a raw body needs uploadid and index in the query"));
    }
    let incoming = body::incoming(headers, body, limits)
        .map_err(|_| Fault::parameter("Content-Digest cannot be read as one"))?;
    Ok(Part { parameters, incoming, too_late: TooLate::default() })
}

async fn multipart(
    mut parameters: Parameters,
    body: Body,
    boundary: String,
    limits: &Limits,
) -> Result<Part, Fault> {
    let mut form = Form::new(body, boundary, limits);
    let Some(file) = form.next(&mut parameters).await? else {
        return Err(Fault::parameter("the form has no field \"file\""));
    };
    if parameters.find("uploadid").is_none() || parameters.find("index").is_none() {
        return Err(Fault::parameter(
            "uploadid and index must come before the field \"file\", or in the query: the part is stored as it comes",
        ));
    }
    let too_late = TooLate::default();
    let body = to_the_end(form, file, too_late.clone());
    Ok(Part { parameters, incoming: Incoming { body, length: None, digests: Vec::new() }, too_late })
}

/// Where the reading of a form is.
enum Reading {
    File(Form, Box<Field<'static>>),
    After(Form),
}

/// The bytes of the file, and then the rest of the form. A form that breaks off after the file breaks the part; so
/// does a parameter that comes too late to be obeyed.
fn to_the_end(
    form: Form,
    file: Field<'static>,
    too_late: TooLate,
) -> BoxStream<'static, Result<Bytes, BodyError>> {
    stream::unfold(Some(Reading::File(form, Box::new(file))), move |reading| {
        let too_late = too_late.clone();
        async move {
            let mut reading = reading?;
            loop {
                reading = match reading {
                    Reading::File(form, mut file) => match file.chunk().await {
                        Ok(Some(bytes)) => return Some((Ok(bytes), Some(Reading::File(form, file)))),
                        Ok(None) => Reading::After(form),
                        Err(error) => return Some((Err(body_error(&error)), None)),
                    },
                    Reading::After(mut form) => {
                        let mut late = Parameters::default();
                        let ended = form.next(&mut late).await;
                        too_late.0.store(late.says_of_a_part(), Ordering::Relaxed);
                        let sound = matches!(ended, Ok(None)) && !late.says_of_a_part();
                        return (!sound).then_some((Err(BodyError::Broken), None));
                    }
                };
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    fn field(name: &str, value: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    async fn read_form(query: &str, fields: &[(&str, &str)]) -> Result<Part, Fault> {
        let mut form: String = fields.iter().map(|(name, value)| field(name, value)).collect();
        form.push_str("--b--\r\n");
        let request = http::Request::builder()
            .uri(format!("/file/mpupload/uppart?{query}"))
            .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(Body::from(form))
            .unwrap();
        read(request, &Limits::default()).await
    }

    async fn bytes(part: Part) -> (Result<Vec<u8>, BodyError>, TooLate) {
        let frames: Vec<_> = part.incoming.body.collect().await;
        let frames: Result<Vec<Bytes>, BodyError> = frames.into_iter().collect();
        (frames.map(|frames| frames.concat()), part.too_late)
    }

    const HASH: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

    #[tokio::test]
    async fn a_field_and_a_raw_body_are_the_same_part() {
        let fields = [("uploadid", "u"), ("index", "1"), ("chunkhash", HASH), ("file", "bytes")];
        let part = read_form("", &fields).await.unwrap();
        assert_eq!(part.parameters.find("uploadid"), Some("u"));
        assert_eq!(part.incoming.digests.len(), 1);
        assert_eq!(bytes(part).await.0.unwrap(), b"bytes");
        // The tutorial's client names a form and sends none.
        let raw = http::Request::builder()
            .uri(format!("/?uploadid=u&index=1&chunkhash={HASH}"))
            .header(CONTENT_TYPE, "multipart/form-data")
            .body(Body::from("bytes"))
            .unwrap();
        let part = read(raw, &Limits::default()).await.unwrap();
        assert_eq!(part.incoming.digests.len(), 1);
        assert_eq!(bytes(part).await.0.unwrap(), b"bytes");
    }

    #[tokio::test]
    async fn parameters_after_the_bytes_are_refused_and_not_passed_over() {
        let late = read_form("", &[("file", "bytes"), ("uploadid", "u"), ("index", "1")]).await;
        assert!(late.err().unwrap().message.contains("before"));
        let late = read_form("uploadid=u&index=1", &[("file", "bytes"), ("chunkhash", HASH)]).await.unwrap();
        let (read, too_late) = bytes(late).await;
        assert_eq!(read, Err(BodyError::Broken));
        assert!(too_late.explain(Fault::parameter("")).message.contains("before"));
    }

    #[tokio::test]
    async fn a_form_without_a_file_and_a_raw_body_without_parameters_are_refused() {
        assert!(read_form("uploadid=u&index=1", &[("other", "x")]).await.is_err());
        let raw = http::Request::builder().uri("/?uploadid=u").body(Body::from("bytes")).unwrap();
        assert!(read(raw, &Limits::default()).await.is_err());
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_breaks_the_part() {
        let form = field("file", "bytes");
        let request = http::Request::builder()
            .uri("/?uploadid=u&index=1")
            .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(Body::from(form))
            .unwrap();
        let part = read(request, &Limits::default()).await.unwrap();
        assert_eq!(bytes(part).await.0, Err(BodyError::Broken));
    }
}
