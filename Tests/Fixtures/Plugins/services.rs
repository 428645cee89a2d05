//! A host of a few lines that `gateway.rs` asks services of: one that is answered at once, one later from another thread,
//! one that is not taken. Ends with 0 where each closure was called, or dropped, exactly once.
#[path = "../../../Examples/hello-rust/gateway.rs"]
mod gateway;

use gateway::{Answered, Bytes, Call, Complete, Host, Negotiation};
use std::ffi::c_void;
use std::sync::mpsc::{channel, Sender};

extern "C" fn complete(_: *mut c_void, _: u64, _: i32, _: Bytes) -> i32 {
    gateway::OK
}

extern "C" fn call(_: *mut c_void, _: u64, service: Bytes, request: Bytes, answered: Answered, context: *mut c_void) -> i32 {
    let request = unsafe { request.slice() }.to_vec();
    let context = context as usize;
    match unsafe { service.slice() } {
        b"now" => answered(context as *mut c_void, gateway::OK, Bytes::of(&request)),
        b"later" => {
            std::thread::spawn(move || answered(context as *mut c_void, gateway::NOT_FOUND, Bytes::of(&request)));
        }
        _ => return gateway::TOO_LARGE,
    }
    gateway::OK
}

extern "C" fn find(_: *mut c_void, id: Bytes) -> *const c_void {
    static COMPLETE: Complete = Complete { complete };
    static CALL: Call = Call { call };
    match unsafe { id.slice() } {
        b"complete/1" => &COMPLETE as *const Complete as *const c_void,
        b"call/1" => &CALL as *const Call as *const c_void,
        _ => std::ptr::null(),
    }
}

/// Says when it is dropped, so that nothing is kept and nothing is freed twice.
struct Told(Sender<String>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send("dropped".to_string());
    }
}

fn ask(host: Host, service: &str) -> (i32, Vec<String>) {
    let (sender, receiver) = channel();
    let told = Told(sender);
    let status = host.call(7, service, "{\"a\":1}", move |status, answer| {
        let _ = told.0.send(format!("{status} {}", String::from_utf8_lossy(answer)));
    });
    (status, receiver.iter().collect())
}

fn main() {
    let nothing = Bytes::of(b"");
    let mut negotiation = Negotiation {
        host_level_min: 1,
        host_level_max: 1,
        isolation: 0,
        reserved: 0,
        host_name: nothing,
        host_version: nothing,
        host: std::ptr::null_mut(),
        host_interface: find,
        level: 0,
        refused: 0,
        refusal_reason: nothing,
        plugin: std::ptr::null_mut(),
        plugin_interface: None,
    };
    let host = unsafe { Host::meet(&mut negotiation) }.ok().expect("the host is met");
    assert_eq!(ask(host, "now"), (gateway::OK, vec!["0 {\"a\":1}".to_string(), "dropped".to_string()]));
    assert_eq!(ask(host, "later"), (gateway::OK, vec!["13 {\"a\":1}".to_string(), "dropped".to_string()]));
    assert_eq!(ask(host, "none"), (gateway::TOO_LARGE, vec!["dropped".to_string()]));
}
