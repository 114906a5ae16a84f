//! What fields do that show in no object.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::world::{eventually, shared};

/// Header lines of each request, lower-case names.
type Heard = Arc<Mutex<Vec<Vec<String>>>>;

/// A receiver that takes everything.
fn receiver() -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard = Heard::default();
    let requests = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut headers = Vec::new();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 0 && line != "\r\n" {
                headers.push(line.trim_end().to_owned());
                line.clear();
            }
            let length = headers.iter().find_map(|header| header.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            if reader.read_exact(&mut body).is_err() || headers.is_empty() {
                continue;
            }
            requests.lock().unwrap().push(headers);
            let _ = write!(reader.into_inner(), "HTTP/1.1 204 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (address, heard)
}

#[test]
fn receivers_get_what_each_field_of_a_webhook_asks_for() {
    let space = shared().namespace("hooks");
    let (instance, of_instance) = receiver();
    let (job, of_job) = receiver();
    let (other, of_other) = receiver();
    space.apply(
        "apiVersion: v1
kind: Secret
metadata: {name: hook}
stringData: {token: from-secret, signing: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
",
    );
    // The instance tells its phases, with a token and a signature from the Secret; its first OdooInitJob tells its end
    // alone, with a plain token; a second OdooInitJob names an instance that is not there, and tells nothing.
    space.apply(&format!(
        "{}  webhook:
    url: http://{instance}/hook
    tokenSecretRef: {{name: hook, key: token}}
    signingSecretRef: {{name: hook, key: signing}}
    events: [instance.phase]
  initialization:
    webhook: {{url: 'http://{job}/hook', token: plain, events: [job.completed]}}
---
apiVersion: bemade.org/v1
kind: OdooInitJob
metadata: {{name: lost}}
spec: {{odooInstanceRef: {{name: nobody}}, webhook: {{url: 'http://{other}/hook'}}}}
",
        space.quick_start("my-odoo")
    ));
    space.phase("my-odoo", "Running");
    let has = |request: &[String], line: &str| request.iter().any(|header| header.starts_with(line));
    let phases = eventually("every phase", || {
        let heard = of_instance.lock().unwrap().clone();
        (heard.len() >= 4).then_some(heard)
    });
    for request in phases {
        assert_eq!(request[0], "POST /hook HTTP/1.1");
        assert!(has(&request, "ce-type: org.bemade.odoo.instance.phase"), "{request:?}");
        assert!(has(&request, "authorization: Bearer from-secret"), "{request:?}");
        assert!(has(&request, "webhook-signature: v1,"), "{request:?}");
    }
    let ends = eventually("the end of the job", || {
        let heard = of_job.lock().unwrap().clone();
        (!heard.is_empty()).then_some(heard)
    });
    for request in ends {
        assert!(has(&request, "ce-type: org.bemade.odoo.job.completed"), "{request:?}");
        assert!(has(&request, "authorization: Bearer plain"), "{request:?}");
        assert!(!has(&request, "webhook-signature"), "{request:?}");
    }
    assert_eq!(*of_other.lock().unwrap(), Vec::<Vec<String>>::new());
}
