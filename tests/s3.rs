//! The S3 client against a real server, and with a man in the middle.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use sora::model::Secret;
use sora::s3::{Addressing, Client, Clock, Error, Head, IfThere, New, Put, Settings, Tries};

use crate::support::fault_proxy::{Fault, FaultProxy};
use crate::support::tls_front::TlsFront;
use crate::support::weed::{ACCESS, CLOCK, SECRET, bucket, settings, weed};

fn client(settings: &Settings) -> Client {
    Client::new(settings, CLOCK).expect("settings that are right")
}

fn put(client: &Client, key: &str, bytes: &[u8], if_there: IfThere) -> Result<Put, Error> {
    let hash = Sha256::digest(bytes).into();
    let new = New { bytes, hash: &hash, media_type: "message/rfc822", form: None };
    client.put(key, &new, if_there, Tries::Several)
}

const MAX: u64 = 64 << 20;

#[test]
fn objects_come_and_go() {
    let Some(weed) = weed() else { return };
    let client = client(&settings(weed.address, &bucket()));
    let key = "prefix/7/1-abc+ü~ x";
    let hash = Sha256::digest(b"hello").into();
    let new = New { bytes: b"hello", hash: &hash, media_type: "message/rfc822", form: Some("x y") };
    assert_eq!(client.put(key, &new, IfThere::Replace, Tries::Several), Ok(Put::Stored));
    let object = client.get(key, MAX, Tries::Several).expect("it is there");
    assert_eq!((object.bytes.as_slice(), object.form.as_deref()), (&b"hello"[..], Some("x y")));
    let head = Head { bytes: 5, form: Some("x y".to_owned()) };
    assert_eq!(client.head(key, Tries::Several), Ok(head));
    assert_eq!(client.get_range(key, 1, 3, Tries::Several).expect("a part").bytes, b"ell");
    assert_eq!(client.get_range(key, 3, 99, Tries::Several).expect("a part").bytes, b"lo");
    assert!(client.get_range(key, 5, 9, Tries::Several).is_err());
    assert_eq!(client.delete(key, Tries::Several), Ok(()));
    assert_eq!(client.delete(key, Tries::Several), Ok(())); // pitfall 39
    let missing = client.get(key, MAX, Tries::Several);
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    assert!(matches!(client.head(key, Tries::Several), Err(Error::NotFound { .. })));
}

