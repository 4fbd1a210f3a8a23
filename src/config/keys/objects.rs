//! Bodies in a bucket, on their way there and near, and how long they are kept: `[s3]`, `[local_cache]`,
//! `[uploader]` and `[cleanup]`.

use super::{Key, Section};

const S3: Section = Section("s3");
const LOCAL_CACHE: Section = Section("local_cache");
const UPLOADER: Section = Section("uploader");
const CLEANUP: Section = Section("cleanup");

pub(super) const KEYS: &[Key] = &[
    S3.key(
        "endpoint",
        "s3endpoint",
        "The service: a host such as \"s3.eu-central-1.amazonaws.com\" or \"127.0.0.1:9000\", or a URL
such as \"http://127.0.0.1:9000\". Needed with [bodies] home = \"s3\", like the next four.",
        |c| &mut c.s3.endpoint,
    ),
    S3.key(
        "bucket",
        "s3bucket",
        "It must be there. sora -check tries it.",
        |c| &mut c.s3.bucket,
    ),
    S3.key(
        "region",
        "",
        "The bucket's region; services that have none take any.",
        |c| &mut c.s3.region,
    ),
    S3.key(
        "access_key",
        "s3accesskey",
        "",
        |c| &mut c.s3.access_key,
    ),
    S3.key(
        "secret_key",
        "s3secretkey",
        "",
        |c| &mut c.s3.secret_key,
    ),
    S3.key(
        "session_token",
        "",
        "Only with temporary credentials.",
        |c| &mut c.s3.session_token,
    ),
    S3.key(
        "credentials_file",
        "",
        "A file with aws_access_key_id, aws_secret_access_key and aws_session_token, as AWS's tools write
it, in place of the three above. It is read again when it changes: for credentials that end.",
        |c| &mut c.s3.credentials_file,
    ),
    S3.key(
        "prefix",
        "",
        "What the name of every object begins with, so that a bucket can hold more than Sora.",
        |c| &mut c.s3.prefix,
    ),
    S3.key(
        "addressing",
        "",
        "Where the bucket stands in a URL: \"path\", \"virtual\" (in the host name), or \"auto\", which is
virtual for Amazon and path elsewhere.",
        |c| &mut c.s3.addressing,
    ),
    S3.key(
        "disable_tls",
        "",
        "true speaks HTTP without TLS, if endpoint does not say which.",
        |c| &mut c.s3.disable_tls,
    ),
    S3.key(
        "ca_file",
        "",
        "PEM file of the authorities to trust in place of the system's.",
        |c| &mut c.s3.ca_file,
    ),
    S3.key(
        "timeout",
        "",
        "Time for one request; a large message has a second more for each megabyte.",
        |c| &mut c.s3.timeout,
    ),
    S3.key(
        "compress",
        "",
        "true stores messages to come compressed (zstd). Without it and encrypt, an object is the
message as it came, for any tool to read.",
        |c| &mut c.s3.compress,
    ),
    S3.key(
        "encrypt",
        "",
        "true stores messages to come encrypted (AES-256-GCM), so that whoever has the bucket cannot
read them.",
        |c| &mut c.s3.encrypt,
    ),
    S3.key(
        "encryption_key",
        "",
        "64 hexadecimal digits: openssl rand -hex 32. Without it encrypted mail is lost: keep a copy.",
        |c| &mut c.s3.encryption_key,
    ),
    S3.key(
        "trace",
        "s3trace",
        "Log every request to the service.",
        |c| &mut c.s3.trace,
    ),
    LOCAL_CACHE.key(
        "path",
        "cachedir",
        "Where messages that were read from S3 are kept near. \"\": data_dir/cache.",
        |c| &mut c.local_cache.path,
    ),
    LOCAL_CACHE.key(
        "capacity",
        "cachesize",
        "The size of all of it; 0 for no cache.",
        |c| &mut c.local_cache.capacity,
    ),
    LOCAL_CACHE.key(
        "max_object_size",
        "cachemaxobject",
        "Larger messages are not kept.",
        |c| &mut c.local_cache.max_object_size,
    ),
    UPLOADER.key(
        "batch_size",
        "uploaderbatchsize",
        "Messages wait in the database until they are in S3. So many are taken at once...",
        |c| &mut c.uploader.batch_size,
    ),
    UPLOADER.key(
        "concurrency",
        "uploaderconcurrency",
        "...and so many are on their way at the same time.",
        |c| &mut c.uploader.concurrency,
    ),
    UPLOADER.key(
        "max_attempts",
        "uploadermaxattempts",
        "When S3 refuses one message so often, that is an error in the log; it stays in the database
and is tried less and less often. S3 that does not answer at all does not count.",
        |c| &mut c.uploader.max_attempts,
    ),
    UPLOADER.key(
        "retry_interval",
        "uploaderretryinterval",
        "From a refusal to the next try; doubled each time.",
        |c| &mut c.uploader.retry_interval,
    ),
    UPLOADER.key(
        "max_body",
        "",
        "Larger messages go to S3 before their delivery is answered, and do not wait in the database.",
        |c| &mut c.uploader.max_body,
    ),
    UPLOADER.key(
        "max_staging_size",
        "",
        "When more than this waits, because S3 is away for long, senders are told to come back later.
0 for no such limit.",
        |c| &mut c.uploader.max_staging_size,
    ),
    CLEANUP.key(
        "grace_period",
        "",
        "How long expunged messages, and deleted mailboxes and accounts, can be brought back with
sora-admin. After it they are removed for good.",
        |c| &mut c.cleanup.grace_period,
    ),
    CLEANUP.key(
        "wake_interval",
        "",
        "How often the cleaner looks for what is due; at least \"1m\".",
        |c| &mut c.cleanup.wake_interval,
    ),
    CLEANUP.key(
        "max_age_restriction",
        "",
        "Messages that came in longer ago than this are expunged, and removed when the grace period
is over too: \"90d\" and a grace of \"7d\" keep nothing longer than 97 days and two wake_intervals.
\"\" keeps all mail.",
        |c| &mut c.cleanup.max_age_restriction,
    ),
];
