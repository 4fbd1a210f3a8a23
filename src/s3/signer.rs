//! SigV4: proves to the service who asks, and that nobody changed what is asked.

use std::time::SystemTime;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use ureq::http::Request;

use super::credentials::Source;
use super::{Error, Settings, SettingsError};

/// Who we are.
pub(super) struct Signer {
    credentials: Source,
    region: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    pub(super) fn new(settings: &Settings, now: SystemTime) -> Result<Self, SettingsError> {
        let credentials = Source::new(settings, now)?;
        Ok(Self { credentials, region: settings.region.clone() })
    }

    /// Adds the signature. `payload` is the body's SHA-256 in hexadecimal.
    pub(super) fn sign<T>(
        &self,
        request: &mut Request<T>,
        payload: &str,
        now: SystemTime,
        doing: &'static str,
    ) -> Result<(), Error> {
        let failed = |_| Error::Damaged { doing, what: "the request cannot be signed" };
        let mut settings = SigningSettings::default();
        // S3 takes paths as they are, encoded once.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = self.credentials.current(now).into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|_| Error::Damaged { doing, what: "the request cannot be signed" })?;
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers,
            SignableBody::Precomputed(payload.to_owned()),
        );
        let signed = sign(signable.map_err(failed)?, &parameters.into()).map_err(failed)?;
        signed.into_parts().0.apply_to_request_http1x(request);
        Ok(())
    }
}
