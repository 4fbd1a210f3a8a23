//! LIST: what the bucket has, a page at a time.

use ureq::http::Method;

use super::exchange::Ask;
use super::{Client, Error, Tries, xml};
use crate::limits;

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub bytes: u64,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects.
    pub objects: Vec<Listed>,
    /// Folders, if they were asked for: the prefix, a name and `/`.
    pub folders: Vec<String>,
    /// The next page; `None` after the last.
    pub next: Option<String>,
}

pub(super) fn list(
    client: &Client,
    prefix: &str,
    folders: bool,
    page: Option<&str>,
    tries: Tries,
) -> Result<Page, Error> {
    let mut query = vec![("list-type", "2"), ("prefix", prefix)];
    if folders {
        query.push(("delimiter", "/"));
    }
    query.extend(page.map(|page| ("continuation-token", page)));
    // Signed in the order of their names.
    query.sort_unstable();
    let doing = "listing the bucket";
    let bytes_max = limits::S3_LIST_BYTES_MAX;
    let ask = Ask { query: &query, bytes_max, ..Ask::new(doing, Method::GET, "") };
    let answer = client.ask(&ask, tries)?;
    read(&String::from_utf8_lossy(&answer.body))
        .ok_or(Error::Damaged { doing, what: "the answer is not a listing" })
}

fn read(text: &str) -> Option<Page> {
    let result = xml::elements(text, "ListBucketResult").next()?;
    let objects = xml::elements(result, "Contents").map(|object| {
        let bytes = xml::element(object, "Size")?.parse().ok()?;
        Some(Listed { key: xml::element(object, "Key")?, bytes })
    });
    let folders = xml::elements(result, "CommonPrefixes");
    let more = xml::element(result, "IsTruncated").as_deref() == Some("true");
    let next = xml::element(result, "NextContinuationToken").filter(|_| more);
    if more && next.is_none() {
        return None;
    }
    Some(Page {
        objects: objects.collect::<Option<_>>()?,
        folders: folders.map(|folder| xml::element(folder, "Prefix")).collect::<Option<_>>()?,
        next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let text = "<?xml version='1.0'?><ListBucketResult xmlns='x'><Name>b</Name>\
             <IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;</NextContinuationToken>\
             <Contents><Key>a/1</Key><Size>5</Size></Contents>\
             <Contents><Key>a/2</Key><Size>0</Size></Contents>\
             <CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes></ListBucketResult>";
        let page = read(text).unwrap();
        assert_eq!(page.objects[0], Listed { key: "a/1".to_owned(), bytes: 5 });
        assert_eq!(page.objects.len(), 2);
        assert_eq!(page.folders, ["a/b/"]);
        assert_eq!(page.next.as_deref(), Some("t&"));
        assert_eq!(read("<html>no</html>"), None);
        assert_eq!(read("<ListBucketResult/>"), Some(Page::default()));
        let cut = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        assert_eq!(read(cut), None); // it would be taken for the end
    }
}
