//! PUT of a large object in parts. What is not completed is aborted, so that nobody pays for it.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use ureq::http::Method;

use super::exchange::Ask;
use super::{Client, Error, FORM, New, Tries, xml};
use crate::{crash_point, limits};

pub(super) fn put(client: &Client, key: &str, new: &New<'_>, tries: Tries) -> Result<(), Error> {
    let doing = "starting an object in parts";
    let mut headers = vec![("content-type", new.media_type)];
    headers.extend(new.form.map(|form| (FORM, form)));
    let ask = Ask {
        query: &[("uploads", "")],
        headers: &headers,
        body: Some(&[]),
        ..Ask::new(doing, Method::POST, key)
    };
    let answer = client.ask(&ask, tries)?;
    let upload = xml::element(&String::from_utf8_lossy(&answer.body), "UploadId");
    let upload = upload.ok_or(Error::Damaged { doing, what: "its identifier did not come" })?;
    crash_point!("object: parts started, not completed");
    let done = put_parts(client, key, new, &upload, tries);
    if done.is_err() {
        abort(client, key, &upload);
    }
    done
}

fn put_parts(
    client: &Client,
    key: &str,
    new: &New<'_>,
    upload: &str,
    tries: Tries,
) -> Result<(), Error> {
    let mut parts = String::from("<CompleteMultipartUpload>");
    for (bytes, number) in new.bytes.chunks(limits::S3_PART_BYTES).zip(1_u32..) {
        let tag = put_part(client, key, bytes, number, upload, tries)?;
        // Writing to a String cannot fail.
        let _written = write!(
            parts,
            "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>",
            xml::escape(&tag)
        );
    }
    parts.push_str("</CompleteMultipartUpload>");
    let doing = "completing an object";
    let ask = Ask {
        query: &[("uploadId", upload)],
        body: Some(parts.as_bytes()),
        ..Ask::new(doing, Method::POST, key)
    };
    let answer = client.ask(&ask, tries)?;
    // It may begin with 200 and end in an error.
    let body = String::from_utf8_lossy(&answer.body);
    match xml::elements(&body, "CompleteMultipartUploadResult").next() {
        Some(_) => Ok(()),
        None => {
            let code = xml::element(&body, "Code").unwrap_or_default();
            Err(Error::Busy { doing, status: answer.status, code })
        }
    }
}

/// Puts one part; its tag.
fn put_part(
    client: &Client,
    key: &str,
    bytes: &[u8],
    number: u32,
    upload: &str,
    tries: Tries,
) -> Result<String, Error> {
    let doing = "putting a part";
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let number = number.to_string();
    let ask = Ask {
        query: &[("partNumber", &number), ("uploadId", upload)],
        body: Some(bytes),
        hash: Some(&hash),
        ..Ask::new(doing, Method::PUT, key)
    };
    let answer = client.ask(&ask, tries)?;
    let tag = answer.header("etag").map(str::to_owned);
    tag.ok_or(Error::Damaged { doing, what: "its tag did not come" })
}

fn abort(client: &Client, key: &str, upload: &str) {
    let doing = "aborting an object in parts";
    let ask = Ask { query: &[("uploadId", upload)], ..Ask::new(doing, Method::DELETE, key) };
    match client.ask(&ask, Tries::Several) {
        Ok(_) | Err(Error::NotFound { .. }) => {}
        Err(error) => {
            log::warn!("{error}; the bucket keeps its parts until they are removed there")
        }
    }
}