/// Temporary credentials are renewed by somebody else: the file is all that is known of it.
#[test]
fn credentials_are_read_again_when_their_file_changes() {
    let Some(weed) = weed() else { return };
    let folder = std::env::temp_dir().join(format!("sora-test-credentials-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("credentials");
    let write = |access: &str, secret: &str| {
        let text =
            format!("[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n");
        std::fs::write(folder.join("new"), text).expect("written");
        std::fs::rename(folder.join("new"), &file).expect("renamed"); // never half of it
    };
    // Nobody looks again at once: the clock is ours to set.
    static LATER: AtomicU64 = AtomicU64::new(0);
    let clock = Clock {
        now: || SystemTime::now() + Duration::from_secs(LATER.load(Ordering::Relaxed)),
        ..CLOCK
    };
    let credentials_file = Some(file.clone());
    let settings = settings(weed.address, &bucket());
    let settings = Settings { access_key: String::new(), credentials_file, ..settings };
    assert!(Client::new(&settings, clock).is_err(), "there is no file");
    write("NOBODY", SECRET);
    let client = Client::new(&settings, clock).expect("it is a file of credentials");
    let put = || {
        LATER.fetch_add(6, Ordering::Relaxed);
        put(&client, "k", b"x", IfThere::Replace)
    };
    denied(put(), "access_key is not known");
    write(ACCESS, SECRET);
    assert_eq!(put(), Ok(Put::Stored));
    std::fs::write(&file, "[default]\naws_access").expect("half of it is written");
    assert_eq!(put(), Ok(Put::Stored));
    write(ACCESS, "another");
    denied(put(), "secret_key is wrong");
    std::fs::remove_dir_all(&folder).expect("it is there");
}

#[test]
fn an_object_that_is_there_is_left_alone_if_asked() {
    let Some(weed) = weed() else { return };
    let client = client(&settings(weed.address, &bucket()));
    assert_eq!(put(&client, "k", b"first", IfThere::Keep), Ok(Put::Stored));
    assert_eq!(put(&client, "k", b"second", IfThere::Keep), Ok(Put::Exists));
    assert_eq!(client.get("k", MAX, Tries::Once).expect("it is there").bytes, b"first");
    assert_eq!(put(&client, "k", b"second", IfThere::Replace), Ok(Put::Stored));
    assert_eq!(client.get("k", MAX, Tries::Once).expect("it is there").bytes, b"second");
}

#[test]
fn large_objects_go_in_parts() {
    let Some(weed) = weed() else { return };
    let proxy = FaultProxy::start(weed.address);
    let client = client(&settings(proxy.address, &bucket()));
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    assert_eq!(put(&client, "large", &bytes, IfThere::Keep), Ok(Put::Stored));
    assert_eq!(proxy.count("PUT"), 3);
    assert!(client.get("large", MAX, Tries::Several).expect("it is there").bytes == bytes);
    let middle = client.get_range("large", 8_388_000, 8_390_000, Tries::Several).expect("a part");
    assert!(middle.bytes == bytes[8_388_000..=8_390_000]);
    // Given up in its middle: aborted, and not there.
    proxy.set_every(3, Fault::Status(400));
    let failed = put(&client, "half", &bytes, IfThere::Keep);
    assert!(matches!(failed, Err(Error::Rejected { status: 400, .. })), "{failed:?}");
    proxy.set(Fault::None);
    assert_eq!(proxy.count("DELETE"), 1);
    assert!(matches!(client.head("half", Tries::Once), Err(Error::NotFound { .. })));
}

#[test]
fn listings() {
    let Some(weed) = weed() else { return };
    let client = client(&settings(weed.address, &bucket()));
    for key in ["p/1/a", "p/1/b", "p/2/a", "q/1/a"] {
        put(&client, key, key.as_bytes(), IfThere::Replace).expect("put");
    }
    let page = client.list("p/", false, None, Tries::Several).expect("a page");
    let keys: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["p/1/a", "p/1/b", "p/2/a"]);
    assert_eq!((page.objects[0].bytes, page.next), (5, None));
    let page = client.list("p/", true, None, Tries::Several).expect("a page");
    assert_eq!(page.folders, ["p/1/", "p/2/"]);
    assert_eq!(page.objects, []);
    assert_eq!(client.list("none/", false, None, Tries::Several), Ok(Default::default()));
}

#[test]
fn listings_have_pages() {
    let Some(weed) = weed() else { return };
    let client = client(&settings(weed.address, &bucket()));
    std::thread::scope(|scope| {
        for part in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for n in (part..1_100).step_by(8) {
                    put(client, &format!("p/{n:04}"), b"x", IfThere::Replace).expect("put");
                }
            });
        }
    });
    let (mut keys, mut page) = (Vec::new(), None);
    loop {
        let next = client.list("p/", false, page.as_deref(), Tries::Several).expect("a page");
        keys.extend(next.objects.into_iter().map(|object| object.key));
        page = next.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(keys, (0..1_100).map(|n| format!("p/{n:04}")).collect::<Vec<_>>());
}

