//! Programs and libraries that edit scripts by ManageSieve.

use super::{PASSWORD, Place, USER};
use crate::support::program;

#[test]
fn sieve_connect_uploads_lists_and_downloads() {
    let Some(sieve_connect) = program::find("sieve-connect") else { return };
    let place = Place::new(0);
    let port = place.server.managesieve().port().to_string();
    let script = "require \"fileinto\";\r\nif size :over 1M { fileinto \"Large\"; }\r\n";
    let path = |name: &str| place.folder().join(name).display().to_string();
    std::fs::write(path("mine.sieve"), script).expect("a script");
    std::fs::write(path("wrong.sieve"), "keep;\r\nkeeep;\r\n").expect("a script");
    let run = |args: &[&str]| {
        let common = ["--server", "127.0.0.1", "--port", &port, "--user", USER, "--notlsverify"];
        let common = [&common[..], &["--passwordfd", "0", "--authmech", "PLAIN"]].concat();
        let password = format!("{PASSWORD}\n");
        let args = [&common[..], args].concat();
        program::run_with(&sieve_connect, place.folder(), &args, &[], password.as_bytes())
    };
    let (mine, wrong, got) = (path("mine.sieve"), path("wrong.sieve"), path("got.sieve"));
    run(&["--localsieve", &mine, "--remotesieve", "mine", "--upload"]).ok();
    run(&["--remotesieve", "mine", "--activate"]).ok();
    let list = run(&["--list"]).ok().text();
    assert!(list.contains("\"mine\"") && list.to_uppercase().contains("ACTIVE"), "{list}");
    run(&["--localsieve", &got, "--remotesieve", "mine", "--download"]).ok();
    assert_eq!(std::fs::read_to_string(&got).expect("what came"), script);
    let refused = run(&["--localsieve", &wrong, "--remotesieve", "mine", "--upload"]).text();
    assert!(refused.contains("line 2, column 1"), "{refused}");
    let refused = run(&["--remotesieve", "mine", "--delete"]).text();
    assert!(refused.contains("active"), "{refused}");
    run(&["--deactivate"]).ok();
    run(&["--remotesieve", "mine", "--delete"]).ok();
    let list = run(&["--list"]).ok().text();
    assert!(!list.contains("mine"), "{list}");
    place.stop();
}
