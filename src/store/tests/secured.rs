//! TLS to PostgreSQL: what is believed, and what is not.

use super::*;

/// Hands the server a certificate, as one of its own files, and makes it use it.
fn secure(database: &postgres::TestDatabase, certificate: &str, key: &str) {
    let mut connection = database.connect();
    for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
        let lines = pem.lines().map(|line| format!("('{line}')")).collect::<Vec<_>>().join(",");
        let file = format!("{}/{name}", database.host());
        let write = format!("COPY (VALUES {lines}) TO PROGRAM 'umask 077; cat >{file}'");
        connection.batch_execute(&write).unwrap();
    }
    let folder = database.host();
    for set in [
        format!("ssl_cert_file = '{folder}/server.crt'"),
        format!("ssl_key_file = '{folder}/server.key'"),
        "ssl = on".to_owned(),
    ] {
        connection.batch_execute(&format!("ALTER SYSTEM SET {set}")).unwrap();
    }
    connection.batch_execute("SELECT pg_reload_conf()").unwrap();
}

#[test]
fn a_server_is_believed_by_its_authority_only() {
    if !postgres::is_wanted() {
        return;
    }
    let (cluster, port) = postgres::listening_cluster();
    let database = cluster.database();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    secure(&database, &own.cert.pem(), &own.signing_key.serialize_pem());
    let dir = TemporaryDir::embedded();
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, own.cert.pem()).unwrap();
    let open = |host: &str, tls: Option<PostgresTls>| {
        let patience = Duration::from_secs(if tls.is_some() { 20 } else { 0 });
        let settings = PostgresSettings { port, tls, patience, ..settings(host, &database.name) };
        let database = Database::Postgres(settings);
        Store::open_at(&Place { database, ..Place::embedded(dir.path()) }, Opening::Beside)
    };
    // It takes the server a moment to hear of its certificate.
    let ours = Some(PostgresTls { ca_file: Some(ca_file) });
    let store = open("localhost", ours.clone()).unwrap();
    store.create_account(new_account("me@example.org")).unwrap().unwrap();
    let mut connection = database.connect();
    let tls = "SELECT COUNT(*) FROM pg_stat_ssl s JOIN pg_stat_activity a ON a.pid = s.pid
               WHERE s.ssl AND a.application_name = 'sora'";
    assert!(connection.query_one(tls, &[]).unwrap().get::<_, i64>(0) > 0);
    drop(open("127.0.0.1", None).unwrap()); // if nobody asks for it
    let refused = |host: &str, tls: Option<PostgresTls>| {
        let settings = PostgresSettings { port, tls, ..settings(host, &database.name) };
        let database = Database::Postgres(settings);
        let place = Place { database, ..Place::embedded(dir.path()) };
        let failure = Store::open_at(&place, Opening::Beside).unwrap_err().to_string();
        assert!(failure.contains("connecting to the database"), "{failure}");
    };
    refused("127.0.0.1", ours); // another name
    refused("localhost", Some(PostgresTls::default())); // the system knows no such authority
}
