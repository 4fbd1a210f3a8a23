//! PROXY headers.

use crate::proxy::{Progress, V1_BYTES_MAX, V2_BYTES_MAX, header};

/// Reading as much as is asked for ends as reading all at once does, in few reads, and never takes
/// a byte behind the header.
pub fn proxy_header(input: &[u8]) {
    let whole = header(input);
    let (mut read, mut calls) = (0, 0);
    let told = loop {
        calls += 1;
        assert!(calls <= V1_BYTES_MAX, "too many reads");
        match header(&input[..read]) {
            Ok(Progress::Needs { bytes }) => {
                assert!(bytes > read && bytes <= V2_BYTES_MAX);
                if bytes > input.len() {
                    break None;
                }
                read = bytes;
            }
            told => break Some(told),
        }
    };
    match whole {
        Ok(Progress::Needs { bytes }) => assert!(bytes > input.len() && told.is_none()),
        Ok(Progress::Complete { bytes, tlvs, .. }) => {
            assert_eq!((bytes, told), (read, Some(whole)));
            assert!(tlvs.iter().count() <= bytes / 3);
            if let Some(ssl) = tlvs.ssl() {
                let values = [ssl.version(), ssl.common_name(), ssl.cipher()];
                assert!(values.iter().flatten().all(|value| value.len() < bytes));
            }
        }
        // Which rule it breaks may depend on how much is seen; that it breaks one, not.
        Err(_) => assert!(told.is_none_or(|told| told.is_err())),
    }
}