#[track_caller]
fn denied(result: Result<Put, Error>, advice: &str) {
    match &result {
        Err(error @ Error::Denied { .. }) if error.to_string().contains(advice) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_settings_are_told_at_once() {
    let Some(weed) = weed() else { return };
    let proxy = FaultProxy::start(weed.address);
    let right = settings(proxy.address, &bucket());
    let wrong = Settings { secret_key: Secret::new("wrong"), ..right.clone() };
    denied(put(&client(&wrong), "k", b"x", IfThere::Keep), "secret_key is wrong");
    let wrong = Settings { access_key: "NOBODY".to_owned(), ..right.clone() };
    denied(put(&client(&wrong), "k", b"x", IfThere::Keep), "access_key is not known");
    let late = Clock { now: || SystemTime::now() - Duration::from_secs(3_600), ..CLOCK };
    let late = Client::new(&right, late).expect("right");
    denied(put(&late, "k", b"x", IfThere::Keep), "clock");
    assert_eq!(proxy.requests(), 3, "tried again in vain");
    let nowhere = Client::new(&Settings { endpoint: "not a host".to_owned(), ..right }, CLOCK);
    assert!(nowhere.is_err());
}

/// A folder for a file or two.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("sora-test-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
}

#[test]
fn a_bucket_may_stand_in_the_host_name() {
    let Some(weed) = weed() else { return };
    let by_path = settings(weed.address, &bucket());
    put(&client(&by_path), "a/made", b"x", IfThere::Keep).expect("the bucket is made by this");
    let by_host = Settings {
        endpoint: format!("http://localhost:{}", weed.address.port()),
        addressing: Addressing::VirtualHost,
        ..by_path.clone()
    };
    let by_host = client(&by_host);
    let key = "a/1-ü x";
    assert_eq!(put(&by_host, key, b"hello", IfThere::Keep), Ok(Put::Stored));
    assert_eq!(put(&by_host, key, b"again", IfThere::Keep), Ok(Put::Exists));
    let object = client(&by_path).get(key, MAX, Tries::Once).expect("the same object");
    assert_eq!(object.bytes, b"hello");
    assert_eq!(by_host.get_range(key, 1, 2, Tries::Once).expect("a part").bytes, b"el");
    let page = by_host.list("a/", false, None, Tries::Once).expect("a page");
    assert_eq!(page.objects.len(), 2);
    assert_eq!(by_host.delete(key, Tries::Once), Ok(()));
    assert!(matches!(by_host.head(key, Tries::Once), Err(Error::NotFound { .. })));
}

#[test]
fn https_trusts_the_authorities_it_is_told() {
    let Some(weed) = weed() else { return };
    let (folder, other_folder) = (folder("https"), folder("https-other"));
    let bucket = bucket();
    let front = TlsFront::start(weed.address, &bucket, &folder);
    let others = TlsFront::start(weed.address, &bucket, &other_folder);
    let with = |ca_file: Option<&std::path::Path>| Settings {
        endpoint: format!("localhost:{}", front.address.port()),
        disable_tls: false,
        ca_file: ca_file.map(Into::into),
        ..settings(front.address, &bucket)
    };
    let trusting = client(&with(Some(&front.ca_file)));
    assert_eq!(put(&trusting, "k", b"hello", IfThere::Replace), Ok(Put::Stored));
    assert_eq!(trusting.get("k", MAX, Tries::Once).expect("it is there").bytes, b"hello");
    let by_host = Settings { addressing: Addressing::VirtualHost, ..with(Some(&front.ca_file)) };
    assert_eq!(client(&by_host).get("k", MAX, Tries::Once).expect("the same").bytes, b"hello");
    let asked = front.heads().len();
    for ca_file in [None, Some(others.ca_file.as_path())] {
        let failed = client(&with(ca_file)).get("k", MAX, Tries::Once).expect_err("no trust");
        assert!(failed.to_string().contains("ca_file"), "{failed}");
    }
    assert_eq!(front.heads().len(), asked, "something was asked of a stranger");
    let absent = folder.join("absent.pem");
    let unreadable = Client::new(&with(Some(&absent)), CLOCK).expect_err("no such file");
    assert!(unreadable.to_string().contains("absent.pem"), "{unreadable}");
    let _gone = [folder, other_folder].map(std::fs::remove_dir_all);
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let Some(weed) = weed() else { return };
    let folder = folder("token");
    let front = TlsFront::start(weed.address, "bucket", &folder);
    let temporary = Settings {
        endpoint: format!("localhost:{}", front.address.port()),
        disable_tls: false,
        ca_file: Some(front.ca_file.clone()),
        session_token: Some(Secret::new("temporary-token")),
        ..settings(front.address, &bucket())
    };
    // This server never gave out such a token.
    let refused = put(&client(&temporary), "k", b"x", IfThere::Replace);
    let heads = front.heads();
    let head = heads.first().expect("something was asked").to_ascii_lowercase();
    assert!(head.contains("x-amz-security-token: temporary-token"), "{head}");
    let signed = head.lines().find(|line| line.starts_with("authorization:")).expect("signed");
    assert!(signed.contains("x-amz-security-token"), "{signed}");
    denied(refused.clone(), "session_token");
    let shown = format!("{refused:?} {temporary:?}");
    assert!(!shown.contains("temporary-token"), "{shown}");
    let _gone = std::fs::remove_dir_all(&folder);
}

#[test] // pitfall 35
fn what_passes_is_tried_again() {
    let Some(weed) = weed() else { return };
    let proxy = FaultProxy::start(weed.address);
    let client = client(&settings(proxy.address, &bucket()));
    put(&client, "k", b"some bytes", IfThere::Replace).expect("put");
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Refuse,
        Fault::CutRequest,
        Fault::LoseAnswer,
        Fault::CutAnswer,
        Fault::Slow(50),
    ] {
        proxy.set_every(2, fault);
        for _ in 0..6 {
            let got = client.get("k", MAX, Tries::Several);
            assert_eq!(got.expect("after another try").bytes, b"some bytes", "{fault:?}");
            put(&client, "k", b"some bytes", IfThere::Replace).expect("after another try");
        }
    }
    proxy.set(Fault::Status(503));
    let before = proxy.count("GET");
    let busy = client.get("k", MAX, Tries::Several);
    assert!(matches!(busy, Err(Error::Busy { status: 503, .. })), "{busy:?}");
    assert_eq!(proxy.count("GET") - before, sora::limits::S3_TRIES_MAX);
    let _busy = client.get("k", MAX, Tries::Once);
    assert_eq!(proxy.count("GET") - before, sora::limits::S3_TRIES_MAX + 1);
}

#[test]
fn a_service_that_is_silent_is_left_alone_and_found_again() {
    let Some(weed) = weed() else { return };
    let proxy = FaultProxy::start(weed.address);
    let settings =
        Settings { timeout: Duration::from_millis(300), ..settings(proxy.address, &bucket()) };
    let client = client(&settings);
    put(&client, "k", b"x", IfThere::Replace).expect("put");
    proxy.set(Fault::Hang);
    while client.left_alone().is_zero() {
        let silent = client.get("k", 1_000, Tries::Once);
        assert!(matches!(silent, Err(Error::Unreachable { .. })), "{silent:?}");
    }
    let start = Instant::now();
    let left = client.get("k", 1_000, Tries::Several);
    assert!(matches!(left, Err(Error::LeftAlone { .. } | Error::Unreachable { .. })), "{left:?}");
    proxy.set(Fault::None);
    while client.get("k", 1_000, Tries::Once).is_err() {
        assert!(start.elapsed() < Duration::from_secs(60), "it is not found again");
        std::thread::yield_now();
    }
    assert_eq!(client.left_alone(), Duration::ZERO);
}

#[test] // whoever knows its hash must look: the client cannot
fn bytes_may_be_spoilt_on_the_way() {
    let Some(weed) = weed() else { return };
    let proxy = FaultProxy::start(weed.address);
    let client = client(&settings(proxy.address, &bucket()));
    put(&client, "k", b"x", IfThere::Replace).expect("put");
    proxy.set(Fault::SpoilAnswer);
    assert_ne!(client.get("k", MAX, Tries::Once).expect("an object").bytes, b"x");
}

#[test]
fn nobody_there() -> io::Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?; // free again
    let client = client(&settings(port, "b"));
    let refused = client.get("k", 1_000, Tries::Once).expect_err("nobody listens");
    assert!(matches!(&refused, Error::Unreachable { .. }) && refused.is_passing(), "{refused}");
    assert!(refused.to_string().contains("refused"), "{refused}");
    Ok(())
}
